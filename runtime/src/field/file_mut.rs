//! Changing the file of a field.

use super::file::stored;
use super::{FieldDef, FileField, store};
use crate::inspect::Stated;
use crate::model::{FileModel, ModelField};
use crate::{Content, Error, ErrorKind, FileName, Result, name};
use std::fmt;

/// What `car.photo_mut()` gives: the file of one field, to be changed.
///
/// [`assign`](Self::assign) and [`clear`](Self::clear) change the instance alone; bytes and row follow, together,
/// when the instance is saved. [`save`](Self::save), [`rename`](Self::rename) and [`delete`](Self::delete) act on
/// the storage at once and leave the row to the caller, as Django's `save=False` does (D076).
pub struct FieldFileMut<'a, M> {
    pub(crate) model: &'a mut M,
    pub(crate) number: usize,
}

/// What the accessor of a file field returns that changes it. As [`field_file`](super::file::field_file).
#[inline]
pub const fn field_file_mut<M>(model: &mut M, number: usize) -> FieldFileMut<'_, M> {
    FieldFileMut { model, number }
}

impl<M: FileModel> FieldFileMut<'_, M> {
    pub(crate) fn field(&self) -> ModelField<M> {
        M::FIELDS.at(self.number)
    }

    /// The field.
    pub fn def(&self) -> &'static FieldDef {
        self.field().def()
    }

    /// Puts a value in, to be stored with the row: pending content, or the name of a file that is in the storage
    /// already (D070, D071). Dimensions and meta are emptied, and filled when content is stored; nothing is read.
    ///
    /// The row will hold this value, also where it is one that was read from the row earlier, and others have saved
    /// another since; a plain write to the field cannot tell that one from a value that was never touched.
    pub fn assign(&mut self, value: impl Into<FileField>) {
        let field = self.field();
        store::replace(self.model, field, value.into().assigned());
    }

    /// Empties the field. The stored file goes after the row has been saved, by the field's `on_replace`.
    pub fn clear(&mut self) {
        let field = self.field();
        store::replace(self.model, field, FileField::empty());
    }

    /// Points the field at another name of the same file, which the caller has moved (D081). Dimensions and meta
    /// stay.
    ///
    /// # Errors
    /// Those of a name that is not valid or longer than the column.
    pub fn set_name(&mut self, name: &str) -> Result<()> {
        let name = self.checked(name, "set_name")?;
        self.point_at(name, false);
        Ok(())
    }

    /// Stores `content` now, under a name made from `filename` by the field's rules, and points the field at it.
    /// Gives the stored name. `filename` counts as a client's name, as in a saved row:
    /// [`from_client`](crate::name::from_client) makes a base name of it first. The row is the caller's to save, and the file replaced stays (D077); to let file and
    /// row follow each other, [`assign`](Self::assign) and save the instance.
    ///
    /// No database is involved, so the media root is not compared with the one that the database knows: if it is an empty
    /// mount point when the process starts, the file goes there, and the save of the row then fails with
    /// [`StorageUnavailable`](ErrorKind::StorageUnavailable). If this fails, content that can be read only once is lost.
    ///
    /// # Errors
    /// Those of naming, of the field's rules and of the storage. Nothing is stored then, and the field is as it was.
    pub async fn save(&mut self, filename: &str, content: impl Into<Content>) -> Result<String> {
        let def = self.def();
        let handle = def.storage()?;
        let blame = |error: Error| def.blame(error.with_operation("save").with_name(filename));
        let is_image = self.field().value(self.model).is_image();
        let mut content: Content = content.into();
        let (_, extensions) = store::examine(def, is_image, &mut content).await.map_err(blame)?;
        let examined = store::Examined { content, extensions };
        let mut prepared =
            store::prepare(self.model, self.field(), &handle, filename, examined, Stated::default())?;
        if M::TABLE_NAME.is_none() {
            prepared.owner = format!("{}-{}", name::NOBODY, prepared.owner);
        }
        let stored = prepared.store(def, &handle).await?;
        let (field, file) = (self.field(), FileField::described(&stored.saved.name, true));
        store::fill(self.model, field, handle.alias(), &stored, file);
        Ok(stored.saved.name)
    }

    /// Moves the stored file to `name` in its storage, and points the field at it.
    ///
    /// # Errors
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) where the name is taken; those of names and of the storage.
    pub async fn rename(&mut self, name: &str) -> Result<()> {
        let to = self.checked(name, "rename")?;
        let (from, handle) = stored(self.field(), self.model, "rename")?;
        let blame = |error: Error| {
            self.def().blame(error.with_operation("rename").with_name(to).with_storage(handle.alias()))
        };
        handle.rename(from, to).await.map_err(blame)?;
        self.point_at(to, true);
        Ok(())
    }

    /// Deletes the stored file now and empties the field. A field without a file is left as it is (D063), and a
    /// file that is gone already is a success (D083).
    ///
    /// Until the row is saved it names a file that is not there. [`clear`](Self::clear) and a save of the instance
    /// never leave that gap.
    ///
    /// # Errors
    /// Those of the storage; the field is as it was then.
    pub async fn delete(&mut self) -> Result<()> {
        if self.field().value(self.model).file().name().is_some() {
            let (name, handle) = stored(self.field(), self.model, "delete")?;
            let blame = |error: Error| {
                self.def().blame(error.with_operation("delete").with_name(name).with_storage(handle.alias()))
            };
            handle.delete(name).await.map_err(blame)?;
        }
        self.clear();
        Ok(())
    }

    fn point_at(&mut self, name: FileName<'_>, stored: bool) {
        let field = self.field();
        let file = field.value(self.model).file().renamed(name.as_str(), stored);
        store::put(self.model, field, file);
    }

    fn checked<'n>(&self, name: &'n str, operation: &'static str) -> Result<FileName<'n>> {
        let limit = self.def().spec().max_length;
        let checked = FileName::new(name).and_then(|checked| {
            if name::length(name) > u64::from(limit) {
                return Err(Error::new(
                    ErrorKind::NameTooLong,
                    format!(
                        "the name is longer than the column: {} characters of {limit}",
                        name::length(name)
                    ),
                )
                .with_name(name));
            }
            Ok(checked)
        });
        checked.map_err(|error| self.def().blame(error.with_operation(operation)))
    }
}

impl<M: FileModel> fmt::Debug for FieldFileMut<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let def = self.def();
        write!(f, "<{}.{}: {:?}>", def.model(), def.name(), self.field().value(self.model).file())
    }
}

//! Changing the file of a field.

use super::file::stored;
use super::{FieldDef, FileField, store};
use crate::inspect::Stated;
use crate::model::{FileModel, ModelField};
use crate::{Content, Error, ErrorKind, FileName, Result, name};
use std::fmt;

/// The result of `car.photo_mut()`: mutable access to the file of one field.
///
/// [`assign`](Self::assign) and [`clear`](Self::clear) change only the instance; bytes and row are changed
/// together when the instance is saved. [`save`](Self::save), [`rename`](Self::rename) and
/// [`delete`](Self::delete) change the storage at once and leave the row to the caller, like Django's
/// `save=False`.
pub struct FieldFileMut<'a, M> {
    pub(crate) model: &'a mut M,
    pub(crate) number: usize,
}

/// Creates the mutable accessor of a file field, like [`field_file`](super::file::field_file).
#[inline]
pub const fn field_file_mut<M>(model: &mut M, number: usize) -> FieldFileMut<'_, M> {
    FieldFileMut { model, number }
}

impl<M: FileModel> FieldFileMut<'_, M> {
    pub(crate) fn field(&self) -> ModelField<M> {
        M::FIELDS.at(self.number)
    }

    /// Returns the field.
    pub fn def(&self) -> &'static FieldDef {
        self.field().def()
    }

    /// Assigns a value that is stored with the row: pending content, or the name of a file that is already in
    /// the storage. Clears dimensions and meta, which are filled when content is stored. Reads nothing.
    ///
    /// The row will hold this value, even if it was read from the row earlier and another writer has changed
    /// the row since. A plain write to the field cannot distinguish such a value from an untouched one.
    pub fn assign(&mut self, value: impl Into<FileField>) {
        let field = self.field();
        store::replace(self.model, field, value.into().assigned());
    }

    /// Clears the field. After the row has been saved, the stored file is handled as the field's `on_replace`
    /// says.
    pub fn clear(&mut self) {
        let field = self.field();
        store::replace(self.model, field, FileField::empty());
    }

    /// Changes the name to another name of the same file, which the caller has already moved. Keeps
    /// dimensions and meta.
    ///
    /// # Errors
    /// Returns an error if the name is invalid or longer than the column.
    pub fn set_name(&mut self, name: &str) -> Result<()> {
        let name = self.checked(name, "set_name")?;
        self.point_at(name, false);
        Ok(())
    }

    /// Stores `content` now, under a name made from `filename` by the field's rules, and sets the field to
    /// it. Returns the stored name. `filename` counts as a client's name:
    /// [`from_client`](crate::name::from_client) first makes a base name from it. The caller must save the
    /// row, and a replaced file is kept. To change file and row together, use [`assign`](Self::assign) and
    /// save the instance.
    ///
    /// No database is involved, so the media root is not compared with the one recorded in the database. If
    /// it is an empty mount point when the process starts, the file is stored there, and saving the row fails
    /// with [`StorageUnavailable`](ErrorKind::StorageUnavailable). If `save` fails, content that can be read
    /// only once is lost.
    ///
    /// # Errors
    /// Propagates errors of naming, of the field's rules and of the storage. In that case nothing is stored
    /// and the field is unchanged.
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

    /// Moves the stored file to `name` in its storage, and sets the field to the new name.
    ///
    /// # Errors
    /// Returns [`AlreadyExists`](ErrorKind::AlreadyExists) if the name is taken; propagates errors of names
    /// and of the storage.
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

    /// Deletes the stored file now and clears the field. Does nothing if the field has no file, and succeeds
    /// if the file is already gone.
    ///
    /// Until the row is saved, it names a missing file. [`clear`](Self::clear) followed by a save of the
    /// instance avoids this gap.
    ///
    /// # Errors
    /// Propagates errors of the storage. In that case the field is unchanged.
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

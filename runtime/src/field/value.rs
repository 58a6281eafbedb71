//! `FileField` and `ImageField`: column values that hold a stored name or pending content.

#[cfg(feature = "db")]
pub(super) mod mark;
mod text;

use crate::content::{Content, Pending};
use crate::{Error, ErrorKind, Result};
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

/// The value of a file column: empty, the name of a stored file, or pending content.
///
/// It holds no storage and no descriptor, so it is an ordinary text column: the name, or `''` if there is no
/// file. Inside an `Option` the column is nullable. Pending content never becomes a column value: that is an
/// error, so that a column never names a file that does not exist. In sea-query and sea-orm it is
/// a panic, because their conversions cannot fail. Store the content first, with `save` or `stage` of the
/// instance or with `photo_mut().save(..)`, or call [`column_str`](Self::column_str) in `before_save` to get
/// an error.
///
/// A value read from a row counts as unchanged until you assign to it. If another writer has replaced the
/// file since, `save` keeps the newer one. Clones behave the same. To restore an older file of the same
/// field, [assign](super::FieldFileMut::assign) it, or write `FileField::stored(name)`.
///
/// The `None` of an `Option` carries no row state; the other file values of the instance do. If all of them
/// are `None` or new, `save` clears the column, even if another writer has added a file. Prefer a plain
/// `FileField` if several writers save the same rows.
///
/// ```
/// use filefield::FileField;
/// let stored = FileField::stored("manuals/57.pdf");
/// assert_eq!(stored.name(), Some("manuals/57.pdf"));
/// let pending = FileField::new("57.pdf", "%PDF-1.4");
/// assert!(pending.is_pending() && pending.name().is_none());
/// ```
#[derive(Clone)]
pub struct FileField {
    state: State,
    #[cfg(feature = "db")]
    mark: Option<Arc<mark::Mark>>,
}

#[derive(Clone)]
#[cfg_attr(not(feature = "db"), allow(dead_code, reason = "only saves of rows ask for it"))]
enum State {
    Empty(Blank),
    Stored { name: Arc<str>, origin: Origin },
    Pending(Arc<Pending>),
}

/// Why there is no file.
#[derive(Clone)]
#[cfg_attr(not(feature = "db"), allow(dead_code, reason = "only saves of rows ask for it"))]
enum Blank {
    /// The field was cleared.
    Emptied,
    /// The `None` of an `Option`, which cannot carry an origin.
    Absent,
    /// This field of the mark's row was empty when it was read.
    Read(usize),
}

/// The origin of a stored name.
#[derive(Clone)]
#[cfg_attr(not(feature = "db"), allow(dead_code, reason = "only saves of rows ask for it"))]
enum Origin {
    /// It was assigned.
    Assigned(Assigned),
    /// An accessor set the name, so the companion fields describe this file. If `stored`, the accessor also
    /// put the file there.
    Described { stored: bool },
    /// It was read from, or written to, this field of the mark's row and is unchanged.
    Read(usize),
    /// It was staged and may not belong to a row yet.
    #[cfg(feature = "db")]
    Staged(Arc<super::claim::Claim>),
}

/// The origin of an assigned name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Assigned {
    /// From text: the row accepts it if the file exists and is in the folder of the field.
    Text,
    /// From a row: the row accepts it if the file exists.
    Row,
    /// From [`FileField::stored_unchecked`].
    Unchecked,
}

/// The value of an image column: a [`FileField`] whose accessor also has width and height.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct ImageField(FileField);

impl FileField {
    /// Creates a value without a file.
    pub const fn empty() -> Self {
        FileField::of(State::Empty(Blank::Emptied))
    }

    const fn of(state: State) -> Self {
        FileField {
            state,
            #[cfg(feature = "db")]
            mark: None,
        }
    }

    /// Creates a value for a file that is already in the storage under `name`. The empty string means no
    /// file.
    ///
    /// `name` determines which file the row reads, links to and releases. Never pass on input from a client,
    /// such as a field of a form or of a JSON body. For an upload use [`new`](Self::new) or
    /// [`pending`](Self::pending).
    ///
    /// A save that gives a row this name checks it first. It fails with [`NotFound`](ErrorKind::NotFound) if
    /// the file does not exist, and with [`InvalidName`](ErrorKind::InvalidName) if the name is outside the
    /// folder with which the field's `upload_to` begins; a function has no such folder. A row that already
    /// has the name is not checked. Use [`stored_unchecked`](Self::stored_unchecked) for names known to be
    /// right.
    ///
    /// Dimensions and meta may be set together with the name, as in a fixture. If the row has a different
    /// file and exactly the same companion values, they belong to that file, and `save` clears them. If the
    /// name is [assigned](super::FieldFileMut::assign), they are cleared at once.
    pub fn stored(name: impl AsRef<str>) -> Self {
        match name.as_ref() {
            "" => FileField::empty(),
            name => {
                FileField::of(State::Stored { name: name.into(), origin: Origin::Assigned(Assigned::Text) })
            }
        }
    }

    /// Like [`stored`](Self::stored), but a save accepts the name without checking the storage: for fixtures,
    /// and for rows of another program whose files are temporarily elsewhere. Never pass text from outside:
    /// the row would expose any file with that name.
    pub fn stored_unchecked(name: impl AsRef<str>) -> Self {
        match name.as_ref() {
            "" => FileField::empty(),
            name => FileField::of(State::Stored {
                name: name.into(),
                origin: Origin::Assigned(Assigned::Unchecked),
            }),
        }
    }

    /// Whether a save checks that the file exists before it writes the name to a row.
    #[cfg(feature = "db")]
    pub(crate) fn is_checked(&self) -> bool {
        match &self.state {
            State::Stored { origin, .. } => {
                !matches!(origin, Origin::Assigned(Assigned::Unchecked) | Origin::Staged(_))
            }
            _ => false,
        }
    }

    /// Whether the name was given as text.
    #[cfg(feature = "db")]
    pub(crate) fn is_text(&self) -> bool {
        matches!(&self.state, State::Stored { origin: Origin::Assigned(Assigned::Text), .. })
    }

    /// A file under `name` that its companion fields describe.
    pub(crate) fn described(name: &str, stored: bool) -> Self {
        FileField::of(State::Stored { name: name.into(), origin: Origin::Described { stored } })
    }

    /// Whether an accessor put the file under its name and no row holds it yet.
    #[cfg(feature = "db")]
    pub(crate) fn is_stored_here(&self) -> bool {
        matches!(&self.state, State::Stored { origin: Origin::Described { stored: true }, .. })
    }

    /// The same file under another name. If `stored`, it was moved there.
    pub(crate) fn renamed(&self, name: &str, stored: bool) -> Self {
        match &self.state {
            // The new name is explicit, so it counts as assigned.
            State::Stored { origin: Origin::Assigned(_), .. } => {
                FileField::of(State::Stored { name: name.into(), origin: Origin::Assigned(Assigned::Row) })
            }
            _ => FileField::described(name, stored),
        }
    }

    /// Creates a value from content that is stored when the row is saved: anything that converts into a
    /// [`Content`], such as bytes, text, a temporary file or an open file. `filename` is the client's name;
    /// the field's rules make the stored name from it.
    pub fn new(filename: impl Into<String>, content: impl Into<Content>) -> Self {
        FileField::pending(Pending::new(filename, content))
    }

    /// Creates a value that copies the file at `path` when the row is saved, with the file's own name.
    ///
    /// # Errors
    /// The errors of [`Pending::from_path`].
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        Ok(FileField::pending(Pending::from_path(path)?))
    }

    /// Creates a value from any pending content.
    pub fn pending(content: Pending) -> Self {
        FileField::of(State::Pending(Arc::new(content)))
    }

    /// Returns the name relative to the storage, or `None` if nothing is stored.
    pub fn name(&self) -> Option<&str> {
        match &self.state {
            State::Stored { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The same value, explicitly assigned: no longer the value read from a row.
    pub(crate) fn assigned(self) -> Self {
        FileField::of(match self.state {
            State::Empty(_) => State::Empty(Blank::Emptied),
            State::Stored { name, origin: Origin::Read(_) } => {
                State::Stored { name, origin: Origin::Assigned(Assigned::Row) }
            }
            state => state,
        })
    }

    /// A file staged under `name`.
    #[cfg(feature = "db")]
    pub(crate) fn staged(name: &str, claim: super::claim::Claim) -> Self {
        FileField::of(State::Stored { name: name.into(), origin: Origin::Staged(Arc::new(claim)) })
    }

    /// The claim of a staged file.
    #[cfg(feature = "db")]
    pub(crate) fn claim(&self) -> Option<&super::claim::Claim> {
        match &self.state {
            State::Stored { origin: Origin::Staged(claim), .. } => Some(claim),
            _ => None,
        }
    }

    /// Returns whether there is neither a stored file nor pending content.
    pub fn is_empty(&self) -> bool {
        matches!(self.state, State::Empty(_))
    }

    /// Returns whether there is content that can still be stored. `false` if the content could be read only
    /// once and a failed save has read it: the field then has neither content nor a file, and a save fails
    /// with [`Consumed`](ErrorKind::Consumed) until it is assigned again.
    pub fn is_pending(&self) -> bool {
        self.as_pending().is_some_and(|pending| !pending.is_consumed())
    }

    /// Returns the content to store, even if it [was consumed](Pending::is_consumed) by a failed save.
    pub fn as_pending(&self) -> Option<&Pending> {
        match &self.state {
            State::Pending(pending) => Some(pending),
            _ => None,
        }
    }

    /// Returns the column value: the name, or `""` for no file.
    ///
    /// # Errors
    /// Returns [`NotStored`](ErrorKind::NotStored) while content is pending, and
    /// [`Consumed`](ErrorKind::Consumed) if a failed save has read it.
    pub fn column_str(&self) -> Result<&str> {
        match &self.state {
            State::Empty(_) => Ok(""),
            State::Stored { name, .. } => Ok(name),
            State::Pending(pending) if pending.is_consumed() => Err(pending.consumed()),
            State::Pending(pending) => Err(Error::new(
                ErrorKind::NotStored,
                "the content is not stored yet, so it has no name for the column; store it first, with `save` or `stage` \
                 of the instance, or with `save` of the field's accessor (`photo_mut().save(..)`)",
            )
            .with_name(pending.name())),
        }
    }
}

impl Default for FileField {
    fn default() -> Self {
        FileField::empty()
    }
}

impl ImageField {
    /// Creates a value without an image.
    pub const fn empty() -> Self {
        ImageField(FileField::empty())
    }

    /// Like [`FileField::stored`].
    pub fn stored(name: impl AsRef<str>) -> Self {
        ImageField(FileField::stored(name))
    }

    /// Like [`FileField::stored_unchecked`].
    pub fn stored_unchecked(name: impl AsRef<str>) -> Self {
        ImageField(FileField::stored_unchecked(name))
    }

    /// Like [`FileField::new`].
    pub fn new(filename: impl Into<String>, content: impl Into<Content>) -> Self {
        ImageField(FileField::new(filename, content))
    }

    /// Like [`FileField::from_path`].
    ///
    /// # Errors
    /// The errors of [`FileField::from_path`].
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        FileField::from_path(path).map(ImageField)
    }

    /// Like [`FileField::pending`].
    pub fn pending(content: Pending) -> Self {
        ImageField(FileField::pending(content))
    }
}

impl std::ops::Deref for ImageField {
    type Target = FileField;
    fn deref(&self) -> &FileField {
        &self.0
    }
}

impl From<FileField> for ImageField {
    fn from(file: FileField) -> Self {
        ImageField(file)
    }
}

impl From<ImageField> for FileField {
    fn from(image: ImageField) -> Self {
        image.0
    }
}

/// Stored files are equal if their names are equal, pending ones if they share their content.
impl PartialEq for FileField {
    fn eq(&self, other: &Self) -> bool {
        match (&self.state, &other.state) {
            (State::Empty(_), State::Empty(_)) => true,
            (State::Stored { name: a, .. }, State::Stored { name: b, .. }) => a == b,
            (State::Pending(a), State::Pending(b)) => a.is_same(b),
            _ => false,
        }
    }
}

impl Eq for FileField {}

impl Hash for FileField {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.state {
            State::Empty(_) => state.write_u8(0),
            State::Stored { name, .. } => name.hash(state),
            State::Pending(pending) => pending.name().hash(state),
        }
    }
}

/// A type allowed with `#[file]`: [`FileField`], [`ImageField`], and `Option` of either.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a file field",
    label = "expected `FileField` or `ImageField`, optionally inside `Option`",
    note = "remove `#[file]` if this field does not hold an uploaded file"
)]
pub trait FieldValue: super::Listed + Send + Sync + 'static {
    /// Returns the file; an empty one for `None`.
    fn file(&self) -> &FileField;
    /// Sets the file. An empty one becomes `None` in an `Option`.
    fn set_file(&mut self, file: FileField);
    /// Whether it is an image.
    fn is_image(&self) -> bool;
}

/// A [`FieldValue`] with an image, which has dimensions.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no dimensions",
    label = "only images have dimensions",
    note = "change the field's type to `ImageField`, or remove the key that needs an image"
)]
pub trait ImageValue: FieldValue {}

// `do_not_recommend` keeps these out of the error about a wrong type, whose label already names them.
static EMPTY: FileField = FileField::of(State::Empty(Blank::Absent));

#[diagnostic::do_not_recommend]
impl FieldValue for FileField {
    fn file(&self) -> &FileField {
        self
    }
    fn set_file(&mut self, file: FileField) {
        *self = file;
    }
    fn is_image(&self) -> bool {
        false
    }
}

#[diagnostic::do_not_recommend]
impl FieldValue for ImageField {
    fn file(&self) -> &FileField {
        &self.0
    }
    fn set_file(&mut self, file: FileField) {
        self.0 = file;
    }
    fn is_image(&self) -> bool {
        true
    }
}

#[diagnostic::do_not_recommend]
impl FieldValue for Option<FileField> {
    fn file(&self) -> &FileField {
        self.as_ref().unwrap_or(&EMPTY)
    }
    fn set_file(&mut self, file: FileField) {
        *self = (!file.is_empty()).then_some(file);
    }
    fn is_image(&self) -> bool {
        false
    }
}

#[diagnostic::do_not_recommend]
impl FieldValue for Option<ImageField> {
    fn file(&self) -> &FileField {
        self.as_ref().map_or(&EMPTY, |image| &image.0)
    }
    fn set_file(&mut self, file: FileField) {
        *self = (!file.is_empty()).then_some(ImageField(file));
    }
    fn is_image(&self) -> bool {
        true
    }
}

#[diagnostic::do_not_recommend]
impl ImageValue for ImageField {}
#[diagnostic::do_not_recommend]
impl ImageValue for Option<ImageField> {}

//! `FileField` and `ImageField`: plain column values that hold a stored name or pending content.

#[cfg(feature = "db")]
pub(super) mod mark;
mod text;

use crate::content::{Content, Pending};
use crate::{Error, ErrorKind, Result};
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

/// The value of a file column: nothing, the name of a stored file, or content still to be stored.
///
/// It holds no storage and no descriptor, so it is an ordinary column value: text that holds the name, `''` where there is
/// no file. Wrapped in `Option` the column is nullable. Pending content never becomes a column value: that is an error, not
/// a name that does not exist. Where sea-orm writes a companion model, it is a panic, since its conversion has no way to
/// fail: store the content first, with `save` or `stage` of the instance or with `photo_mut().save(..)`, or ask
/// [`column_str`](Self::column_str) in `before_save` for an error.
///
/// A value that was read from a row knows that. While it is in its field it says nothing of what the row is to hold: where
/// others have given the row another file meanwhile, a save keeps theirs. That holds for a clone as well, wherever it has
/// been, since an instance that was cloned before others saved and one that an older value was written back into look the
/// same. To put an older file of the same field back, [assign](super::FieldFileMut::assign) it, or write
/// `FileField::stored(name)`.
///
/// The `None` of an `Option` knows nothing; the other file values of the instance tell whether it knew of a file. Where they
/// are all `None`, or new, a save empties the column, also of a file that others have added since: a plain `FileField` is the
/// better choice where rows are saved by several.
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
    /// Somebody emptied the field.
    Emptied,
    /// It is the `None` of an `Option`, which has no place for what it comes from.
    Absent,
    /// There was none in this field of the row of the mark.
    Read(usize),
}

/// Where a stored name comes from.
#[derive(Clone)]
#[cfg_attr(not(feature = "db"), allow(dead_code, reason = "only saves of rows ask for it"))]
enum Origin {
    /// Somebody assigned it.
    Assigned(Assigned),
    /// It was given its name here, so the fields beside it tell of this very file; and if `stored`, it was put under the
    /// name here.
    Described { stored: bool },
    /// It was read from this field of the row of the mark, or written to it, and nobody has changed it since.
    Read(usize),
    /// It was staged, and may not belong to a row yet.
    #[cfg(feature = "db")]
    Staged(Arc<super::claim::Claim>),
}

/// Where a name that somebody assigned comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Assigned {
    /// From text: the row takes it where such a file is there, in the folder of the field.
    Text,
    /// From a row: the row takes it where such a file is there.
    Row,
    /// From whoever knows better.
    Unchecked,
}

/// The value of an image column: a [`FileField`] whose accessor also knows width and height.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct ImageField(FileField);

impl FileField {
    /// No file.
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

    /// A file that is in the storage already, under `name`. The empty string is no file.
    ///
    /// Whoever chooses `name` chooses which file the row reads, links to and gives up. Never pass on what a client has
    /// sent, such as a field of a form or of a JSON body. For an upload there are [`new`](Self::new) and
    /// [`pending`](Self::pending).
    ///
    /// A save that gives a row this name looks first: without such a file it fails with
    /// [`NotFound`](ErrorKind::NotFound), and with [`InvalidName`](ErrorKind::InvalidName) where the name is outside the
    /// folder that the field's `upload_to` begins with; a function has no such folder. A row that has the name already is
    /// not asked. [`stored_unchecked`](Self::stored_unchecked) is for names that are known to be right.
    ///
    /// Dimensions and meta beside the field may be set along with it, as a fixture does. Where the row has another file
    /// and just what stands beside this name, they are that file's, and empty after the save; as they are at once where
    /// the name is [assigned](super::FieldFileMut::assign).
    pub fn stored(name: impl AsRef<str>) -> Self {
        match name.as_ref() {
            "" => FileField::empty(),
            name => {
                FileField::of(State::Stored { name: name.into(), origin: Origin::Assigned(Assigned::Text) })
            }
        }
    }

    /// As [`stored`](Self::stored), but a save takes the name as it is, without a look at the storage: for fixtures, and
    /// for rows of another program whose files are elsewhere for the moment. Never give it text that came from outside: the
    /// row would show whatever file has that name.
    pub fn stored_unchecked(name: impl AsRef<str>) -> Self {
        match name.as_ref() {
            "" => FileField::empty(),
            name => FileField::of(State::Stored {
                name: name.into(),
                origin: Origin::Assigned(Assigned::Unchecked),
            }),
        }
    }

    /// Whether a save looks for the file before it gives the name to a row.
    #[cfg(feature = "db")]
    pub(crate) fn is_checked(&self) -> bool {
        match &self.state {
            State::Stored { origin, .. } => {
                !matches!(origin, Origin::Assigned(Assigned::Unchecked) | Origin::Staged(_))
            }
            _ => false,
        }
    }

    /// Whether the name came as text.
    #[cfg(feature = "db")]
    pub(crate) fn is_text(&self) -> bool {
        matches!(&self.state, State::Stored { origin: Origin::Assigned(Assigned::Text), .. })
    }

    /// A file under `name` that the fields beside it tell of.
    pub(crate) fn described(name: &str, stored: bool) -> Self {
        FileField::of(State::Stored { name: name.into(), origin: Origin::Described { stored } })
    }

    /// Whether an accessor has put the file under its name, where no row holds it yet.
    #[cfg(feature = "db")]
    pub(crate) fn is_stored_here(&self) -> bool {
        matches!(&self.state, State::Stored { origin: Origin::Described { stored: true }, .. })
    }

    /// The same file under another name, and if `stored`, put there.
    pub(crate) fn renamed(&self, name: &str, stored: bool) -> Self {
        match &self.state {
            // Whoever renames it means this very name.
            State::Stored { origin: Origin::Assigned(_), .. } => {
                FileField::of(State::Stored { name: name.into(), origin: Origin::Assigned(Assigned::Row) })
            }
            _ => FileField::described(name, stored),
        }
    }

    /// Content to be stored when the row is saved: whatever a [`Content`] is made from, such as bytes, text, a temporary
    /// file or an open file. `filename` is what a client calls it; the field's rules make the stored name from it.
    pub fn new(filename: impl Into<String>, content: impl Into<Content>) -> Self {
        FileField::pending(Pending::new(filename, content))
    }

    /// A copy of the file at `path`, to be stored when the row is saved under the file's own name.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) and the like where the file cannot be read.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        Ok(FileField::pending(Pending::from_path(path)?))
    }

    /// Any pending content.
    pub fn pending(content: Pending) -> Self {
        FileField::of(State::Pending(Arc::new(content)))
    }

    /// The name relative to the storage (D059), `None` where nothing is stored.
    pub fn name(&self) -> Option<&str> {
        match &self.state {
            State::Stored { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The same value, put into a field on purpose: no longer what a row was read with.
    pub(crate) fn assigned(self) -> Self {
        FileField::of(match self.state {
            State::Empty(_) => State::Empty(Blank::Emptied),
            State::Stored { name, origin: Origin::Read(_) } => {
                State::Stored { name, origin: Origin::Assigned(Assigned::Row) }
            }
            state => state,
        })
    }

    /// A file that was staged under `name`.
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

    /// Whether there is no file at all.
    pub fn is_empty(&self) -> bool {
        matches!(self.state, State::Empty(_))
    }

    /// Whether content waits to be stored, and can be. It cannot where it could be read once, and was, by a save that failed:
    /// then the field has neither content nor a file, and a save fails with [`Consumed`](ErrorKind::Consumed) until it is
    /// assigned anew.
    pub fn is_pending(&self) -> bool {
        self.as_pending().is_some_and(|pending| !pending.is_consumed())
    }

    /// The content that waits to be stored, or [was read](Pending::is_consumed) by a save that failed.
    pub fn as_pending(&self) -> Option<&Pending> {
        match &self.state {
            State::Pending(pending) => Some(pending),
            _ => None,
        }
    }

    /// What belongs into the column: the name, or `""` for no file (D122).
    ///
    /// # Errors
    /// [`NotStored`](ErrorKind::NotStored) while content is pending; [`Consumed`](ErrorKind::Consumed) where it was read by
    /// a save that failed.
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
    /// No image.
    pub const fn empty() -> Self {
        ImageField(FileField::empty())
    }

    /// As [`FileField::stored`].
    pub fn stored(name: impl AsRef<str>) -> Self {
        ImageField(FileField::stored(name))
    }

    /// As [`FileField::stored_unchecked`].
    pub fn stored_unchecked(name: impl AsRef<str>) -> Self {
        ImageField(FileField::stored_unchecked(name))
    }

    /// As [`FileField::new`].
    pub fn new(filename: impl Into<String>, content: impl Into<Content>) -> Self {
        ImageField(FileField::new(filename, content))
    }

    /// As [`FileField::from_path`].
    ///
    /// # Errors
    /// As [`FileField::from_path`].
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        FileField::from_path(path).map(ImageField)
    }

    /// As [`FileField::pending`].
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

/// Stored files are equal by name, pending ones when they share their content (D085).
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

/// A type that `#[file]` may stand on: [`FileField`], [`ImageField`], and `Option` of either.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a file field",
    label = "expected `FileField` or `ImageField`, optionally inside `Option`",
    note = "remove `#[file]` if this field does not hold an uploaded file"
)]
pub trait FieldValue: super::Listed + Send + Sync + 'static {
    /// The file in it; an empty one for `None`.
    fn file(&self) -> &FileField;
    /// Puts a file in; an empty one becomes `None` where there is an `Option`.
    fn set_file(&mut self, file: FileField);
    /// Whether it is an image.
    fn is_image(&self) -> bool;
}

/// A [`FieldValue`] that holds an image, and so has dimensions.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no dimensions",
    label = "only images have dimensions",
    note = "change the field's type to `ImageField`, or remove the key that needs an image"
)]
pub trait ImageValue: FieldValue {}

// `do_not_recommend` on these keeps a list of them out of the error about a wrong type, whose label names them already.
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

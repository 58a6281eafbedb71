//! What a value knows of the row that it was read from or written to.

use super::{Blank, FileField, Origin, State};
use std::sync::Arc;

/// What an instance knows of its row. Its file values share it, since an instance itself has no place for it; nor has an
/// `Option` without a file.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    /// The row: a number made of its table and its key.
    pub(crate) row: u64,
    /// The numbers of the fields that it has known a file of.
    pub(crate) known: Vec<usize>,
    /// Where the key was made in a transaction of the caller's, of which nothing is known since: the staged files that the
    /// row was written with, each with the number of its field. Until they are swept no other row has their names.
    pub(crate) born: Option<Vec<(usize, String)>>,
}

impl FileField {
    /// What the instance that the value was in knew of `row`.
    pub(crate) fn mark(&self, row: u64) -> Option<&Mark> {
        self.mark.as_deref().filter(|mark| mark.row == row)
    }

    /// The same value in an instance that knows as much.
    pub(crate) fn with_mark(mut self, mark: Option<Arc<Mark>>) -> Self {
        self.mark = mark;
        self
    }

    /// The same value, put into a field of an instance where `old` was.
    pub(crate) fn in_place_of(self, old: &FileField) -> Self {
        self.with_mark(old.mark.clone())
    }

    /// The same value, as read from the field `number` of the row.
    pub(crate) fn read_from(self, mark: Arc<Mark>, number: usize) -> Self {
        let state = match self.state {
            State::Empty(_) => State::Empty(Blank::Read(number)),
            State::Stored { name, .. } => State::Stored { name, origin: Origin::Read(number) },
            pending => pending,
        };
        FileField { state, mark: Some(mark) }
    }

    /// The same value, after it was written to a new row in a transaction of the caller's. A name that was assigned is
    /// one that was read from now on, where the `mark` tells whether the row is the instance's own.
    pub(crate) fn inserted(self, mark: Arc<Mark>, number: usize) -> Self {
        match &self.state {
            State::Empty(_) => self.read_from(mark, number),
            State::Stored { origin: Origin::Assigned(_) | Origin::Described { .. }, .. }
                if mark.born.is_some() =>
            {
                self.read_from(mark, number)
            }
            _ => self.with_mark(Some(mark)),
        }
    }

    /// Whether an instance with this `mark` has in the field `number` what it read there or wrote, and nobody has changed
    /// it since. It tells a name that was assigned from one that only rode along in an instance that others have overtaken
    /// (F25), and a `None` that empties the field from one where the instance never knew of a file.
    pub(crate) fn is_unchanged(&self, mark: Option<&Mark>, number: usize) -> bool {
        let Some(mark) = mark else { return false };
        match &self.state {
            State::Empty(Blank::Absent) => !mark.known.contains(&number),
            State::Empty(Blank::Read(read)) | State::Stored { origin: Origin::Read(read), .. } => {
                *read == number && self.mark(mark.row).is_some()
            }
            _ => false,
        }
    }

    /// Whether what stands beside the file in the field `number` may be of another file.
    pub(crate) fn is_foreign(&self, mark: Option<&Mark>, number: usize) -> bool {
        match &self.state {
            State::Empty(_) | State::Stored { origin: Origin::Read(_), .. } => {
                !self.is_unchanged(mark, number)
            }
            State::Stored { origin, .. } => matches!(origin, Origin::Assigned(_)),
            State::Pending(_) => false,
        }
    }
}

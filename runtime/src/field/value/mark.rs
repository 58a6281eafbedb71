//! What a value knows of the row that it was read from or written to.

use super::{Blank, FileField, Origin, State};
use std::sync::Arc;

/// What an instance knows of its row. Shared by its file values, because the instance itself cannot store it.
/// An `Option` without a file cannot store it either.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    /// The row: a hash of its table and key.
    pub(crate) row: u64,
    /// The numbers of the fields in which a file was known.
    pub(crate) known: Vec<usize>,
    /// Set if the key was generated in the caller's transaction, whose outcome is unknown: the staged files
    /// written with the row, each with its field number. Until they are swept, no other row has their names.
    pub(crate) born: Option<Vec<(usize, String)>>,
}

impl FileField {
    /// The mark of the instance, if it is for `row`.
    pub(crate) fn mark(&self, row: u64) -> Option<&Mark> {
        self.mark.as_deref().filter(|mark| mark.row == row)
    }

    /// The same value with this mark.
    pub(crate) fn with_mark(mut self, mark: Option<Arc<Mark>>) -> Self {
        self.mark = mark;
        self
    }

    /// The same value, placed in a field that held `old`.
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

    /// The same value after it was written to a new row in the caller's transaction. An assigned name counts
    /// as read from now on, if the `mark` can tell whether the row is the instance's own.
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

    /// Whether the field `number` of an instance with this `mark` still has the value read or written there.
    /// Distinguishes an assigned name from one that is merely outdated in an instance overtaken by other
    /// writers, and a `None` that clears the field from one in an instance that never knew of a file.
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

    /// Whether the companion values of the field `number` may describe a different file.
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

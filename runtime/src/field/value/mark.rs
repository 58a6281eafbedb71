//! What a value knows of the row that it was read from or written to.

use super::{FileField, Origin, State};
use std::sync::Arc;

/// What an instance knows of its row. Its file values share it, since an instance itself has no place for it; nor has an
/// `Option` without a file.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    /// The row: a number made of its table and its key.
    pub(crate) row: u64,
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
            State::Empty { .. } => State::Empty { read: Some(number) },
            State::Stored { name, .. } => State::Stored { name, origin: Origin::Read(number) },
            pending => pending,
        };
        FileField { state, mark: Some(mark) }
    }

    /// Whether it was read from the field `number` of `row`, or written to it, and nobody has changed it since. It tells a
    /// name that was assigned from one that only rode along in an instance that others have overtaken (F25).
    pub(crate) fn is_read_from(&self, row: u64, number: usize) -> bool {
        let read = match &self.state {
            State::Empty { read } => *read,
            State::Stored { origin: Origin::Read(read), .. } => Some(*read),
            _ => None,
        };
        read == Some(number) && self.mark(row).is_some()
    }

    /// Whether what stands beside the file in the field `number` of `row` may be of another file.
    pub(crate) fn is_foreign(&self, row: u64, number: usize) -> bool {
        match &self.state {
            State::Empty { .. } | State::Stored { origin: Origin::Read(_), .. } => {
                !self.is_read_from(row, number)
            }
            State::Stored { origin, .. } => matches!(origin, Origin::Assigned),
            State::Pending(_) => false,
        }
    }
}

//! What instances know of their rows, noted in their file values.

use super::Table;
use super::save::key_of;
use crate::field::Mark;
use crate::journal::Written;
use std::sync::Arc;

/// A number for the row of this table and key.
pub(super) fn row_of<M: Table>(model: &M) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (M::TABLE, format!("{:?}", key_of(model).1)).hash(&mut hasher);
    hasher.finish()
}

/// What the instance knows of the row of its key; `None` where it was never read from it nor written to it.
pub(super) fn mark_of<M: Table>(model: &M) -> Option<Mark> {
    let row = row_of(model);
    M::FIELDS.iter().find_map(|field| field.value(model).file().mark(row).cloned())
}

/// Notes in the file fields that this is how the row was read, or written for certain.
pub(super) fn mark_row<M: Table>(model: &mut M) {
    let mark = Arc::new(Mark { row: row_of(model), born: None });
    for field in M::FIELDS.iter() {
        let file = field.value(model).file().clone().read_from(mark.clone(), field.number());
        field.value_mut(model).set_file(file);
    }
}

/// Notes what was written in a transaction of the caller's, where nothing is certain yet: what was changed there is written
/// again by the next save. `before` is what the instance knew.
pub(super) fn mark_uncertain<M: Table>(model: &mut M, before: Option<Mark>, written: &Written) {
    let mut mark = match before {
        _ if written.inserted.is_some() => Mark { row: row_of(model), born: Some(Vec::new()) },
        Some(mark) => mark,
        None => return,
    };
    if let Some(born) = &mut mark.born {
        born.extend(M::FIELDS.iter().filter_map(|field| {
            let file = field.value(model).file();
            file.claim().and(file.name()).map(|name| (field.number(), name.to_owned()))
        }));
    }
    let mark = Some(Arc::new(mark));
    for field in M::FIELDS.iter() {
        let file = field.value(model).file().clone().with_mark(mark.clone());
        field.value_mut(model).set_file(file);
    }
}

//! What instances know about their rows. It is kept in their file values.

use super::Table;
use super::save::{Columns, key_of};
use super::write::Written;
use crate::field::{FileField, Mark};
use std::sync::Arc;

/// A number that identifies the row of this table and key.
pub(super) fn row_of<M: Table>(model: &M) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (M::TABLE, format!("{:?}", key_of(model).1)).hash(&mut hasher);
    hasher.finish()
}

/// What the instance knows about the row of its key; `None` if it was never read from the row or written to
/// it. Some of its file values may come from another instance of the row, so only what all of them know
/// counts.
pub(super) fn mark_of<M: Table>(model: &M) -> Option<Mark> {
    let row = row_of(model);
    let marks = || M::FIELDS.iter().filter_map(|field| field.value(model).file().mark(row));
    let mut mark = marks().next()?.clone();
    mark.known.retain(|number| marks().all(|other| other.known.contains(number)));
    Some(mark)
}

/// Notes in the file fields that the row was read or committed with these files.
pub(super) fn mark_row<M: Table>(model: &mut M) {
    if M::FIELDS.is_empty() {
        return;
    }
    let mark = Arc::new(Mark { row: row_of(model), known: named(model).collect(), born: None });
    put(model, |file, number| file.read_from(mark.clone(), number));
}

/// Notes that the files of these columns were committed. The other fields are unchanged.
pub(super) fn mark_columns<M: Table>(model: &mut M, before: Option<Mark>, columns: Columns<'_>) {
    let is_written = |number: usize| M::FIELDS.iter().any(|f| f.number() == number && columns.has_file(f));
    let is_known = before.is_some();
    let mut mark = before.unwrap_or_else(|| Mark { row: row_of(model), known: Vec::new(), born: None });
    mark.known.extend(named(model).filter(|number| is_written(*number)));
    let mark = Arc::new(mark);
    put(model, |file, number| match is_written(number) {
        true => file.read_from(mark.clone(), number),
        false if is_known => file.with_mark(Some(mark.clone())),
        false => file,
    });
}

/// Notes what was written in a transaction of the caller, which may still be rolled back: the next save
/// writes these changes again. `before` is what the instance knew.
pub(super) fn mark_uncertain<M: Table>(model: &mut M, before: Option<Mark>, written: &Written) {
    let is_made = written.inserted.is_some();
    let is_inserted = is_made || written.is_created;
    let mut mark = match before {
        Some(mark) if !is_made => mark,
        None if !is_inserted => return,
        _ => Mark { row: row_of(model), known: Vec::new(), born: is_made.then(Vec::new) },
    };
    mark.known.extend(named(model));
    if let Some(born) = &mut mark.born {
        born.extend(M::FIELDS.iter().filter_map(|field| {
            let file = field.value(model).file();
            file.claim().and(file.name()).map(|name| (field.number(), name.to_owned()))
        }));
    }
    let mark = Arc::new(mark);
    put(model, |file, number| match is_inserted {
        true => file.inserted(mark.clone(), number),
        false => file.with_mark(Some(mark.clone())),
    });
}

/// The numbers of the fields that have a file.
fn named<M: Table>(model: &M) -> impl Iterator<Item = usize> {
    M::FIELDS.iter().filter(|field| field.value(model).file().name().is_some()).map(|field| field.number())
}

fn put<M: Table>(model: &mut M, marked: impl Fn(FileField, usize) -> FileField) {
    for field in M::FIELDS.iter() {
        let file = marked(field.value(model).file().clone(), field.number());
        field.value_mut(model).set_file(file);
    }
}

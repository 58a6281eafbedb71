//! The storage of a file.
//!
//! It is the field's own, unless the row names a different one in
//! [`FileMeta::storage`](crate::FileMeta::storage), through the field's `meta_field`. So the files of one
//! field may be in several storages, for example during `filefield::ops::storage_move` or after a change of
//! the storage function.
//!
//! * A row that names no storage, or has no `meta_field`, means the field's own storage.
//! * Any other alias is looked up and never guessed: an unknown alias is an error that names it. To keep a
//!   renamed alias working, let it refer to the new one with
//!   [`AppBuilder::storage`](super::AppBuilder::storage).
//! * Two aliases of one storage are the same storage. If one is the field's own alias, that alias is used.
//! * Inside [`with_storage`](super::with_storage) every storage is the override, whatever a row names.

use super::storages::{is_same, look_up};
use super::{StorageHandle, models, overrides};
use crate::{Error, ErrorKind, Result};

/// Returns the storage of a file whose row names `alias`, for a field with the storage `own`.
#[cold]
pub(crate) fn elsewhere<'a>(own: StorageHandle<'a>, alias: &str) -> Result<StorageHandle<'a>> {
    if own.is_override() || own.alias() == alias {
        return Ok(own);
    }
    let stated = handle(alias)?;
    Ok(if is_same(&stated, &own) { own } else { stated })
}

/// Returns the storage with this alias, and its final alias.
pub(crate) fn handle(alias: &str) -> Result<StorageHandle<'static>> {
    if let Some(storage) = overrides::required()? {
        return Ok(StorageHandle::overridden(storage));
    }
    let unknown = match look_up(alias) {
        Ok((alias, storage)) => return Ok(StorageHandle::elsewhere(alias, storage)),
        Err(error) if error.kind() == ErrorKind::UnknownStorage => error,
        Err(error) => return Err(error),
    };
    match models::storage_of_field(alias) {
        Some(found) => Ok(StorageHandle::elsewhere(alias.to_owned(), found?)),
        None => Err(gone(alias, &unknown)),
    }
}

fn gone(alias: &str, unknown: &Error) -> Error {
    let alias = alias.escape_debug();
    let message = format!(
        "the file is in the storage `{alias}`, which is not known here: {unknown}; if it goes by another alias now, \
         let the old one stand for that: `App::builder().storage(\"{alias}\", \"..\")`"
    );
    Error::new(ErrorKind::UnknownStorage, message)
}

/// Returns the journal's alias of a file whose row names `stated`, for a field whose storage has the alias
/// `own`. Returns `stated` unchanged if it cannot be looked up.
#[cfg(feature = "db")]
pub(crate) fn home_alias(own: &str, stated: Option<&str>) -> String {
    let Some(stated) = stated.filter(|stated| *stated != own && own != crate::settings::OVERRIDE) else {
        return own.to_owned();
    };
    match (handle(own), handle(stated)) {
        (Ok(own), Ok(stated)) if is_same(&own, &stated) => own.alias().to_owned(),
        (_, Ok(stated)) => stated.alias().to_owned(),
        (_, Err(_)) => stated.to_owned(),
    }
}

//! The storage that a file is in.
//!
//! It is the field's own, unless the row says another one: [`FileMeta::storage`](crate::FileMeta::storage), behind the
//! field's `meta_field`. So the files of one field may lie in several storages, as they do while
//! `filefield::ops::storage_move` is under way, or after the storage function has been changed.
//!
//! * A row that states no storage means the field's own, as one does without `meta_field`.
//! * An alias that is not the field's own is looked up like any other. What it says is believed and never guessed
//!   (F34): where no storage goes by it, that is an error that names it. An alias that was renamed is kept alive by
//!   [`AppBuilder::storage`](super::AppBuilder::storage), which lets one alias stand for another.
//! * Two aliases of one storage are one storage. The field's own alias is the one that counts then.
//! * Inside [`with_storage`](super::with_storage) every storage is the one in force, whatever a row states.

use super::storages::{is_same, look_up};
use super::{StorageHandle, models, overrides};
use crate::{Error, ErrorKind, Result};

/// The storage of a file whose row states `alias`, of a field whose own storage is `own`.
#[cold]
pub(crate) fn elsewhere<'a>(own: StorageHandle<'a>, alias: &str) -> Result<StorageHandle<'a>> {
    if own.is_override() || own.alias() == alias {
        return Ok(own);
    }
    let stated = handle(alias)?;
    Ok(if is_same(&stated, &own) { own } else { stated })
}

/// The storage that goes by `alias`, and the alias that it goes by in the end.
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

/// The alias that the journal knows a file by whose row states `stated`, of a field whose own storage goes by `own`: the
/// one that is stated, word for word, where it cannot be looked up.
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

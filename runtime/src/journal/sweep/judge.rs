//! Decides what becomes of one acquired entry: does a row name the file, and is the file ours?

use super::super::connection::Journal;
use super::super::identity;
use super::super::roots::{self, Trust};
use super::super::statements::{Entry, execute, sql, token};
use super::referenced::is_referenced;
use crate::failpoints::{planted, step};
use crate::field::FieldDef;
use crate::{Error, ErrorKind, FileName, Result, SharedStorage, StorageExt, name, registry};

/// What became of an entry.
pub(super) enum Outcome {
    Deleted,
    Referenced,
    Absent,
    Dead(String),
}

/// Decides about the file of an acquired entry, and deletes it if that is proven right.
pub(super) async fn judge(db: &Journal, entry: &Entry) -> Result<Outcome> {
    step!("sweep.resolving");
    let name = match FileName::known(&entry.name) {
        Ok(name) => name,
        Err(error) => return Ok(Outcome::Dead(error.to_string())),
    };
    let columns = file_columns();
    let storage = storage_of(&entry.storage, &columns)?;
    let trust = roots::trust(db, &entry.storage, &storage).await?;
    // A storage that refuses to discard parts may still delete the file. The entry is kept then, with the
    // refusal as its error, so that the parts are tried again.
    let refused = if entry.is_delete { None } else { drop_parts(entry, name, &storage).await? };
    let outcome = decide(db, entry, (name, trust), &storage, &columns).await?;
    match refused {
        // The file of a row is complete, so it has no unfinished upload.
        Some(error) if !matches!(outcome, Outcome::Referenced | Outcome::Dead(_)) => Err(error),
        _ => Ok(outcome),
    }
}

/// Discards the parts of an upload that is not a file yet. A refusal of the storage is returned as a value,
/// not as an error.
async fn drop_parts(entry: &Entry, name: FileName<'_>, storage: &SharedStorage) -> Result<Option<Error>> {
    let mut refused = None;
    let mut keep = |dropped: Result<()>| match dropped {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            refused.get_or_insert(error);
            Ok(())
        }
        dropped => dropped,
    };
    keep(storage.discard_staged(&entry.token).await)?;
    if let Some(id) = &entry.multipart_id {
        keep(storage.abort_upload(name, id).await)?;
    }
    Ok(refused)
}

/// Decides about the file alone.
async fn decide(
    db: &Journal,
    entry: &Entry,
    (name, trust): (FileName<'_>, Trust),
    storage: &SharedStorage,
    columns: &[(&'static str, &'static FieldDef)],
) -> Result<Outcome> {
    // Read before the rows: from now on, a save of this name either still has its entry or has written its
    // row.
    let mut writer = None;
    if entry.is_delete {
        let aliases = registry::aliases(&entry.storage, storage);
        writer = token(db, &sql(db)?.writer, vec![aliases.into(), name.as_str().into()]).await?;
    }
    if !planted!("no-probe") && is_referenced(db, entry, name, storage, columns).await? {
        return Ok(Outcome::Referenced);
    }
    step!("sweep.probed");
    let mut proof = None;
    match storage.owner(name).await.inspect(|owner| proof.clone_from(owner)) {
        // Nobody else knows the random name of an upload, and the client that sent it may not have set an
        // owner token.
        Ok(_) if name.upload_token() == Some(&entry.token) => {}
        // The file to be deleted was gone already, and a save has taken its name.
        Ok(Some(token)) if writer.as_ref() == Some(&token) => return Ok(Outcome::Absent),
        // A save reserved the name before this deletion was queued, and will find the name taken. It must not
        // find it free, because the deletion of a name must not be under way while the name is given to
        // another file.
        Ok(_) if writer.is_some() => {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                "a save is about to find out that the name is taken",
            ));
        }
        Ok(Some(token)) if entry.is_delete => {
            if !is_the_one(db, entry, &token).await? {
                return Ok(Outcome::Absent);
            }
        }
        Ok(Some(token)) if token == entry.token => {}
        // The file of this entry was never published. The file found here belongs to another save or to
        // another program.
        Ok(found)
            if (found.is_some() || !entry.is_delete && storage.owner_tokens_reliable())
                && !planted!("no-owner-check") =>
        {
            return Ok(Outcome::Absent);
        }
        Ok(None) if !planted!("no-owner-check") => {
            return Ok(Outcome::Dead("the file carries no proof that it is ours".to_owned()));
        }
        Ok(_) => {}
        Err(error) => match error.kind() {
            ErrorKind::NotFound if trust == Trust::OnlyWhatIsThere => return Err(unknown_root(entry)),
            ErrorKind::NotFound => return Ok(Outcome::Absent),
            ErrorKind::Unsupported if name.upload_token() == Some(&entry.token) => {}
            ErrorKind::Unsupported if writer.is_none() && is_token_in_name(entry) => {}
            // The storage sets the owner token before a file gets its name, so this file is another
            // program's. If the entry's token has no identity, an older version without owner tokens may have
            // stored the file.
            ErrorKind::Unsupported
                if !entry.is_delete
                    && storage.owner_tokens_reliable()
                    && !identity::identity_in(&entry.token).is_empty() =>
            {
                return Ok(Outcome::Absent);
            }
            ErrorKind::Unsupported => {
                return Ok(Outcome::Dead("the storage cannot prove that the file is ours".to_owned()));
            }
            _ => return Err(error),
        },
    }
    step!("sweep.proven");
    match proof {
        // A file with another owner token has replaced it.
        Some(owner) if !storage.delete_owned(name, &owner).await? => return Ok(Outcome::Absent),
        Some(_) => {}
        None => storage.delete(name).await?,
    }
    step!("sweep.deleted");
    Ok(Outcome::Deleted)
}

/// The error for a missing file in a storage of which the database knows no root.
fn unknown_root(entry: &Entry) -> Error {
    let alias = entry.storage.escape_debug();
    let text = format!(
        "the file is not there, and the database does not know yet which root the storage has: the next save records it, or \
         `filefield::db::accept_root(&db, \"{alias}\")`"
    );
    Error::new(ErrorKind::StorageUnavailable, text).with_storage(&entry.storage).retryable()
}

/// Whether a deletion concerns the file with this owner token. A deletion concerns the file that its first
/// try has found. By the next try that file may be gone, and a save through another database may have taken
/// the name. It never concerns a file whose token another database has issued.
async fn is_the_one(db: &Journal, entry: &Entry, owner: &str) -> Result<bool> {
    if let Some(first) = &entry.multipart_id {
        return Ok(first == owner);
    }
    // A database of an older version has no table of identities yet.
    identity::current(db).await?;
    let issuer = identity::identity_in(owner);
    let values = vec![owner.into(), entry.id.into(), entry.attempts.into(), issuer.into()];
    if execute(db, &sql(db)?.mark_owner, values).await? == 1 {
        return Ok(true);
    }
    if !identity::is_own(db, owner).await? {
        return Ok(false);
    }
    Err(Error::new(ErrorKind::Database, "another sweeper has the entry by now"))
}

/// Whether a token in the name proves that the file is ours, for storages that keep no owner tokens.
fn is_token_in_name(entry: &Entry) -> bool {
    if entry.is_delete {
        name::token_in(&entry.name).is_some()
    } else {
        entry.name.contains(identity::token_part(&entry.token))
    }
}

/// Whether any row names a file of the storage `alias`. A row of this table and column named it before.
pub(crate) async fn is_named(
    db: &Journal,
    alias: &str,
    (table, column): (&str, &str),
    name: &str,
) -> Result<bool> {
    let entry = Entry {
        id: 0,
        storage: alias.to_owned(),
        name: name.to_owned(),
        is_delete: true,
        is_tombstone: false,
        token: String::new(),
        multipart_id: None,
        attempts: 0,
        table: table.to_owned(),
        column: column.to_owned(),
    };
    let columns = file_columns();
    let storage = storage_of(alias, &columns)?;
    is_referenced(db, &entry, FileName::existing(name)?, &storage, &columns).await
}

/// Every file column of every registered model with a table.
pub(super) fn file_columns() -> Vec<(&'static str, &'static FieldDef)> {
    let mut columns = Vec::new();
    for model in registry::models() {
        if let Some(table) = model.table() {
            columns.extend(model.fields().iter().map(|def| (table, *def)));
        }
    }
    columns
}

/// The storage of an alias in the journal: that of a registered field, or of the settings, and never a
/// substitute. If the alias is unknown here, another process may know it, so the entry is tried again.
pub(super) fn storage_of(
    alias: &str,
    columns: &[(&'static str, &'static FieldDef)],
) -> Result<SharedStorage> {
    let evaluated = columns.iter().filter_map(|(_, def)| def.storage().ok());
    match evaluated.into_iter().find(|handle| handle.alias() == alias) {
        Some(handle) => Ok(handle.storage().clone()),
        None => registry::storage(alias),
    }
}

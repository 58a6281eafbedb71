//! Names that are put into a row without having been staged.

use super::entry::{self, any, execute, sql};
use super::held::Held;
use super::identity;
use super::write::{FileChange, RowWrite};
use crate::{Error, ErrorKind, FileName, Result, SharedStorage, name};
use sea_orm::{ConnectionTrait, Value};

impl RowWrite {
    /// Refuses a name that was assigned, not staged, where a sweeper that has not seen this row may delete the file yet.
    /// One that has not begun will see it, and so will a transaction that lets go of the name: it waits for this one.
    pub(super) async fn check_named(&self, tx: &impl ConnectionTrait, held: &[Held]) -> Result<()> {
        let sql = sql(tx)?;
        for (index, file) in self.files.iter().enumerate() {
            if file.name.is_empty()
                || file.entry.is_some()
                || held.get(index).is_some_and(|held| held.is(file) || file.is_overtaken(held))
            {
                continue;
            }
            let name = || Value::from(file.name.as_str());
            let values = vec![file.home.as_str().into(), name(), self.table.into(), file.column.into()];
            let Some(hold) = entry::insert(tx, &sql.hold, values).await? else {
                return Err(entry::refused(tx).await);
            };
            if any(tx, &sql.is_going, vec![file.aliases.as_str().into(), name()]).await? {
                let text = "the file was released and may be being deleted; try again";
                let error = Error::new(ErrorKind::StagedExpired, text).with_name(&file.name);
                return Err(error.with_storage(&file.home).retryable());
            }
            if let Some(storage) = &file.stored {
                check_stored(storage, file).await?;
                set_issuer(tx, storage, file).await;
            }
            execute(tx, &sql.unhold, vec![hold.into()]).await?;
            if self.has_triggers(tx, file).await? {
                // They take it as they take a staged file's entry.
                let token = name::token()?.into();
                let values =
                    vec![file.home.as_str().into(), name(), token, self.table.into(), file.column.into()];
                if entry::insert(tx, &sql.admit, values).await?.is_none() {
                    return Err(entry::refused(tx).await);
                }
            }
        }
        Ok(())
    }
}

/// An accessor may have stored a file under a name that a row had just let go of, and the deletion that was under way for
/// that row has taken it. From now on, and until the row is written, none begins. A storage that cannot tell is no reason
/// to refuse the row.
async fn check_stored(storage: &SharedStorage, file: &FileChange) -> Result<()> {
    let found = storage.exists(FileName::new(&file.name)?).await;
    if !matches!(found, Ok(false)) {
        return Ok(());
    }
    let text = "the stored file is gone: a row had let go of another one of the name, which was deleted; store it again, \
                or assign it, which keeps its name from that";
    Err(Error::new(ErrorKind::NotFound, text).with_name(&file.name).with_storage(&file.home))
}

/// An accessor stores a file before anybody knows which database its row will be in. From now on its owner token says so.
/// A storage that cannot do that is no reason to refuse the row. In a bucket the object would have to be written anew.
async fn set_issuer(tx: &impl ConnectionTrait, storage: &SharedStorage, file: &FileChange) {
    if storage.location().is_some_and(|location| !location.starts_with("file:")) {
        return;
    }
    let Ok(name) = FileName::new(&file.name) else { return };
    let Ok(Some(owner)) = storage.owner(name).await else { return };
    if identity::identity_in(&owner).is_empty()
        && let Ok(Some(identity)) = identity::read(tx).await
    {
        let _ = storage.set_owner(name, &identity::owner_token(&identity, &owner)).await;
    }
}

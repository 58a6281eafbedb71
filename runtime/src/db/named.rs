//! Names that are put into a row without having been staged.

use super::held::Held;
use super::write::{FileChange, RowWrite};
use crate::backend::sqlx::Transaction;
use crate::journal::{self, Connection, Param, any, execute, sql};
use crate::{Error, ErrorKind, FileName, Result, SharedStorage, StorageExt, name};

impl RowWrite {
    /// Refuses a name that was assigned and not staged if no such file exists, if it is outside the field's
    /// folder, or if a sweeper that has not seen this row may still delete the file. A sweeper that begins
    /// later sees the row. A transaction that releases the name waits for this one.
    pub(super) async fn check_named(&self, tx: &Transaction<'_>, held: &[Held]) -> Result<()> {
        let sql = sql(tx)?;
        for (index, file) in self.files.iter().enumerate() {
            if file.name.is_empty()
                || file.entry.is_some()
                || held.get(index).is_some_and(|held| held.is(file) || file.keeps(held))
            {
                continue;
            }
            check_folder(file)?;
            let name = || Param::from(file.name.as_str());
            let values = vec![file.home.as_str().into(), name(), self.table.into(), file.column.into()];
            let Some(hold) = journal::insert(tx, &sql.hold, values).await? else {
                return Err(journal::refused(tx).await);
            };
            if any(tx, &sql.is_going, vec![file.aliases.as_str().into(), name()]).await? {
                let text = "the file was released and may be being deleted; try again";
                let error = Error::new(ErrorKind::StagedExpired, text).with_name(&file.name);
                return Err(error.with_storage(&file.home).retryable());
            }
            if let Some(storage) = &file.stored {
                journal::compare_root(tx, &file.home, storage).await?;
                check_stored(storage, file).await?;
                set_issuer(tx, storage, file).await?;
            }
            execute(tx, &sql.unhold, vec![hold.into()]).await?;
            if self.has_triggers(tx, file).await? {
                // The triggers consume this entry like that of a staged file.
                let token = name::token()?.into();
                let values =
                    vec![file.home.as_str().into(), name(), token, self.table.into(), file.column.into()];
                if journal::insert(tx, &sql.admit, values).await?.is_none() {
                    return Err(journal::refused(tx).await);
                }
            }
        }
        Ok(())
    }
}

/// A name that was assigned as text could be that of any file in the storage, so it must be in the field's
/// folder.
fn check_folder(file: &FileChange) -> Result<()> {
    let Some(folder) = &file.folder else { return Ok(()) };
    let is_inside = file.name.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'));
    if is_inside {
        return Ok(());
    }
    let text = format!(
        "this field keeps its files in the folder `{folder}`, and the name that was assigned is not in it; a name that is \
         to be taken unchecked comes from `FileField::stored_unchecked`"
    );
    Err(Error::new(ErrorKind::InvalidName, text).with_name(&file.name).with_storage(&file.home))
}

/// Checks that the file exists. From here until the row is written, no deletion of it begins. If an accessor
/// stored the file, a deletion for a row that had just released the name may have removed it. For such a
/// file, a storage that cannot tell is no reason to refuse the row.
async fn check_stored(storage: &SharedStorage, file: &FileChange) -> Result<()> {
    let located = |error: Error| error.with_name(&file.name).with_storage(&file.home);
    let text = match storage.exists(FileName::existing(&file.name)?).await {
        Ok(true) => return Ok(()),
        Err(_) if file.is_stored_here => return Ok(()),
        Err(error) => return Err(located(error)),
        Ok(false) if file.is_stored_here => {
            "the stored file is gone: a row had let go of another one of the name, which was deleted; store it again, \
             or assign it, which keeps its name from that"
        }
        Ok(false) => {
            "no such file is stored: assign its content, or the name of a file that is there; a name that is to be \
             taken unchecked comes from `FileField::stored_unchecked`"
        }
    };
    Err(located(Error::new(ErrorKind::NotFound, text)))
}

/// Puts the identity of this database into the owner token of a file that an accessor has stored, because the
/// accessor did not know the database. If the storage cannot do that, the row is accepted anyway. Buckets are
/// skipped: the object would have to be written again.
///
/// Also refuses a name in another spelling on a file system that ignores case: two rows would share the file,
/// and the sweeper compares names bytewise.
async fn set_issuer(db: &dyn Connection, storage: &SharedStorage, file: &FileChange) -> Result<()> {
    if storage.location().is_some_and(|location| !location.starts_with("file:")) {
        return Ok(());
    }
    let name = FileName::existing(&file.name)?;
    let owner = match storage.owner(name).await {
        Ok(Some(owner)) => owner,
        Err(error) if error.kind() == ErrorKind::NotFound && !file.is_stored_here => {
            return Err(error.with_name(&file.name).with_storage(&file.home));
        }
        _ => return Ok(()),
    };
    if matches!(journal::identity_in(&owner), "" | name::NOBODY)
        && let Ok(Some(identity)) = journal::read_identity(db).await
    {
        let token = journal::token_part(&owner);
        let _ = storage.set_owner(name, &journal::owner_token(&identity, token)).await;
    }
    Ok(())
}

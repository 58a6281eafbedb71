//! The journal entries of direct uploads: announced before a client learns where to send the file, and
//! acquired by a claim.

use super::connection::{Journal, Param};
use super::identity;
use super::reserve::{commit, run};
use super::stage::LEASE;
use super::statements::{Entry, entries, sql};
use super::sweep::work_off_fenced;
use crate::field::FieldDef;
use crate::registry::{self, StorageHandle};
use crate::storage::UploadLog;
use crate::{Error, ErrorKind, FileName, Result, name};
use std::time::Duration;

/// The minimum time for a claim, in seconds. After it the sweeper removes the upload, but not while the
/// ticket lasts: a file that arrives through its URL after the second look is never found.
const CLAIM: i64 = 60 * 60;

/// Seconds between two tries to give an upload back: about four minutes in total.
const PAUSES: [u64; 8] = [1, 2, 4, 8, 16, 32, 64, 128];

/// An upload that this process has acquired, as a sweeper would.
#[derive(Debug)]
pub(crate) struct Taken {
    entry: Entry,
    /// A mark that only this claim writes into the entry. If the answer to a statement was lost, the
    /// statement can be repeated later, even if another claim has the upload by then.
    mark: String,
    /// Seconds until nothing more can arrive through the URLs of the upload.
    open: i64,
}

impl Taken {
    /// The storage's id of an upload in parts.
    pub(crate) fn parts(&self) -> Option<&str> {
        self.entry.multipart_id.as_deref()
    }

    /// Gives the upload back for as long as its ticket lasts. Returns the number of changed entries.
    pub(super) async fn give_back(&self, db: &Journal) -> Result<u64> {
        let Taken { entry, mark, open } = self;
        let values = vec![(*open).into(), entry.id.into(), entry.attempts.into(), mark.as_str().into()];
        run(db, &sql(db)?.give_back, values).await
    }

    /// Retries giving the upload back in a spawned task. If that fails too, the sweeper removes the upload
    /// when it is due.
    fn give_back_later(self, db: &Journal) {
        let db = db.clone();
        tokio::spawn(async move {
            for pause in PAUSES {
                tokio::time::sleep(Duration::from_secs(pause)).await;
                if self.give_back(&db).await.is_ok() {
                    break;
                }
            }
        });
    }
}

/// Creates the entry of an upload that may arrive within `seconds`, and a little later, since a transfer may
/// begin at the last moment. Returns the entry.
pub(crate) async fn announce(
    db: &Journal,
    def: &'static FieldDef,
    table: &'static str,
    handle: &StorageHandle<'_>,
    upload: FileName<'_>,
    seconds: i64,
) -> Result<i64> {
    super::roots::ensure(db, handle).await?;
    let values: Vec<Param> = vec![
        handle.alias().into(),
        upload.as_str().into(),
        upload.upload_token().unwrap_or_default().into(),
        (seconds + LEASE).into(),
        table.into(),
        def.spec().column.into(),
        identity::current(db).await?.as_ref().into(),
        registry::aliases(handle.alias(), handle).into(),
        upload.as_str().into(),
    ];
    let made = commit(db, sql(db)?, Vec::new(), vec![(0, values)]).await?;
    let made = made.first().and_then(|(_, id)| *id);
    made.ok_or_else(|| Error::new(ErrorKind::Database, "the journal took no entry").retryable())
}

/// Notes the id of an upload in parts, so that a sweeper can abort it.
pub(crate) async fn note_parts(db: &Journal, entry: i64, id: &str) -> Result<()> {
    match run(db, &sql(db)?.note_parts, vec![id.into(), entry.into()]).await? {
        1 => Ok(()),
        _ => Err(super::stage::expired()),
    }
}

/// Returns a log that notes the id of an upload in parts in this entry.
pub(super) fn upload_log(db: &Journal, entry: i64) -> UploadLog {
    let db = db.clone();
    UploadLog::new(move |id| {
        let db = db.clone();
        async move { note_parts(&db, entry, &id).await }
    })
}

/// Makes an entry due if its client did not get the ticket.
pub(crate) async fn withdraw(db: &Journal, entry: i64, why: &Error) {
    // If this fails, the upload is swept when the lease is over.
    if let Ok(sql) = sql(db) {
        let _ = run(db, &sql.expire, vec![why.to_string().into(), entry.into()]).await;
    }
}

/// Acquires an upload whose ticket lasts for `left` seconds. An upload can be claimed once: `None` if
/// somebody has acquired it before.
pub(crate) async fn take(db: &Journal, entry: i64, token: &str, left: u64) -> Result<Option<Taken>> {
    let sql = sql(db)?;
    // Read first: nothing may fail between acquiring the upload and using it.
    let Some(mut entry) = entries(db, &sql.entry, vec![entry.into()]).await?.pop() else { return Ok(None) };
    let open = i64::try_from(left).unwrap_or(i64::MAX).saturating_add(LEASE);
    let mark = format!("in the hands of claim {}", name::token()?);
    let values = vec![
        CLAIM.max(open).into(),
        mark.as_str().into(),
        entry.id.into(),
        token.into(),
        entry.attempts.into(),
    ];
    entry.attempts += 1;
    let taken = Taken { entry, mark, open };
    match run(db, &sql.claim, values).await {
        Ok(1) => Ok(Some(taken)),
        Ok(_) => Ok(None),
        // The database may have executed the statement all the same.
        Err(error) => match taken.give_back(db).await {
            Ok(_) => Err(error),
            Err(_) => Err(still_in_hand(db, taken, error)),
        },
    }
}

/// Gives back an upload whose claim failed because of `why`. Returns the error for the caller.
pub(crate) async fn give_back(db: &Journal, taken: Taken, why: Error) -> Error {
    match taken.give_back(db).await {
        Ok(1) => why,
        Ok(_) => why.not_at_once("the upload was swept meanwhile"),
        Err(_) => still_in_hand(db, taken, why),
    }
}

/// The error of a claim that failed while the journal could not be updated.
fn still_in_hand(db: &Journal, taken: Taken, why: Error) -> Error {
    taken.give_back_later(db);
    why.not_at_once(
        "the journal cannot be told, so the upload may be refused as claimed for some minutes, or for good",
    )
}

/// Removes what is left of an upload, in the background, and looks again a day later or when its URLs have
/// expired, if that is later.
pub(crate) fn settle(db: &Journal, taken: Taken) {
    work_off_fenced(db, taken.entry, taken.open);
}

//! Staging: reserve names in the journal, then put the bytes under them (W1–W3).

use super::entry::{self, execute, insert, sql};
use super::error::is_conflict;
use super::sql::Sql;
use super::transaction;
use crate::failpoints::{planted, step};
use crate::field::FieldDef;
use crate::field::store::{Prepared, Stored};
use crate::name::Candidates;
use crate::registry::{self, StorageHandle};
use crate::storage::NewFile;
use crate::{Error, ErrorKind, FileName, Result, Saved};
use sea_orm::{DatabaseConnection, Value};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a reservation holds without a renewal, in seconds. Bytes still on their way renew it.
pub(super) const LEASE: i64 = 15 * 60;

/// How many names of other programs' files one save may run into.
const MAX_TRIES: usize = 16;

/// A file to be stored for the column of a table.
pub struct Request {
    pub(crate) def: &'static FieldDef,
    pub(crate) table: &'static str,
    pub(crate) handle: StorageHandle<'static>,
    pub(crate) prepared: Prepared,
}

/// A file that is stored whole and durable, reserved in the journal, and owned by no row yet.
pub struct Staged {
    pub(crate) id: i64,
    pub(crate) stored: Stored,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("name", &self.prepared.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staged").field("name", &self.stored.saved.name).finish_non_exhaustive()
    }
}

impl Request {
    /// Whether both go to one storage, which may save them together.
    fn goes_with(&self, next: &Request) -> bool {
        let are_contents = self.prepared.upload.is_none() && next.prepared.upload.is_none();
        are_contents && registry::is_same(self.handle.storage(), next.handle.storage())
    }

    fn blame(&self, error: Error) -> Error {
        self.def.blame(error.with_operation("save").with_storage(self.handle.alias()))
    }
}

/// Stores all files, or none. Their names are reserved in one commit.
///
/// On a failure that is certain nothing is left behind, in the storages or in the journal; otherwise entries stay, due
/// at once, for the sweeper.
pub(crate) async fn stage(db: &DatabaseConnection, mut requests: Vec<Request>) -> Result<Vec<Staged>> {
    step!("W0.prepared");
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    let mut entries = Vec::new();
    let reserved = reserve(db, &mut requests, &mut entries).await;
    let sql = sql(db)?;
    if let Err(error) = reserved {
        for id in entries.into_iter().flatten() {
            // A journal that cannot be reached now is swept when the lease is over.
            let _ = run(db, &sql.release, vec![id.into()]).await;
        }
        return Err(error);
    }
    let entries: Vec<i64> = entries.into_iter().flatten().collect();
    step!("W2.storing");
    let mut results = match renewing(db, sql, &entries, store(requests)).await {
        Ok(results) => results.into_iter(),
        // What was dropped on its way may be published all the same.
        Err(error) => {
            for id in entries {
                let _ = run(db, &sql.expire, vec![error.to_string().into(), id.into()]).await;
            }
            return Err(error);
        }
    };
    let mut staged = Vec::with_capacity(entries.len());
    let mut failure = None;
    for id in entries {
        match results.next() {
            Some(Ok(stored)) => staged.push(Staged { id, stored }),
            Some(Err(error)) if error.is_uncertain() && !planted!("uncertain-is-certain") => {
                let _ = run(db, &sql.expire, vec![error.to_string().into(), id.into()]).await;
                failure = Some(error);
            }
            other => {
                let _ = run(db, &sql.release, vec![id.into()]).await;
                failure = failure.or(other.and_then(Result::err));
            }
        }
    }
    let Some(error) = failure else {
        step!("W3.staged");
        return Ok(staged);
    };
    super::work_off(db, staged.iter().map(|staged| staged.id).collect()).await;
    // Another program took the name after all; the next try takes another one.
    Err(if error.kind() == ErrorKind::AlreadyExists { error.retryable() } else { error })
}

/// W1. No other saver can take a reserved name, so after the look at the storage only a program that knows nothing of
/// the journal could. `entries` gets the entry of each request as soon as there is one.
async fn reserve(
    db: &DatabaseConnection,
    requests: &mut [Request],
    entries: &mut Vec<Option<i64>>,
) -> Result<()> {
    let sql = sql(db)?;
    entries.resize(requests.len(), None);
    let wanted: Vec<String> = requests.iter().map(|request| request.prepared.name.clone()).collect();
    let mut candidates = Vec::with_capacity(requests.len());
    for (request, wanted) in requests.iter().zip(&wanted) {
        let name = FileName::new(wanted).map_err(|error| request.blame(error))?;
        candidates.push(Candidates::new(name, Some(request.def.spec().max_length)).take(MAX_TRIES));
    }
    while entries.contains(&None) {
        let mut inserts = Vec::new();
        for (index, request) in requests.iter_mut().enumerate() {
            if entries[index].is_some() {
                continue;
            }
            let name = next_free(&request.handle, &mut candidates[index], &wanted[index]).await;
            request.prepared.name = name.map_err(|error| request.blame(error))?;
            step!("W1.looked");
            let (name, spec) = (&request.prepared.name, request.def.spec());
            let aliases = registry::aliases(request.handle.alias(), &request.handle);
            let values: Vec<Value> = vec![
                request.handle.alias().into(),
                name.as_str().into(),
                request.prepared.token.as_str().into(),
                LEASE.into(),
                request.table.into(),
                spec.column.into(),
                aliases.into(),
                name.as_str().into(),
            ];
            inserts.push((index, values));
        }
        let blamed = inserts.first().map_or(0, |(index, _)| *index);
        let ids = commit(db, sql, inserts).await.map_err(|error| requests[blamed].blame(error))?;
        step!("W1.reserved");
        for (index, id) in ids {
            entries[index] = id;
            let Some(id) = id else { continue };
            // The name may have been stored and attached between the look and the reservation: look again.
            let request = &requests[index];
            step!("W1.looking-again");
            if !is_free(&request.handle, &request.prepared.name)
                .await
                .map_err(|error| request.blame(error))?
            {
                run(db, &sql.release, vec![id.into()]).await?;
                entries[index] = None;
            }
        }
    }
    Ok(())
}

/// One commit for all reservations; no entry where the name is reserved already.
pub(super) async fn commit(
    db: &DatabaseConnection,
    sql: &'static Sql,
    mut inserts: Vec<(usize, Vec<Value>)>,
) -> Result<Vec<(usize, Option<i64>)>> {
    let ids = if let [(index, values)] = &mut inserts[..] {
        let values = std::mem::take(values);
        let mut tries = 0;
        let id = loop {
            tries += 1;
            let (db, values) = (db.clone(), values.clone());
            match to_its_end(async move { insert(&db, &sql.reserve, values).await }).await {
                Err(error) if is_conflict(&error) && tries < MAX_TRIES => {}
                id => break id?,
            }
        };
        vec![(*index, id)]
    } else {
        let inserts = Arc::new(inserts);
        transaction::own(db, move |tx| {
            let inserts = inserts.clone();
            Box::pin(async move {
                let mut ids = Vec::with_capacity(inserts.len());
                for (index, values) in inserts.iter() {
                    ids.push((*index, insert(tx, &sql.reserve, values.clone()).await?));
                }
                Ok(ids)
            })
        })
        .await?
    };
    if ids.iter().any(|(_, id)| id.is_none()) {
        // Where the tables are newer there is no use in trying other names.
        entry::look(db).await?;
    }
    Ok(ids)
}

/// Runs a statement outside of a transaction.
pub(super) async fn run(db: &DatabaseConnection, sql: &'static str, values: Vec<Value>) -> Result<u64> {
    let db = db.clone();
    to_its_end(async move { execute(&db, sql, values).await }).await
}

/// Runs a statement on a task of its own: a save may be dropped at any time, and sqlx 0.9 loses a connection of MySQL
/// whose statement is dropped while it is being prepared.
async fn to_its_end<T: Send + 'static>(
    statement: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(statement).await.unwrap_or_else(|error| {
        let text = "the statement's task ended early";
        Err(Error::new(ErrorKind::Database, text).with_source(error).uncertain())
    })
}

/// The next name that no file has in the storage.
async fn next_free<'n>(
    handle: &StorageHandle<'_>,
    candidates: &mut impl Iterator<Item = Result<std::borrow::Cow<'n, str>>>,
    wanted: &str,
) -> Result<String> {
    let mut obstacle = None;
    for candidate in candidates {
        let candidate = candidate?.into_owned();
        match is_free(handle, &candidate).await {
            Ok(true) => return Ok(candidate),
            Ok(false) => {}
            // No file, but it is in the way, and would be every time. In the way of all names it may be the folder.
            Err(error) if matches!(error.kind(), ErrorKind::IsADirectory | ErrorKind::NotAFile) => {
                obstacle = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(obstacle.unwrap_or_else(|| {
        Error::new(ErrorKind::NoAvailableName, format!("{MAX_TRIES} names were tried and all are taken"))
            .with_name(wanted)
    }))
}

async fn is_free(handle: &StorageHandle<'_>, name: &str) -> Result<bool> {
    match handle.metadata(FileName::new(name)?).await {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// W2, W3: moves the bytes, up to the first failure. Neighbours that go to one storage go there together.
async fn store(requests: Vec<Request>) -> Vec<Result<Stored>> {
    let mut results = Vec::with_capacity(requests.len());
    let mut requests = requests.into_iter().peekable();
    while let Some(first) = requests.next() {
        let mut group = vec![first];
        while let Some(next) = requests.next_if(|next| group[0].goes_with(next)) {
            group.push(next);
        }
        let (handle, upload) = (group[0].handle.clone(), group[0].prepared.upload.clone());
        let mut files = Vec::with_capacity(group.len());
        for request in &mut group {
            match request.prepared.file(request.def, true) {
                Ok(file) => files.push(file),
                Err(error) => {
                    results.push(Err(error));
                    return results;
                }
            }
        }
        let saved = match files.pop() {
            Some(only) if files.is_empty() => vec![save(&handle, only, upload.as_deref()).await],
            last => {
                files.extend(last);
                handle.save_all(files).await
            }
        };
        for (request, saved) in group.into_iter().zip(saved) {
            let alias = request.handle.alias();
            results.push(request.prepared.finish(request.def, alias, saved));
        }
        if results.last().is_none_or(Result::is_err) {
            break;
        }
    }
    results
}

/// Stores one file, or makes one of an upload.
async fn save(handle: &StorageHandle<'_>, file: NewFile<'_>, upload: Option<&str>) -> Result<Saved> {
    let Some(upload) = upload else {
        return handle.save(file.name, file.content, &file.options).await;
    };
    let (_, inspector) = file.content.into_parts();
    let inspector = inspector.ok_or_else(|| {
        Error::new(ErrorKind::Usage, "an upload is promoted under the eyes of an inspector")
    })?;
    handle.promote(FileName::or_upload(upload)?, file.name, inspector, &file.options).await
}

/// Runs `store`, renewing the leases of `entries` meanwhile. A lease that was lost ends the transfer.
async fn renewing<T>(
    db: &DatabaseConnection,
    sql: &'static Sql,
    entries: &[i64],
    store: impl Future<Output = T>,
) -> Result<T> {
    let mut store = std::pin::pin!(store);
    loop {
        let third = Duration::from_secs(LEASE.unsigned_abs() / 3);
        if let Ok(done) = tokio::time::timeout(third, store.as_mut()).await {
            return Ok(done);
        }
        for id in entries {
            let renewed = run(db, &sql.renew, vec![LEASE.into(), (*id).into()]).await;
            if renewed.map_err(Error::uncertain)? != 1 {
                return Err(expired());
            }
        }
    }
}

/// The error of a file that the sweeper took before its row was written (F16, F46).
pub(super) fn expired() -> Error {
    Error::new(
        ErrorKind::StagedExpired,
        "the stored file was swept or given to another row before this one was written, or the transaction began before it was staged; save again",
    )
    .retryable()
}

//! Reserving names in the journal: the step `reserve` of a save.

use super::connection::{Journal, Param, is_conflict, is_missing_table};
use super::identity;
use super::sql::Sql;
use super::stage::{LEASE, Request, Staged};
use super::statements::{self, execute, insert_new, sql};
use super::transaction;
use crate::failpoints::step;
use crate::name::Candidates;
use crate::registry::{self, StorageHandle};
use crate::{Error, ErrorKind, FileName, Result};
use std::borrow::Cow;
use std::sync::Arc;

/// How many names one save tries if files of other programs have them.
const MAX_TRIES: usize = 16;

/// A request and its progress.
pub(super) struct File<'n> {
    pub(super) request: Request,
    wanted: &'n str,
    candidates: std::iter::Take<Candidates<'n>>,
    /// Whether to ask the storage for a free name before reserving one. Repeatable content is saved without
    /// asking, and fails if the name is taken.
    asks: bool,
    /// The entry that reserves the name, until the file is staged.
    pub(super) entry: Option<i64>,
    /// The entry of a name that was found to be taken, to be released.
    taken: Option<i64>,
    pub(super) staged: Option<Staged>,
    /// Why it is not known whether the file was published.
    pub(super) doubt: Option<String>,
}

impl<'n> File<'n> {
    /// `wanted` is the request's own name.
    pub(super) fn new(request: Request, wanted: &'n str) -> Result<Self> {
        let name = FileName::new(wanted).map_err(|error| request.blame(error))?;
        let candidates = Candidates::new(name, Some(request.def.spec().max_length)).take(MAX_TRIES);
        let asks = request.looks_first();
        Ok(File { request, wanted, candidates, asks, entry: None, taken: None, staged: None, doubt: None })
    }

    /// Whether another name can be tried.
    pub(super) fn can_try_again(&self) -> bool {
        self.request.is_repeatable()
    }

    /// Notes that another file has the name.
    pub(super) fn is_taken(&mut self) {
        self.taken = self.entry.take();
        self.asks = true;
    }

    /// Entries under which certainly nothing was published.
    pub(super) fn unused(&self) -> impl Iterator<Item = i64> {
        self.entry.filter(|_| self.doubt.is_none()).into_iter().chain(self.taken)
    }

    /// Chooses the next name to try.
    pub(super) async fn choose(&mut self) -> Result<()> {
        let name = match self.asks {
            true => next_free(&self.request.handle, &mut self.candidates).await,
            false => next_unknown(&self.request.handle, &mut self.candidates),
        };
        let name = name.and_then(|name| {
            name.ok_or_else(|| {
                let text = format!("{MAX_TRIES} names were tried and all are taken");
                Error::new(ErrorKind::NoAvailableName, text).with_name(self.wanted)
            })
        });
        self.request.prepared.name = name.map_err(|error| self.request.blame(error))?;
        Ok(())
    }

    /// Sets the database that the file is to belong to. Called before a name of this database was tried.
    pub(super) fn set_identity(&mut self, identity: &str) -> Result<()> {
        let Request { def, prepared, .. } = &mut self.request;
        let owner = identity::owner_token(identity, &prepared.token);
        if owner != prepared.owner {
            prepared.owner = owner;
            self.candidates =
                Candidates::new(FileName::new(self.wanted)?, Some(def.spec().max_length)).take(MAX_TRIES);
        }
        Ok(())
    }

    /// The parameters of the statement `reserve`.
    pub(super) fn values(&self) -> Vec<Param> {
        let Request { def, table, handle, prepared, .. } = &self.request;
        let name = prepared.name.as_str();
        vec![
            handle.alias().into(),
            name.into(),
            prepared.owner.as_str().into(),
            LEASE.into(),
            (*table).into(),
            def.spec().column.into(),
            identity::identity_in(&prepared.owner).into(),
            registry::aliases(handle.alias(), handle).into(),
            name.into(),
        ]
    }
}

/// Commits an entry for each file that has none, all in one transaction.
///
/// No other save can get a reserved name. Only the storage knows whether the name is free: it refuses to
/// publish over a file. Content that cannot be saved twice gets a name that was checked in the storage,
/// before and after the reservation.
pub(super) async fn reserve(db: &Journal, files: &mut [File<'_>]) -> Result<()> {
    let sql = sql(db)?;
    while files.iter().any(|file| file.entry.is_none()) {
        let mut inserts = Vec::new();
        // Read in every round: if the identity was outdated, the last round made no entry.
        let identity = identity::current(db).await?;
        for (index, file) in files.iter_mut().enumerate() {
            if file.entry.is_none() {
                file.set_identity(&identity)?;
                file.choose().await?;
                step!("reserve.chosen");
                inserts.push((index, file.values()));
            }
        }
        let blamed = inserts.first().map_or(0, |(index, _)| *index);
        let taken = files.iter().filter_map(|file| file.taken).collect();
        let ids = commit(db, sql, taken, inserts).await;
        let ids = ids.map_err(|error| files[blamed].request.blame(error))?;
        files.iter_mut().for_each(|file| file.taken = None);
        step!("reserve.committed");
        for (index, id) in ids {
            let file = &mut files[index];
            file.entry = id;
            let Some(id) = id.filter(|_| !file.can_try_again()) else { continue };
            // Another save may have stored and attached the name between the check and the reservation.
            step!("reserve.looking-again");
            let Request { handle, prepared, .. } = &file.request;
            if !is_free(handle, &prepared.name).await.map_err(|error| file.request.blame(error))? {
                run(db, &sql.release, vec![id.into()]).await?;
                file.entry = None;
            }
        }
    }
    Ok(())
}

/// Commits all reservations in one transaction, which also releases the names in `taken`. There is no entry
/// for a name that is reserved already.
pub(super) async fn commit(
    db: &Journal,
    sql: &'static Sql,
    taken: Vec<i64>,
    inserts: Vec<(usize, Vec<Param>)>,
) -> Result<Vec<(usize, Option<i64>)>> {
    let indices: Vec<usize> = inserts.iter().map(|(index, _)| *index).collect();
    let made = insert_all(db, sql, taken, inserts).await;
    let ids = match made {
        // The remembered identity may be that of another database, which an older version has made.
        Err(error) if is_missing_table(&error) => indices.into_iter().map(|index| (index, None)).collect(),
        ids => ids?,
    };
    if ids.iter().any(|(_, id)| id.is_none()) {
        // If the tables are newer or missing, this returns the error. Other names would not help.
        statements::look(db).await?;
        identity::refresh(db).await?;
    }
    Ok(ids)
}

async fn insert_all(
    db: &Journal,
    sql: &'static Sql,
    taken: Vec<i64>,
    mut inserts: Vec<(usize, Vec<Param>)>,
) -> Result<Vec<(usize, Option<i64>)>> {
    Ok(if let ([(index, values)], true) = (&mut inserts[..], taken.is_empty()) {
        let values = std::mem::take(values);
        let mut tries = 0;
        let id = loop {
            tries += 1;
            let (db, values) = (db.clone(), values.clone());
            match to_its_end(async move { insert_new(&db, &sql.reserve, values).await }).await {
                Err(error) if is_conflict(&error) && tries < MAX_TRIES => {}
                id => break id?,
            }
        };
        vec![(*index, id)]
    } else {
        let work = Arc::new((taken, inserts));
        transaction::own(db, move |tx| {
            let work = work.clone();
            Box::pin(async move {
                let (taken, inserts) = &*work;
                for id in taken {
                    execute(tx, &sql.release, vec![(*id).into()]).await?;
                }
                let mut ids = Vec::with_capacity(inserts.len());
                for (index, values) in inserts.iter() {
                    ids.push((*index, insert_new(tx, &sql.reserve, values.clone()).await?));
                }
                Ok(ids)
            })
        })
        .await?
    })
}

/// Runs a statement outside of a transaction.
pub(super) async fn run(db: &Journal, sql: &'static str, values: Vec<Param>) -> Result<u64> {
    let db = db.clone();
    to_its_end(async move { execute(&db, sql, values).await }).await
}

/// Runs a statement in a spawned task. A save may be dropped at any time, and sqlx 0.9 loses a MySQL
/// connection if a statement is dropped while it is being prepared. A save that is not polled for a while
/// does not keep the connection from others either; SQLite has only one.
async fn to_its_end<T: Send + 'static>(
    statement: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(statement).await.unwrap_or_else(|error| {
        let text = "the statement's task ended early";
        Err(Error::new(ErrorKind::Database, text).with_source(error).uncertain())
    })
}

/// The next name that is not known to be taken.
fn next_unknown<'n>(
    handle: &StorageHandle<'_>,
    candidates: &mut impl Iterator<Item = Result<Cow<'n, str>>>,
) -> Result<Option<String>> {
    for candidate in candidates {
        let candidate = candidate?.into_owned();
        if !handle.knows(FileName::new(&candidate)?) {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

/// The next name that no file in the storage has.
async fn next_free(
    handle: &StorageHandle<'_>,
    candidates: &mut impl Iterator<Item = Result<Cow<'_, str>>>,
) -> Result<Option<String>> {
    let mut obstacle = None;
    for candidate in candidates {
        let candidate = candidate?.into_owned();
        match is_free(handle, &candidate).await {
            Ok(true) => return Ok(Some(candidate)),
            Ok(false) => {}
            // Not a file, but in the way. If it blocks all names, the folder itself may be the obstacle.
            Err(error) if matches!(error.kind(), ErrorKind::IsADirectory | ErrorKind::NotAFile) => {
                obstacle = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    obstacle.map_or(Ok(None), Err)
}

async fn is_free(handle: &StorageHandle<'_>, name: &str) -> Result<bool> {
    match handle.metadata(FileName::new(name)?).await {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

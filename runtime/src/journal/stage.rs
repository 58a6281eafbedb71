//! Staging: reserving names in the journal and publishing the bytes under them. These are the steps `reserve`
//! and `stage` of a save.

use super::connection::Journal;
use super::identity;
use super::known;
use super::reserve::{File, commit, reserve, run};
use super::roots;
use super::sql::Sql;
use super::statements::sql;
use super::upload::upload_log;
use crate::content::Pending;
use crate::failpoints::{planted, step};
use crate::field::FieldDef;
use crate::field::store::{Prepared, Stored};
use crate::registry::{self, StorageHandle};
use crate::storage::{Gate, NewFile};
use crate::{Error, ErrorKind, FileName, Result, Saved, StorageExt};
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// How long a reservation lasts without renewal, in seconds. Transfers under way renew it.
pub(super) const LEASE: i64 = 15 * 60;

/// The maximum size of content that is written before its entry is committed. With more it is better to know
/// first that the journal accepts it.
const MOST_AHEAD: u64 = 1 << 20;

/// A file to be stored for the column of a table.
pub struct Request {
    pub(crate) def: &'static FieldDef,
    pub(crate) table: &'static str,
    pub(crate) handle: StorageHandle<'static>,
    pub(crate) prepared: Prepared,
    /// The source of the content, for another try.
    pub(crate) pending: Option<Pending>,
}

/// The result of a staging that failed.
pub(crate) struct Unstaged {
    pub(crate) error: Error,
    /// Files that stay staged because their content cannot be read again, each with the number of its
    /// request.
    pub(crate) kept: Vec<(usize, Staged)>,
}

impl From<Error> for Unstaged {
    fn from(error: Error) -> Self {
        Unstaged { error, kept: Vec::new() }
    }
}

impl From<Unstaged> for Error {
    fn from(unstaged: Unstaged) -> Self {
        unstaged.error
    }
}

/// A file that is completely and durably stored and reserved in the journal, and that no row owns yet.
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
    pub(super) fn blame(&self, error: Error) -> Error {
        self.def.blame(error.with_operation("save").with_storage(self.handle.alias()))
    }

    /// Whether the bytes may be written before their entry is committed: they can be read again, and the
    /// storage does not publish them before it is told to.
    fn can_go_ahead(&mut self) -> bool {
        let small =
            self.prepared.content().and_then(crate::Content::len).is_some_and(|len| len <= MOST_AHEAD);
        small && !self.looks_first() && self.handle.keeps_gates()
    }

    /// Whether to look for a free name before the content is sent.
    pub(super) fn looks_first(&self) -> bool {
        self.pending.as_ref().is_none_or(Pending::looks_first)
    }

    /// Whether the content can be read only once, and has been.
    fn is_spent(&self) -> bool {
        self.pending.as_ref().is_some_and(Pending::is_consumed)
    }

    /// Whether the stored file is the only copy of the content.
    fn is_last_copy(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| !pending.is_repeatable())
    }

    /// Whether the content can be read again.
    pub(super) fn is_repeatable(&self) -> bool {
        self.pending.as_ref().is_some_and(Pending::is_repeatable)
    }

    /// Whether both files go to one storage, which may save them together.
    fn goes_with(&self, next: &Request) -> bool {
        let are_contents = self.prepared.upload.is_none() && next.prepared.upload.is_none();
        are_contents && registry::is_same(self.handle.storage(), next.handle.storage())
    }

    /// The file for the storage, with exactly the reserved name.
    fn new_file(&mut self) -> Result<NewFile<'_>> {
        if self.prepared.content().is_none()
            && let Some(pending) = &self.pending
        {
            let content = pending.content().map_err(|error| self.blame(error))?;
            self.prepared.set_content(content);
        }
        self.prepared.file(self.def, true)
    }
}

impl File<'_> {
    /// Records the result of storing the file. If the name is taken and the content can be read again, the
    /// file is tried again.
    fn settle(&mut self, stored: Result<Stored>) -> Result<()> {
        match stored {
            Ok(stored) => self.staged = self.entry.take().map(|id| Staged { id, stored }),
            Err(error) if error.is_uncertain() && !planted!("uncertain-is-certain") => {
                return Err(self.doubt(error));
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists && self.can_try_again() => self.is_taken(),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn doubt(&mut self, error: Error) -> Error {
        self.doubt = Some(error.to_string());
        error
    }
}

/// Stores all files or none. Their names are reserved in one commit.
///
/// After a failure that is certain, nothing is left in the storages or in the journal, except files whose
/// content cannot be read again: they stay staged. After a failure that is not certain, entries stay, due at
/// once, for the sweeper.
pub(crate) async fn stage(db: &Journal, requests: Vec<Request>) -> Result<Vec<Staged>, Unstaged> {
    let prepared = || -> Result<()> {
        step!("stage.prepared");
        Ok(())
    };
    prepared()?;
    let sql = sql(db)?;
    for request in &requests {
        roots::ensure(db, &request.handle).await.map_err(|error| request.blame(error))?;
    }
    let wanted: Vec<String> = requests.iter().map(|request| request.prepared.name.clone()).collect();
    let files = requests.into_iter().zip(&wanted).map(|(request, wanted)| File::new(request, wanted));
    let mut files = files.collect::<Result<Vec<_>>>()?;
    let identity = identity::current(db).await?;
    files.iter_mut().try_for_each(|file| file.set_identity(&identity))?;
    let stored = store_all(db, sql, &mut files).await;
    let Err(error) = stored else {
        let staged = || -> Result<()> {
            step!("stage.done");
            Ok(())
        };
        staged()?;
        return Ok(files.into_iter().filter_map(|file| file.staged).collect());
    };
    if error.kind() == ErrorKind::StorageUnavailable {
        files.iter().for_each(|file| known::forget_compared(file.request.handle.storage()));
    }
    // If the journal cannot be reached now, the files are swept when their leases are over.
    for file in &files {
        if let (Some(id), Some(doubt)) = (file.entry, &file.doubt) {
            let _ = run(db, &sql.expire, vec![doubt.as_str().into(), id.into()]).await;
        }
        for id in file.unused() {
            let _ = run(db, &sql.release, vec![id.into()]).await;
        }
    }
    let is_spent = files.iter().any(|file| file.staged.is_none() && file.request.is_spent());
    let (mut kept, mut gone) = (Vec::new(), Vec::new());
    for (number, file) in files.into_iter().enumerate() {
        match file.staged {
            Some(staged) if file.request.is_last_copy() => kept.push((number, staged)),
            Some(staged) => gone.push(staged.id),
            None => {}
        }
    }
    super::work_off(db, gone).await;
    let error = match error.kind() {
        // Another program took the name after all. The next try uses another name.
        ErrorKind::AlreadyExists => error.retryable(),
        ErrorKind::Consumed => return Err(Unstaged { error, kept }),
        _ => error,
    };
    let error = match is_spent {
        true => error.not_at_once("the content could be read once, and was: assign it again"),
        false => error,
    };
    Err(Unstaged { error, kept })
}

/// Reserves and stores until every file is stored.
async fn store_all(db: &Journal, sql: &'static Sql, files: &mut [File<'_>]) -> Result<()> {
    if let [file] = &mut *files
        && file.request.can_go_ahead()
    {
        store_ahead(db, sql, file).await?;
    }
    // Files are stored in order, so those that are not stored yet are the last ones.
    while let Some(first) = files.iter().position(|file| file.staged.is_none()) {
        let left = &mut files[first..];
        reserve(db, left).await?;
        step!("stage.storing");
        let entries: Vec<i64> = left.iter().filter_map(|file| file.entry).collect();
        match renewing(db, sql, &entries, store(db, left)).await {
            Ok(results) => {
                // Files after the one that failed may have been published.
                let mut settled = Ok(());
                for (file, stored) in left.iter_mut().zip(results) {
                    settled = settled.and(file.settle(stored));
                }
                settled?;
            }
            // A transfer that was dropped may have been published all the same.
            Err(error) => return Err(left.iter_mut().fold(error, |error, file| file.doubt(error))),
        }
    }
    Ok(())
}

/// The first try of a single file: its bytes are written while its name is being reserved, and published
/// afterwards.
async fn store_ahead(db: &Journal, sql: &'static Sql, file: &mut File<'_>) -> Result<()> {
    file.choose().await?;
    step!("reserve.chosen");
    let (name, handle) = (file.request.prepared.name.clone(), file.request.handle.clone());
    let NewFile { content, mut options, .. } = file.request.new_file()?;
    let (gate, keeper) = Gate::closed();
    options.gate = Some(gate);
    let mut store = pin!(handle.save(FileName::new(&name)?, content, &options));
    let mut reserve = pin!(commit(db, sql, Vec::new(), vec![(0, file.values())]));
    let mut early = None;
    let ids = poll_fn(|cx| {
        let reserved = reserve.as_mut().poll(cx);
        if early.is_none()
            && let Poll::Ready(saved) = store.as_mut().poll(cx)
        {
            early = Some(saved);
        }
        reserved
    });
    let ids = ids.await.map_err(|error| file.request.blame(error))?;
    step!("reserve.committed");
    let Some(id) = ids.into_iter().find_map(|(_, id)| id) else {
        // Another save has reserved the name.
        return Ok(());
    };
    file.entry = Some(id);
    step!("stage.storing");
    keeper.open();
    let saved = match early {
        Some(saved) => saved,
        None => renewing(db, sql, &[id], store).await.map_err(|error| file.doubt(error))?,
    };
    let Request { def, handle, prepared, .. } = &file.request;
    let stored = prepared.finish(def, handle.alias(), saved);
    file.settle(stored)
}

/// Stores the files, up to the first failure. Consecutive files for the same storage are saved together.
async fn store(db: &Journal, files: &mut [File<'_>]) -> Vec<Result<Stored>> {
    let mut results = Vec::with_capacity(files.len());
    let mut left = files;
    while let Some(first) = left.first() {
        let handle = first.request.handle.clone();
        let upload = first.request.prepared.upload.clone();
        let same = left.iter().skip(1).take_while(|next| first.request.goes_with(&next.request));
        let (group, rest) = left.split_at_mut(1 + same.count());
        left = rest;
        let mut files = Vec::with_capacity(group.len());
        for file in &mut *group {
            let entry = file.entry;
            match file.request.new_file() {
                Ok(mut file) => {
                    file.options.upload_log = entry.map(|entry| upload_log(db, entry));
                    files.push(file);
                }
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
        for (Request { def, handle, prepared, .. }, saved) in
            group.iter().map(|file| &file.request).zip(saved)
        {
            results.push(prepared.finish(def, handle.alias(), saved));
        }
        if results.last().is_none_or(Result::is_err) {
            break;
        }
    }
    results
}

/// Stores one file, or publishes an upload as a file.
async fn save(handle: &StorageHandle<'_>, file: NewFile<'_>, upload: Option<&str>) -> Result<Saved> {
    let Some(upload) = upload else {
        return handle.save(file.name, file.content, &file.options).await;
    };
    let (_, inspector) = file.content.into_parts();
    let inspector =
        inspector.ok_or_else(|| Error::new(ErrorKind::Usage, "a promoted upload needs an inspector"))?;
    handle.promote(FileName::or_upload(upload)?, file.name, inspector, &file.options).await
}

/// Runs `store` and renews the leases of `entries`. A lost lease ends the transfer.
async fn renewing<T>(
    db: &Journal,
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

/// The error for a file that a sweeper took before its row was written. Another try helps if the content is
/// still available.
pub(crate) fn expired() -> Error {
    let text = "the staged file was swept or given to another row before this one was written, or the transaction \
                began before it was staged";
    Error::new(ErrorKind::StagedExpired, text).retryable()
}

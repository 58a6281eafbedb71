//! The storage under the library's own code: in memory, one call per step. It keeps a record and fails from
//! time to time.

use super::bugs::{self, Bug};
use super::{actors, database, findings, gate, lock};
use async_trait::async_trait;
use filefield::storage::{Listing, MemoryStorage, OwnerTokens, StorageExt};
use filefield::{Content, Error, ErrorKind, FileName, Metadata, Reader, Result, SaveOptions, Saved, Storage};
use shuttle::rand::Rng;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use tokio::task;

static NOW: Mutex<Option<Now>> = Mutex::new(None);

#[derive(Default)]
struct Now {
    inner: Arc<MemoryStorage>,
    faults: bool,
    /// When each name appeared and was deleted, in steps.
    lives: HashMap<String, Vec<(u64, Option<u64>)>>,
    /// Names whose file a user deleted.
    by_hand: HashSet<String>,
    /// When a task last asked who owns a file.
    asked: HashMap<(Option<task::Id>, String), u64>,
}

/// The storage of all models here.
#[derive(Debug)]
pub(super) struct Stepped;

/// Begins with an empty storage.
pub(super) fn reset() {
    *lock(&NOW) = Some(Now::default());
}

/// Whether calls fail from time to time.
pub(super) fn set_faults(faults: bool) {
    if let Some(now) = lock(&NOW).as_mut() {
        now.faults = faults;
    }
}

fn inner() -> Arc<MemoryStorage> {
    lock(&NOW).as_ref().map(|now| now.inner.clone()).unwrap_or_default()
}

/// When the file that existed at step `began` was deleted, if it was.
pub(super) fn deleted_after(name: &str, began: u64) -> Option<u64> {
    let now = lock(&NOW);
    let lives = now.as_ref()?.lives.get(name)?;
    lives.iter().find_map(|(born, died)| died.filter(|died| *born <= began && *died > began))
}

/// Whether a user deleted a file of this name, with any owner.
pub(super) fn is_deleted_by_hand(name: &str) -> bool {
    lock(&NOW).as_ref().is_some_and(|now| now.by_hand.contains(name))
}

/// Whether a foreign file appeared between the proof that another file was ours and its deletion. A storage
/// without `delete_owned` cannot close this gap. Only somebody who does not know the journal can delete such
/// a file.
pub(super) fn is_lost_in_the_gap(name: &str) -> bool {
    let now = lock(&NOW);
    let born = |now: &Now| now.lives.get(name).and_then(|lives| lives.last()).map(|(born, _)| *born);
    let asked = |now: &Now| now.asked.get(&(task::try_id(), name.to_owned())).copied();
    now.as_ref().is_some_and(|now| asked(now) < born(now))
}

fn fails() -> bool {
    let faults = lock(&NOW).as_ref().is_some_and(|now| now.faults);
    faults && gate::is_closed() && shuttle::rand::thread_rng().gen_ratio(1, 12)
}

fn lost() -> Error {
    findings::fired("storage fault");
    Error::new(ErrorKind::Io, "injected: no answer").uncertain()
}

#[async_trait]
impl Storage for Stepped {
    async fn save(&self, name: FileName<'_>, content: Content, options: &SaveOptions) -> Result<Saved> {
        // The upload takes time, then the file exists, then the answer travels.
        let slow = match gate::is_closed() {
            true => shuttle::rand::thread_rng().gen_range(1..6),
            false => 1,
        };
        for _ in 0..slow {
            gate::pass(false).await;
        }
        if fails() {
            return Err(lost());
        }
        let bytes = content.read_all().await?;
        let saved = inner().save(name, bytes.into(), options).await?;
        gate::trace(|| format!("stored {} for {:?}", saved.name, options.owner));
        super::check::publishing(&saved.name);
        if let Some(now) = lock(&NOW).as_mut() {
            now.lives.entry(saved.name.clone()).or_default().push((gate::step(), None));
        }
        if options.owner.is_none() {
            actors::enter_foreign(&saved.name);
        }
        // If no journal knows of the file, the caller must.
        let answer = options.exact && fails();
        gate::pass(false).await;
        if answer { Err(lost()) } else { Ok(saved) }
    }

    async fn open_range(&self, name: FileName<'_>, range: Range<u64>) -> Result<Reader> {
        inner().open_range(name, range).await
    }

    async fn delete(&self, name: FileName<'_>) -> Result<()> {
        gate::pass(false).await;
        if fails() {
            return Err(lost());
        }
        let by_hand = actors::is_by_hand();
        if !by_hand && actors::is_named(name.as_str()) {
            findings::violation("R5", format!("`{name}` was deleted while a committed row names it"));
        }
        gate::trace(|| format!("deletes {name}"));
        if !by_hand && actors::foreign().iter().any(|foreign| *foreign == name.as_str()) {
            match is_lost_in_the_gap(name.as_str()) {
                true => findings::fired("foreign file lost between proof and deletion"),
                false => findings::violation("R8", format!("the foreign `{name}` was deleted")),
            }
        }
        inner().delete(name).await?;
        if let Some(now) = lock(&NOW).as_mut() {
            let lives = now.lives.entry(name.as_str().to_owned()).or_default();
            if let Some((_, died @ None)) = lives.last_mut() {
                // What its user does is not checked here.
                *died = Some(if by_hand { 0 } else { gate::step() });
            }
            if by_hand {
                now.by_hand.insert(name.as_str().to_owned());
            }
        }
        if fails() { Err(lost()) } else { Ok(()) }
    }

    async fn metadata(&self, name: FileName<'_>) -> Result<Metadata> {
        gate::pass(false).await;
        gate::trace(|| format!("looks at {name}"));
        inner().metadata(name).await
    }

    fn url(&self, name: FileName<'_>) -> Result<String> {
        inner().url(name)
    }

    fn kind(&self) -> &'static str {
        "stepped"
    }

    async fn list(&self, directory: &str) -> Result<Listing> {
        inner().list(directory).await
    }

    fn owner_tokens(&self) -> Option<&dyn OwnerTokens> {
        Some(self)
    }
}

#[async_trait]
impl OwnerTokens for Stepped {
    async fn owner(&self, name: FileName<'_>) -> Result<Option<String>> {
        gate::pass(false).await;
        let owner = StorageExt::owner(&*inner(), name).await;
        if let Some(now) = lock(&NOW).as_mut() {
            now.asked.insert((task::try_id(), name.as_str().to_owned()), gate::step());
        }
        gate::trace(|| format!("owner of {name}: {owner:?}"));
        let owner = owner?;
        if bugs::is_planted(Bug::NoOwnership) {
            let sql = "SELECT token FROM filefield_journal WHERE name = ? AND kind = 'write' AND state <> 'pending'";
            let announced = database::texts(sql, &[name.as_str()]).unwrap_or_default().pop();
            if announced.is_some() && announced != owner {
                bugs::fires(Bug::NoOwnership);
                return Ok(announced);
            }
        }
        Ok(owner)
    }
}

//! One operation: its effect, and the expected outcome.

use super::Random;
use super::reference::{COLUMNS, Ended, Held, INSERTED, KEPT, Reference, Row, Rows};
use crate::campaign::Result;
use filefield::content::Pending;
use filefield::db::Table;
use filefield::db::{Db, Queries};
use filefield::storage::{Durability, FileSystemStorage, MemoryStorage};
use filefield::testing::{Fault, FaultStorage, Operation, with_storage};
use filefield::{Content, ErrorKind, FileField, FileName, Model, SharedStorage, StorageExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

#[derive(Clone, Debug, Default, Model)]
#[model(table = "lot")]
pub(super) struct Lot {
    #[model(primary_key)]
    pub(super) id: i64,
    pub(super) note: String,
    #[file(upload_to = "lots")]
    pub(super) photo: FileField,
    #[file(upload_to = "deeds", naming = "unique", max_size = 64)]
    pub(super) deed: FileField,
    #[file(upload_to = "kept", on_replace = "keep", on_delete = "keep")]
    pub(super) kept: FileField,
}

/// Wanted names. They are few, so that they are wanted often.
const WANTED: [&str; 4] = ["a.txt", "b.txt", "A.txt", "a b.txt"];

/// More than a deed may have.
const TOO_LARGE: usize = 65;

impl Lot {
    fn file(&mut self, column: usize) -> &mut FileField {
        match column {
            0 => &mut self.photo,
            1 => &mut self.deed,
            _ => &mut self.kept,
        }
    }

    pub(super) fn names(&self) -> [String; COLUMNS] {
        [&self.photo, &self.deed, &self.kept].map(|file| file.name().unwrap_or_default().to_owned())
    }

    fn row(&self) -> Row {
        Row { note: self.note.clone(), files: self.names().map(Held::Name) }
    }
}

/// An instance that is kept, and the names it had when it was read.
pub(super) struct Slot {
    pub(super) lot: Lot,
    pub(super) read: [String; COLUMNS],
}

pub(super) struct World {
    pub(super) db: Db,
    pub(super) storage: Arc<FaultStorage>,
    pub(super) random: Random,
    pub(super) slots: Vec<Slot>,
    /// Files are distinguished by their number.
    pub(super) contents: u64,
    seen: BTreeMap<String, u64>,
    _folder: Option<tempfile::TempDir>,
    /// Number of tasks that are alive when nothing runs.
    idle: usize,
}

pub(super) fn shared(storage: &Arc<FaultStorage>) -> SharedStorage {
    storage.clone()
}

/// Tasks that are alive.
pub(super) fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// Polls a future this many times, then drops it. `None` runs it to its end.
async fn drop_after<T>(future: impl Future<Output = T>, polls: Option<usize>) -> Option<T> {
    let Some(polls) = polls else { return Some(future.await) };
    let mut future = Box::pin(future);
    for _ in 0..polls {
        let polled = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(result) = polled {
            return Some(result);
        }
        tokio::task::yield_now().await;
    }
    None
}

fn ended<T>(result: &Option<filefield::Result<T>>) -> Ended {
    match result {
        Some(Ok(_)) => Ended::Well,
        // A storage whose answer was lost has no row for its file, even so.
        Some(Err(error)) if error.is_uncertain() && error.kind() == ErrorKind::Database => Ended::Unknown,
        Some(Err(_)) => Ended::Badly,
        None => Ended::Unknown,
    }
}

impl World {
    pub(super) fn new(db: &Db, random: Random, on_disk: bool, idle: usize) -> Result<World> {
        let folder = on_disk.then(tempfile::tempdir).transpose()?;
        let inner: SharedStorage = match &folder {
            Some(folder) => {
                let builder = FileSystemStorage::builder(folder.path().join("media"));
                Arc::new(builder.durability(Durability::None).build()?)
            }
            None => Arc::new(MemoryStorage::new()),
        };
        Ok(World {
            db: db.clone(),
            storage: Arc::new(FaultStorage::new(inner)),
            random,
            slots: Vec::new(),
            contents: 0,
            seen: BTreeMap::new(),
            _folder: folder,
            idle,
        })
    }

    pub(super) fn faults(&self) -> u64 {
        self.storage.fired() + self.seen.get("dropped").copied().unwrap_or(0)
    }

    pub(super) fn take_seen(&mut self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.seen)
    }

    /// Leaves the database as it was.
    pub(super) async fn clear(&self) -> Result {
        for table in ["lot", "filefield_journal"] {
            self.db.run(&format!("DELETE FROM {table}")).await?;
        }
        Ok(())
    }

    pub(super) fn note(&mut self, what: &str) {
        *self.seen.entry(what.to_owned()).or_default() += 1;
    }

    /// Runs one operation or the final check, and compares.
    pub(super) async fn step(&mut self, reference: &mut Reference, last: bool) -> Result {
        if last {
            return self.sweep(reference).await;
        }
        if self.random.one_in(6) {
            self.inject();
        }
        match self.random.below(18) {
            0..=2 => self.create(reference).await,
            3..=8 => self.save_one(reference).await,
            9 => self.delete(reference).await,
            10..=12 => self.in_transaction(reference).await,
            13 => self.rename(reference).await,
            14 => self.delete_by_hand(reference).await,
            15 => self.overtaken(reference).await,
            16 => self.late_writer(reference).await,
            _ => self.sweep(reference).await,
        }
    }

    fn inject(&mut self) {
        let operation =
            [Operation::Save, Operation::Save, Operation::Delete, Operation::Metadata, Operation::Owner];
        let operation = operation[self.random.below(operation.len())];
        let fault = match self.random.below(3) {
            0 => Fault::fail(ErrorKind::Io),
            1 => Fault::fail(ErrorKind::StorageFull),
            _ => Fault::lose_answer(),
        };
        self.storage.inject(fault.on(operation).at(1 + self.random.below(3) as u64));
    }

    fn content(&mut self) -> String {
        self.contents += 1;
        format!("content {}", self.contents)
    }

    /// Whether the next operation is dropped, and after how many polls.
    fn polls(&mut self) -> Option<usize> {
        self.random.one_in(8).then(|| self.random.below(400))
    }

    async fn create(&mut self, reference: &mut Reference) -> Result {
        self.slots.push(Slot { lot: Lot::default(), read: [const { String::new() }; COLUMNS] });
        self.save_slot(reference, self.slots.len() - 1).await
    }

    /// Saves an available instance, fresh or stale.
    async fn save_one(&mut self, reference: &mut Reference) -> Result {
        let keys: Vec<i64> = reference.rows.keys().copied().collect();
        if !keys.is_empty() && (self.slots.is_empty() || self.random.one_in(2)) {
            let key = keys[self.random.below(keys.len())];
            let lot = Lot::objects(&self.db).get(Lot::columns().id.eq(key)).await?;
            let read = lot.names();
            self.slots.push(Slot { lot, read });
        }
        if self.slots.is_empty() {
            return Ok(());
        }
        let slot = self.random.below(self.slots.len());
        self.save_slot(reference, slot).await
    }

    /// Changes some columns of an instance, and returns what its row should hold then.
    pub(super) fn change(&mut self, slot: &mut Slot, reference: &Reference, staged: bool) -> (Row, bool) {
        let held = reference.rows.get(&slot.lot.id).filter(|_| slot.lot.id != 0);
        let mut refused = false;
        if self.random.one_in(2) {
            slot.lot.note = format!("note {}", self.contents);
        }
        // An unchanged column keeps the value of the row.
        let mut files = slot.read.clone().map(Held::Name);
        if let Some(held) = held {
            files = held.files.clone();
        }
        for (column, file) in files.iter_mut().enumerate() {
            match self.random.below(9) {
                0..=2 if staged => {
                    let mut content = self.content();
                    if column == 1 && self.random.one_in(12) {
                        content = "x".repeat(TOO_LARGE);
                        refused = true;
                    }
                    let wanted = WANTED[self.random.below(WANTED.len())];
                    let bytes = content.clone().into_bytes();
                    let pending = match self.random.one_in(24) {
                        true => {
                            // A connection that ends early.
                            refused = true;
                            let stated = content.len() as u64 + 3;
                            Pending::new(
                                wanted,
                                Content::reader(std::io::Cursor::new(bytes)).with_len(stated),
                            )
                        }
                        false => Pending::new(wanted, bytes),
                    };
                    *slot.lot.file(column) = FileField::pending(pending);
                    *file = Held::New(content);
                }
                3 => {
                    *slot.lot.file(column) = FileField::empty();
                    *file = Held::Name(String::new());
                }
                // A name of another row, of no row, or of a missing file.
                4 => {
                    let names: Vec<&String> = reference.bytes.keys().collect();
                    let same = |name: &&&String| column != KEPT && !name.starts_with("kept/");
                    let names: Vec<_> = names.iter().filter(same).collect();
                    if !names.is_empty() {
                        let name = names[self.random.below(names.len())].to_string();
                        *slot.lot.file(column) = FileField::stored_unchecked(&name);
                        *file = Held::Name(name);
                    }
                }
                _ => {}
            }
        }
        (Row { note: slot.lot.note.clone(), files }, refused)
    }

    async fn save_slot(&mut self, reference: &mut Reference, index: usize) -> Result {
        let mut slot = self.slots.swap_remove(index);
        let key = slot.lot.id;
        let (row, refused) = self.change(&mut slot, reference, true);
        let gone = key != 0 && !reference.rows.contains_key(&key);
        let mut after = reference.rows.clone();
        after.insert(if key == 0 { INSERTED } else { key }, row);
        let polls = self.polls();
        let saved = drop_after(with_storage(shared(&self.storage), slot.lot.save(&self.db)), polls).await;
        self.tell("save", &saved);
        let end = ended(&saved);
        if refused && end == Ended::Well {
            return Err("R1: a file over its limit, or one that is not whole, was stored".into());
        }
        self.settle().await?;
        if gone && end == Ended::Well {
            return Err("R6: a row that was deleted came back".into());
        }
        self.compare(reference, &after, end).await?;
        if end == Ended::Well && self.slots.len() < 4 {
            slot.read = slot.lot.names();
            self.slots.push(slot);
        }
        Ok(())
    }

    async fn delete(&mut self, reference: &mut Reference) -> Result {
        let keys: Vec<i64> = reference.rows.keys().copied().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let lot = Lot { id: keys[self.random.below(keys.len())], ..Lot::default() };
        let mut after = reference.rows.clone();
        after.remove(&lot.id);
        let polls = self.polls();
        let deleted = drop_after(with_storage(shared(&self.storage), lot.delete(&self.db)), polls).await;
        self.tell("delete", &deleted);
        self.settle().await?;
        self.compare(reference, &after, ended(&deleted)).await
    }

    fn tell<T>(&mut self, what: &str, result: &Option<filefield::Result<T>>) {
        match result {
            None => self.note("dropped"),
            Some(Ok(_)) => self.note(what),
            Some(Err(error)) => self.note(&format!("{what}: {:?}", error.kind())),
        }
    }

    /// Waits for background work.
    pub(super) async fn settle(&mut self) -> Result {
        let began = Instant::now();
        while tasks() > self.idle {
            tokio::time::sleep(Duration::from_micros(50)).await;
            if began.elapsed() > Duration::from_secs(10) {
                return Err("R9: a task goes on for ten seconds".into());
            }
        }
        Ok(())
    }

    pub(super) async fn compare(&mut self, reference: &mut Reference, after: &Rows, end: Ended) -> Result {
        let lots = Lot::objects(&self.db).all().await?;
        let actual: Rows = lots.iter().map(|lot| (lot.id, lot.row())).collect();
        let new = reference.agree(after, end, &actual).map_err(|difference| format!("R6: {difference}"))?;
        for (name, bytes) in new {
            reference.bytes.insert(name, bytes);
        }
        let loose: Vec<String> =
            reference.bytes.keys().filter(|name| !reference.is_held(name)).cloned().collect();
        for name in loose {
            if reference.loose.contains(&name) {
                continue;
            }
            if !self.storage.inner().exists(FileName::new(&name)?).await? {
                reference.bytes.remove(&name);
            }
        }
        for name in reference.held().iter().chain(&reference.loose) {
            let read = match self.storage.inner().open(FileName::new(name)?).await {
                Ok(reader) => Some(reader.read_all(1 << 16).await?),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => return Err(error.into()),
            };
            let read = read.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            // A file may appear under the name of a missing one: a save that took the free name and failed,
            // whose file is in use now.
            if let (Some(read), None) = (&read, reference.bytes.get(name)) {
                reference.bytes.insert(name.clone(), read.clone());
                *self.seen.entry("name of no file filled".to_owned()).or_default() += 1;
                continue;
            }
            if read.as_ref() != reference.bytes.get(name) {
                return Err(
                    format!("R1: `{name}` holds {read:?}, not {:?}", reference.bytes.get(name)).into()
                );
            }
        }
        Ok(())
    }
}

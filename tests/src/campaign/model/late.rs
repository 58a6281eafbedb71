//! Sweeps, and operations that a sweep has overtaken: a lease that expires before the row is written, a
//! writer that is still running, a file of another program under a reserved name.

use super::act::{Lot, Slot, World, shared};
use super::reference::{COLUMNS, Ended, Held, Reference, Rows};
use crate::campaign::Result;
use filefield::db::Queries;
use filefield::db::{Table, sweep};
use filefield::testing::{Fault, Operation, with_storage, with_storage_sync};
use filefield::{ErrorKind, FileField, FileName, SaveOptions, Storage, StorageExt};
use std::collections::BTreeSet;
use std::time::Duration;

const FOREIGN: &str = "a file of another program";

impl World {
    /// Sweeps as if days had passed. Then the files are exactly those in rows, and the journal is empty.
    pub(super) async fn sweep(&mut self, reference: &mut Reference) -> Result {
        self.storage.clear();
        self.slots.retain(|slot| slot.lot.id != 0);
        self.settle().await?;
        for _ in 0..4 {
            self.db.run("UPDATE filefield_journal SET due_at = 0 WHERE state <> 'dead'").await?;
            with_storage(shared(&self.storage), sweep(&self.db)).await?;
        }
        self.note("sweep");
        let left = "SELECT name FROM filefield_journal";
        if let Some(left) = self.db.query(left, Vec::new()).await?.first() {
            let name: String = left.get("name").unwrap_or_default();
            return Err(format!("R4: `{name}` is left in the journal").into());
        }
        let mut files = BTreeSet::new();
        for folder in ["lots", "deeds", "kept"] {
            let listing = self.storage.list(folder).await.unwrap_or_default();
            files.extend(listing.files.iter().map(|file| format!("{folder}/{file}")));
        }
        let mut held: BTreeSet<String> = reference.held();
        held.extend(reference.loose.iter().cloned());
        // A row may hold a name without a file. If another save found the name free and stored a file under it,
        // that file stays.
        let missing = held.iter().any(|name| reference.bytes.contains_key(name) && !files.contains(name));
        if missing || !files.is_subset(&held) {
            return Err(format!("R2: files {files:?}, held {held:?}").into());
        }
        let rows = reference.rows.clone();
        self.compare(reference, &rows, Ended::Well).await
    }

    /// The lease of a staged save has expired, and its files are swept. The save is then refused in the
    /// caller's transaction, which is committed with everything else that was done in it.
    pub(super) async fn overtaken(&mut self, reference: &mut Reference) -> Result {
        self.storage.clear();
        let Some(&key) = reference.rows.keys().next() else { return Ok(()) };
        let mut late = Slot { lot: Lot::default(), read: [const { String::new() }; COLUMNS] };
        let (row, refused) = self.change(&mut late, reference, true);
        let is_new = row.files.iter().any(|file| matches!(file, Held::New(_)));
        let staged = with_storage(shared(&self.storage), late.lot.stage(&self.db)).await;
        if refused || !is_new || staged.is_err() {
            with_storage_sync(shared(&self.storage), || drop(late));
            self.settle().await?;
            return Ok(());
        }
        self.sweep_now().await?;
        let tx = self.db.begin().await?;
        let mut other = Lot::objects(&tx).get(Lot::columns().id.eq(key)).await?;
        other.note = format!("beside {}", self.contents);
        let mut after = reference.rows.clone();
        if let Some(row) = after.get_mut(&key) {
            row.note.clone_from(&other.note);
        }
        with_storage(shared(&self.storage), other.save(&tx)).await?;
        let saved = with_storage(shared(&self.storage), late.lot.save(&tx)).await;
        tx.commit().await?;
        match saved {
            Err(error) if error.kind() == ErrorKind::StagedExpired => {}
            Err(error) => return Err(error.into()),
            Ok(()) => return Err("R1: a row was written whose files a sweep has taken".into()),
        }
        self.note("overtaken by a sweep");
        self.settle().await?;
        self.compare(reference, &after, Ended::Well).await
    }

    /// A writer stalls while its entry is swept, and stores its file afterwards, or after another program has
    /// put a file there.
    pub(super) async fn late_writer(&mut self, reference: &mut Reference) -> Result {
        self.storage.clear();
        self.settle().await?;
        let stalled = self.storage.inject(Fault::stall().on(Operation::Save));
        self.contents += 1;
        let mut lot =
            Lot { photo: FileField::new("late.txt", format!("late {}", self.contents)), ..Lot::default() };
        let foreign = self.random.one_in(2);
        let owner = self.random.one_in(2).then(|| "f".repeat(32));
        let db = self.db.clone();
        let writing = with_storage(shared(&self.storage), lot.stage(&db));
        let meanwhile = async {
            stalled.reached(1).await;
            // In every case the writer must continue.
            let names = self.sweep_around(foreign, owner).await;
            stalled.release();
            names
        };
        let (_, names) = tokio::join!(writing, meanwhile);
        let names = names?;
        with_storage_sync(shared(&self.storage), || drop(lot));
        self.settle().await?;
        self.note(if foreign { "a foreign file in the way" } else { "a late writer" });
        for name in names {
            self.storage.inner().delete(FileName::new(&name)?).await?;
        }
        // A file without proof stays until a person has looked at it.
        self.db.run("DELETE FROM filefield_journal WHERE state = 'dead'").await?;
        let rows: Rows = reference.rows.clone();
        self.compare(reference, &rows, Ended::Well).await
    }

    /// Sweeps after another program has put files where the writer wants to go. Returns their names; the
    /// files must still exist.
    async fn sweep_around(&self, foreign: bool, owner: Option<String>) -> Result<Vec<String>> {
        let reserved = self.reserved().await?;
        let names = if foreign { self.put_foreign(reserved, owner).await? } else { Vec::new() };
        self.sweep_now().await?;
        for name in &names {
            let whole = match self.storage.inner().open(FileName::new(name)?).await {
                Ok(reader) => reader.read_all(1000).await? == FOREIGN.as_bytes(),
                Err(_) => false,
            };
            if !whole {
                return Err(format!("R8: the foreign file `{name}` was taken for ours").into());
            }
        }
        Ok(names)
    }

    /// The names that the writer has reserved. Its entry may be committed while the bytes are delayed.
    async fn reserved(&self) -> Result<Vec<String>> {
        let sql = "SELECT name FROM filefield_journal WHERE state = 'pending' AND name LIKE 'lots/late%'";
        let mut names = Vec::new();
        for _ in 0..1000 {
            for row in self.db.query(sql, Vec::new()).await? {
                names.push(row.get("name")?);
            }
            if !names.is_empty() {
                return Ok(names);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err("the writer has reserved no name within a second".into())
    }

    /// Puts files of another program under reserved names that are still free.
    async fn put_foreign(&self, reserved: Vec<String>, owner: Option<String>) -> Result<Vec<String>> {
        let (mut names, inner) = (Vec::new(), self.storage.inner());
        let options = SaveOptions { exact: true, owner, ..SaveOptions::default() };
        for name in reserved {
            match inner.save(FileName::new(&name)?, FOREIGN.into(), &options).await {
                Ok(_) => names.push(name),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(names)
    }

    /// One sweep for which everything is due, except what the sweep itself postpones.
    async fn sweep_now(&self) -> Result {
        let due = "UPDATE filefield_journal SET due_at = 0 WHERE state <> 'dead'";
        self.db.run(due).await?;
        with_storage(shared(&self.storage), sweep(&self.db)).await?;
        Ok(())
    }
}

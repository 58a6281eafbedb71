//! Operations other than plain saves: the user's transactions, and files that are moved and deleted by hand.

use super::act::{Lot, Slot, World, shared};
use super::reference::{COLUMNS, Ended, Held, INSERTED, Reference, Row, Rows};
use crate::campaign::Result;
use filefield::db::Table;
use filefield::db::Transaction;
use filefield::testing::{with_storage, with_storage_sync};

impl World {
    /// Makes some changes in the user's transaction, some of them in a savepoint, then commits or rolls back.
    pub(super) async fn in_transaction(&mut self, reference: &mut Reference) -> Result {
        let keys: Vec<i64> = reference.rows.keys().copied().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let mut after = reference.rows.clone();
        let mut staged = Slot { lot: Lot::default(), read: [const { String::new() }; COLUMNS] };
        let (row, refused) = self.change(&mut staged, reference, true);
        let stage = with_storage(shared(&self.storage), staged.lot.stage(&self.db)).await;
        let with_staged = stage.is_ok() && !refused;
        let tx = self.db.begin().await?;
        let mut good = true;
        if with_staged {
            good &= with_storage(shared(&self.storage), staged.lot.save(&tx)).await.is_ok();
            after.insert(INSERTED, row);
        }
        if good && self.random.one_in(2) {
            let savepoint = tx.begin().await?;
            let key = keys[self.random.below(keys.len())];
            let lot = Lot { id: key, ..Lot::default() };
            let deleted = with_storage(shared(&self.storage), lot.delete(&savepoint)).await;
            if deleted.is_ok() && self.random.one_in(2) {
                savepoint.commit().await?;
                after.remove(&key);
            } else {
                savepoint.rollback().await?;
            }
        }
        let key = keys[self.random.below(keys.len())];
        if good && after.contains_key(&key) {
            good &= self.change_in(&tx, reference, &mut after, key).await?;
        }
        let end = match self.random.below(4) {
            0 => {
                drop(tx);
                Ended::Badly
            }
            1 => {
                tx.rollback().await?;
                Ended::Badly
            }
            _ if good => {
                tx.commit().await?;
                Ended::Well
            }
            _ => {
                tx.rollback().await?;
                Ended::Badly
            }
        };
        with_storage_sync(shared(&self.storage), || drop(staged));
        self.note(&format!("transaction: {end:?}"));
        self.settle().await?;
        self.compare(reference, &after, end).await
    }

    async fn change_in(
        &mut self,
        tx: &Transaction<'static>,
        reference: &Reference,
        after: &mut Rows,
        key: i64,
    ) -> Result<bool> {
        let lot = Lot::objects(tx).get(Lot::columns().id.eq(key)).await?;
        let read = lot.names();
        let mut slot = Slot { lot, read };
        let (row, _) = self.change(&mut slot, reference, false);
        let saved = with_storage(shared(&self.storage), slot.lot.save(tx)).await;
        after.insert(key, row);
        Ok(saved.is_ok())
    }

    /// Moves a row's file through the accessor, and saves. Only if no entry could use the new name.
    pub(super) async fn rename(&mut self, reference: &mut Reference) -> Result {
        self.storage.clear();
        let held = |row: &Row| !row.files[0].name().is_empty();
        let Some((&key, row)) = reference.rows.iter().find(|(_, row)| held(row)) else { return Ok(()) };
        let old = row.files[0].name().to_owned();
        let Some(bytes) = reference.bytes.get(&old).cloned() else { return Ok(()) };
        let new = format!("lots/moved {}.txt", self.contents);
        self.contents += 1;
        let mut lot = Lot::objects(&self.db).get(Lot::columns().id.eq(key)).await?;
        with_storage(shared(&self.storage), async {
            lot.photo_mut().rename(&new).await?;
            lot.save(&self.db).await
        })
        .await?;
        self.note("rename");
        reference.bytes.remove(&old);
        reference.bytes.insert(new.clone(), bytes);
        let mut after = reference.rows.clone();
        if let Some(row) = after.get_mut(&key) {
            row.files[0] = Held::Name(new);
        }
        self.settle().await?;
        self.compare(reference, &after, Ended::Well).await
    }

    /// Deletes a row's file through the accessor, and saves.
    pub(super) async fn delete_by_hand(&mut self, reference: &mut Reference) -> Result {
        self.storage.clear();
        let held = |row: &Row| !row.files[0].name().is_empty();
        let Some((&key, row)) = reference.rows.iter().find(|(_, row)| held(row)) else { return Ok(()) };
        let old = row.files[0].name().to_owned();
        let mut lot = Lot::objects(&self.db).get(Lot::columns().id.eq(key)).await?;
        with_storage(shared(&self.storage), async {
            lot.photo_mut().delete().await?;
            lot.save(&self.db).await
        })
        .await?;
        self.note("deleted by hand");
        reference.bytes.remove(&old);
        let mut after = reference.rows.clone();
        if let Some(row) = after.get_mut(&key) {
            row.files[0] = Held::Name(String::new());
        }
        self.settle().await?;
        self.compare(reference, &after, Ended::Well).await
    }
}

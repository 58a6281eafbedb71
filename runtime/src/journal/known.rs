//! What this process remembers of the databases it has used, so that a save need not ask again. These are
//! hints only, because a database can be restored under a pool. The statement that reserves a name checks the
//! identity.

use super::connection::{Journal, Pool};
use crate::{SharedStorage, Storage};
use std::any::Any;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

static DATABASES: RwLock<Vec<Known>> = RwLock::new(Vec::new());

struct Known {
    /// The value that all handles of the pool share. Its address is not reused while this exists.
    database: Weak<dyn Any + Send + Sync>,
    identity: Option<Arc<str>>,
    /// Storages, with their aliases, whose root was compared with the recorded one. After that, they refuse
    /// any other root by themselves.
    compared: Vec<(Weak<dyn Storage>, String)>,
}

fn read() -> RwLockReadGuard<'static, Vec<Known>> {
    DATABASES.read().unwrap_or_else(PoisonError::into_inner)
}

fn write() -> RwLockWriteGuard<'static, Vec<Known>> {
    DATABASES.write().unwrap_or_else(PoisonError::into_inner)
}

fn find<T>(db: &Journal, look: impl FnOnce(&Known) -> Option<T>) -> Option<T> {
    let shared = db.shared()?;
    let known = read();
    look(known.iter().find(|known| is(known, &shared))?)
}

fn change(db: &Journal, change: impl FnOnce(&mut Known)) {
    let Some(shared) = db.shared() else { return };
    let mut all = write();
    all.retain(|known| known.database.strong_count() > 0);
    if let Some(known) = all.iter_mut().find(|known| is(known, &shared)) {
        change(known);
    } else {
        let database = Arc::downgrade(&shared);
        let mut known = Known { database, identity: None, compared: Vec::new() };
        change(&mut known);
        all.push(known);
    }
}

fn is(known: &Known, shared: &Arc<dyn Any + Send + Sync>) -> bool {
    std::ptr::addr_eq(known.database.as_ptr(), Arc::as_ptr(shared))
}

fn is_storage(known: &Weak<dyn Storage>, storage: &SharedStorage) -> bool {
    std::ptr::addr_eq(known.as_ptr(), Arc::as_ptr(storage))
}

pub(super) fn identity(db: &Journal) -> Option<Arc<str>> {
    find(db, |known| known.identity.clone())
}

pub(super) fn set_identity(db: &Journal, identity: Option<Arc<str>>) {
    change(db, |known| known.identity = identity);
}

/// Whether the root of the storage was compared.
pub(super) fn is_compared(db: &Journal, storage: &SharedStorage, alias: &str) -> bool {
    let is_it = |(known, name): &(Weak<dyn Storage>, String)| is_storage(known, storage) && name == alias;
    find(db, |known| known.compared.iter().any(is_it).then_some(())).is_some()
}

pub(super) fn set_compared(db: &Journal, storage: &SharedStorage, alias: &str) {
    change(db, |known| {
        known.compared.retain(|(known, name)| {
            known.strong_count() > 0 && !(is_storage(known, storage) && name == alias)
        });
        known.compared.push((Arc::downgrade(storage), alias.to_owned()));
    });
}

/// Makes the root of the storage be compared again: it is missing, or another one was accepted.
pub(super) fn forget_compared(storage: &SharedStorage) {
    for known in write().iter_mut() {
        known.compared.retain(|(known, _)| !is_storage(known, storage));
    }
}

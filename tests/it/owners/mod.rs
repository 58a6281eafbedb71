//! Who owns a file, and for how long: two databases on one root, file systems without attributes, restored
//! databases, files of older programs.

mod adopting;
mod grace;
mod no_attributes;
mod restoring;
mod two_databases;
mod waiting;

use crate::support::files_below;
use filefield::db::{self, Table};
use filefield::db::{Db, Queries};
use filefield::prelude::*;
use filefield::registry::with_storage;
use filefield::storage::FileSystemStorage;
use filefield::{FileName, SharedStorage};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "owned_notes")]
struct Note {
    #[model(primary_key)]
    id: i64,
    #[file(upload_to = "notes", meta_field = meta)]
    scan: Option<FileField>,
    meta: FileMeta,
}

fn note(name: &str, text: &str) -> Note {
    Note { scan: Some(FileField::new(name, text.to_owned())), ..Note::default() }
}

fn local(root: &Path) -> SharedStorage {
    Arc::new(FileSystemStorage::builder(root).base_url("/media/").build().unwrap())
}

/// A database in `folder`.
async fn database(folder: &Path, name: &str) -> Db {
    let url = format!("sqlite://{}?mode=rwc", folder.join(name).display());
    let db = db::connect(&url).await.unwrap();
    db::migrate::<Note>(&db).await.unwrap();
    db
}

async fn execute(db: &Db, sql: &str) {
    db.run(sql).await.unwrap();
}

async fn number(db: &Db, sql: &str) -> i64 {
    db.query(sql, Vec::new()).await.unwrap().remove(0).only().unwrap()
}

/// Entries of the journal.
async fn entries(db: &Db) -> i64 {
    number(db, "SELECT COUNT(*) FROM filefield_journal").await
}

/// Sweeps as if days passed between two sweeps, until only dead entries are left.
async fn sweep_all(db: &Db) {
    for _ in 0..100 {
        execute(db, "UPDATE filefield_journal SET due_at = 0 WHERE state <> 'dead'").await;
        db::sweep(db).await.unwrap();
        if number(db, "SELECT COUNT(*) FROM filefield_journal WHERE state <> 'dead'").await == 0 {
            return;
        }
    }
    panic!("the journal does not become empty");
}

/// The stored files, without the storage's own ones.
fn files(root: &Path) -> Vec<String> {
    files_below(root).into_iter().filter(|name| !name.starts_with('.')).collect()
}

async fn owner(storage: &SharedStorage, name: &str) -> Option<String> {
    storage.owner(FileName::new(name).unwrap()).await.unwrap()
}

/// A temporary folder, and the media root in it.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("media");
    (folder, root)
}

//! The world that campaigns break: a table with every kind of file field, a database, a media folder that
//! other programs also use, operations on rows, and the checks after them.

mod check;
mod expect;
mod foreign;
mod model;
mod operation;
mod random;

pub(crate) use check::Settled;
pub(crate) use expect::Expected;
pub(crate) use foreign::{files as foreign_files, put as put_foreign_files};
pub(crate) use model::{Car, Files, LARGE, Rows, bytes, number};
pub(crate) use operation::{Change, Order, Outcome};
pub(crate) use random::Random;

use super::Result;
use filefield::SharedStorage;
use filefield::db::Queries;
use filefield::db::{self, Db};
use filefield::storage::{Durability, FileSystemStorage};
use filefield::testing::RecordingStorage;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A database and a media folder.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) folder: PathBuf,
    pub(crate) db: Db,
    pub(crate) storage: SharedStorage,
    /// The same storage with a check of every deletion (R5).
    pub(crate) recording: Option<Arc<RecordingStorage>>,
    /// Another database whose rows have files in the same media folder.
    pub(crate) beside: Option<Db>,
}

impl World {
    /// Opens the world in `folder`, or makes it. The media are in `media`. `judged`: whether every deletion
    /// is checked as it happens, which costs queries.
    pub(crate) async fn open(
        folder: &Path,
        url: &str,
        durability: Durability,
        judged: bool,
    ) -> Result<World> {
        let media = folder.join("media");
        if !media.exists() {
            foreign::put(&media)?;
        }
        let storage =
            FileSystemStorage::builder(&media).base_url("/media/").durability(durability).build()?;
        World::over(folder, url, Arc::new(storage), judged).await
    }

    /// The same with another storage.
    pub(crate) async fn over(
        folder: &Path,
        url: &str,
        storage: SharedStorage,
        judged: bool,
    ) -> Result<World> {
        let db = db::connect(url).await?;
        db::migrate::<Car>(&db).await?;
        let world = World { folder: folder.to_owned(), db, storage, recording: None, beside: None };
        let db = world.db.clone();
        Ok(if judged { world.judged(&db) } else { world })
    }

    /// The same world with a check of every deletion, against `db`.
    pub(crate) fn judged(self, db: &Db) -> World {
        let recording = RecordingStorage::new(self.storage).forbid_deleting_referenced(db).keep_last(100);
        let recording = Arc::new(recording);
        World { storage: recording.clone(), recording: Some(recording), ..self }
    }

    /// The same world over other connections.
    pub(crate) fn with(&self, db: Db) -> World {
        World { db, ..self.clone() }
    }

    /// The URL of the database in `folder`, if it is a file there.
    pub(crate) fn sqlite(folder: &Path) -> String {
        format!("sqlite://{}?mode=rwc", folder.join("garage.db").display())
    }

    pub(crate) fn media(&self) -> PathBuf {
        self.folder.join("media")
    }

    /// Runs `future` with this world's storage in place of every field's. Spawn tasks inside it with
    /// `filefield::testing::spawn`.
    pub(crate) async fn enter<F: Future>(&self, future: F) -> F::Output {
        filefield::testing::with_storage(self.storage.clone(), future).await
    }

    /// Runs a statement that is the same for all kinds of databases.
    pub(crate) async fn execute(&self, sql: &str) -> Result<()> {
        self.db.run(sql).await?;
        Ok(())
    }

    pub(crate) async fn close(self) -> Result<()> {
        self.db.close().await;
        Ok(())
    }
}

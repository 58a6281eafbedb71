//! A database and a media root for one test.

use filefield::SharedStorage;
use filefield::db::{self, Db, Dialect, Queries, Table};
use filefield::registry::with_storage;
use filefield::storage::FileSystemStorage;
use filefield_tests::databases::Kind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Every file below a folder except the mark of a storage's root, sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<String> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().unwrap().is_dir() {
                walk(root, &entry.path(), found);
            } else {
                found.push(entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.retain(|name| name != ".filefield/root");
    found.sort();
    found
}

/// How long a journal may take to become empty. An entry whose first try failed, as may happen on a busy
/// machine, waits for half a minute.
const PATIENCE: Duration = Duration::from_secs(100);

/// A database, and a temporary folder with `media/`.
pub(crate) struct Garage {
    folder: PathBuf,
    pub(crate) db: Db,
    pub(crate) storage: SharedStorage,
}

impl Garage {
    /// Runs `test` with every field's storage replaced by a new local one.
    pub(crate) async fn run<M: Table, F: Future<Output = ()>>(test: impl FnOnce(Arc<Garage>) -> F) {
        let folder = tempfile::tempdir().unwrap();
        Garage::run_in::<M, F>(folder.path(), test).await;
    }

    /// The same in a folder that stays.
    pub(crate) async fn run_in<M: Table, F: Future<Output = ()>>(
        folder: &Path,
        test: impl FnOnce(Arc<Garage>) -> F,
    ) {
        Garage::run_at::<M, F>(folder, &Garage::sqlite_in(folder), test).await;
    }

    fn sqlite_in(folder: &Path) -> String {
        format!("sqlite://{}?mode=rwc", folder.join("garage.db").display())
    }

    /// The URL of the database of [`run`](Self::run).
    pub(crate) fn url(&self) -> String {
        Garage::sqlite_in(&self.folder)
    }

    /// The same with the database at `url`.
    pub(crate) async fn run_at<M: Table, F: Future<Output = ()>>(
        folder: &Path,
        url: &str,
        test: impl FnOnce(Arc<Garage>) -> F,
    ) {
        let storage = FileSystemStorage::builder(folder.join("media")).base_url("/media/").build().unwrap();
        let db = db::connect(url).await.unwrap();
        db::migrate::<M>(&db).await.unwrap();
        let folder = folder.to_owned();
        let garage = Arc::new(Garage { folder, db, storage: Arc::new(storage) });
        with_storage(garage.storage.clone(), test(garage.clone())).await;
        garage.db.clone().close().await;
    }

    pub(crate) fn media(&self) -> PathBuf {
        self.folder.join("media")
    }

    /// Every file below the media root, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        files_below(&self.media())
    }

    /// The kind of database.
    pub(crate) fn kind(&self) -> Kind {
        match self.db.dialect() {
            Dialect::Postgres => Kind::Postgres,
            Dialect::MySql => Kind::MariaDb,
            _ => Kind::Sqlite,
        }
    }

    /// The number that a query returns.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.db.query(sql, Vec::new()).await.unwrap().remove(0).only().unwrap()
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.db.run(sql).await.unwrap();
    }

    /// Number of entries in the journal.
    pub(crate) async fn journal(&self) -> i64 {
        self.number("SELECT COUNT(*) FROM filefield_journal").await
    }

    /// Waits for the background work of saves, then sweeps.
    pub(crate) async fn settle(&self) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            db::sweep(&self.db).await.unwrap();
            if self.number("SELECT COUNT(*) FROM filefield_journal WHERE state <> 'dead'").await == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let left = "SELECT CONCAT(name, ' ', kind, ' ', state, ' ', attempts, ' ', COALESCE(last_error, '')) AS n \
                    FROM filefield_journal";
        for row in self.db.query(left, Vec::new()).await.unwrap() {
            eprintln!("left: {:?}", row.get::<String>("n"));
        }
        panic!("the journal does not become empty");
    }
}

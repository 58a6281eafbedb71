//! One place that is visible through several storages.

use super::*;
use filefield::db;
use filefield::db::Queries;
use filefield::storage::{MemoryStorage, PrefixStorage};
use filefield::{ErrorKind, FileName};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Semaphore;

static ALL: LazyLock<SharedStorage> = LazyLock::new(|| Arc::new(MemoryStorage::new()));

fn all() -> SharedStorage {
    ALL.clone()
}

fn tenant() -> PrefixStorage {
    PrefixStorage::new(all(), "tenänt").unwrap()
}

fn same_tenant() -> PrefixStorage {
    tenant()
}

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "papers")]
struct Paper {
    #[model(primary_key)]
    id: i64,
    #[file(upload_to = "tenänt", storage = all)]
    whole: FileField,
    #[file(storage = tenant)]
    part: FileField,
    #[file(storage = same_tenant)]
    twin: FileField,
}

/// Sweeps until the journal is empty. Another test's storage may have kept the sweep from waiting for a
/// save's background clean-up.
async fn settle(db: &db::Db) {
    let left = "SELECT 1 FROM filefield_journal";
    loop {
        db::sweep(db).await.unwrap();
        if db.query(left, Vec::new()).await.unwrap().is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

async fn exists(name: &str) -> bool {
    ALL.exists(FileName::new(name).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_file_that_a_row_names_through_another_storage_stays() {
    let db = db::connect("sqlite::memory:").await.unwrap();
    db::migrate::<Paper>(&db).await.unwrap();
    for (file, field) in [("a.txt", 0), ("b.txt", 1)] {
        let mut owner = Paper { whole: FileField::new(file, "x"), ..Paper::default() };
        owner.save(&db).await.unwrap();
        let full = owner.whole.name().unwrap().to_owned();
        assert_eq!(full, format!("tenänt/{file}"));
        let named = FileField::stored(file);
        let mut other = match field {
            0 => Paper { part: named, ..Paper::default() },
            _ => Paper { twin: named, ..Paper::default() },
        };
        other.save(&db).await.unwrap();
        owner.delete(&db).await.unwrap();
        settle(&db).await;
        assert!(exists(&full).await, "P2: {full}");
        // The same in the other direction.
        let mut whole = Paper { whole: FileField::stored(&full), ..Paper::default() };
        whole.save(&db).await.unwrap();
        other.delete(&db).await.unwrap();
        settle(&db).await;
        assert!(exists(&full).await, "P2: {full}");
        whole.delete(&db).await.unwrap();
        settle(&db).await;
        assert!(!exists(&full).await);
    }
}

static BROKEN: AtomicBool = AtomicBool::new(true);

fn sometimes() -> Result<SharedStorage, std::io::Error> {
    if BROKEN.load(Ordering::Relaxed) { Err(std::io::Error::other("not yet")) } else { Ok(all()) }
}

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "flaky")]
struct Flaky {
    #[model(primary_key)]
    id: i64,
    #[file(storage = sometimes)]
    file: FileField,
}

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "steady")]
struct Steady {
    #[model(primary_key)]
    id: i64,
    #[file(storage = all)]
    file: FileField,
}

#[tokio::test]
async fn a_field_whose_storage_is_not_known_now_neither_hides_a_row_nor_stops_a_sweep() {
    let db = db::connect("sqlite::memory:").await.unwrap();
    db::migrate::<Flaky>(&db).await.unwrap();
    db::migrate::<Steady>(&db).await.unwrap();
    let error = Flaky { file: FileField::new("a.txt", "x"), ..Flaky::default() }.save(&db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFunction);
    let execute = async |sql: &str| {
        use filefield::db::Queries;
        db.run(sql).await.unwrap();
    };
    for name in ["flaky.txt", "steady.txt"] {
        Steady { file: FileField::new(name, "x"), ..Steady::default() }.save(&db).await.unwrap();
    }
    // Another process, in which the function works, has saved this row.
    execute("INSERT INTO flaky (file) VALUES ('flaky.txt')").await;
    for row in Steady::objects(&db).all().await.unwrap() {
        row.delete(&db).await.unwrap();
    }
    execute("UPDATE filefield_journal SET due_at = 0").await;
    let report = db::sweep(&db).await.unwrap();
    assert!(exists("flaky.txt").await, "P2");
    assert_eq!((report.dead, exists("steady.txt").await), (0, false));
    BROKEN.store(false, Ordering::Relaxed);
    Flaky::register().unwrap();
    execute("UPDATE filefield_journal SET due_at = 0").await;
    db::sweep(&db).await.unwrap();
    assert!(exists("flaky.txt").await, "P2");
}

static SLOW: LazyLock<Arc<Gate>> =
    LazyLock::new(|| Arc::new(Gate::closed_before(Arc::new(MemoryStorage::new()))));

fn slow() -> SharedStorage {
    SLOW.clone()
}

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "pairs")]
struct Pair {
    #[model(primary_key)]
    id: i64,
    #[file(storage = slow)]
    left: FileField,
    #[file(storage = slow)]
    right: FileField,
}

#[tokio::test]
async fn fields_that_share_a_storage_do_not_take_each_others_reserved_names() {
    let db = db::connect("sqlite::memory:").await.unwrap();
    db::migrate::<Pair>(&db).await.unwrap();
    let save = |mut pair: Pair| {
        let db = db.clone();
        tokio::spawn(async move { pair.save(&db).await.map(|()| pair) })
    };
    let left = save(Pair { left: FileField::new("a.txt", "left"), ..Pair::default() });
    SLOW.arrived.acquire().await.unwrap().forget();
    // The name is reserved, and nothing is stored yet.
    let right = save(Pair { right: FileField::new("a.txt", "right"), ..Pair::default() });
    SLOW.arrived.acquire().await.unwrap().forget();
    SLOW.enter.add_permits(2);
    let (left, right) = (left.await.unwrap().unwrap(), right.await.unwrap().unwrap());
    assert_eq!(left.left.name(), Some("a.txt"));
    assert_ne!(right.right.name(), Some("a.txt"));
    assert_eq!(left.left().read().await.unwrap(), "left");
    assert_eq!(right.right().read().await.unwrap(), "right");
}

static HANGS: LazyLock<Arc<Gate>> = LazyLock::new(|| {
    Arc::new(Gate { deleted: Semaphore::new(0), ..Gate::open(Arc::new(MemoryStorage::new())) })
});

fn hangs() -> SharedStorage {
    HANGS.clone()
}

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "hanging")]
struct Hanging {
    #[model(primary_key)]
    id: i64,
    #[file(storage = hangs)]
    file: FileField,
}

#[tokio::test]
async fn a_storage_that_hangs_in_the_background_does_not_hold_up_a_sweep_for_ever() {
    let db = db::connect("sqlite::memory:").await.unwrap();
    db::migrate::<Hanging>(&db).await.unwrap();
    let mut row = Hanging { file: FileField::new("a.txt", "x"), ..Hanging::default() };
    row.save(&db).await.unwrap();
    row.delete(&db).await.unwrap();
    HANGS.deleting.acquire().await.unwrap().forget();
    let sweep = tokio::time::timeout(std::time::Duration::from_secs(20), db::sweep(&db)).await;
    HANGS.deleted.add_permits(1);
    sweep.unwrap().unwrap();
}

//! A move that is killed, or fails, at every step that it comes to is gone on with by the next one. In processes of
//! their own: one parks the cars, one moves them and dies, one looks and goes on.

use filefield::db::Queries;
use filefield::db::{self, Db, Table};
use filefield::ops::storage_move;
use filefield::prelude::*;
use filefield::storage::{Durability, FileSystemStorage};
use filefield::testing::Invariants;
use filefield::testing::failpoints::{FailScenario, POINTS, cfg, cfg_callback};
use filefield::{SharedStorage, Sweeper};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Clone, Default, Model)]
#[model(table = "cars")]
struct Car {
    #[model(primary_key)]
    id: i64,
    name: String,
    #[file(upload_to = "cars", storage = photo_storage, meta_field = photo_meta)]
    photo: FileField,
    photo_meta: FileMeta,
}

fn photo_storage() -> &'static str {
    "disk"
}

/// What a process of its own is to do, and where.
const ROLE: &str = "TEST_MOVING_ROLE";
const FOLDER: &str = "TEST_MOVING_FOLDER";
/// The step, which of its visits, and whether to die there or to fail.
const STEP: &str = "TEST_MOVING_STEP";

const CARS: usize = 4;

/// Whether the process that plays `role` came through.
fn play(role: &str, folder: &Path, step: &str) -> Result<(), String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["moving::plays_a_role_in_a_process_of_its_own", "--exact", "--nocapture"]);
    let output = command.env(ROLE, role).env(FOLDER, folder).env(STEP, step).output().unwrap();
    let told = || String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(told().into_owned()) }
}

#[test]
fn a_move_that_ends_at_any_step_is_gone_on_with() {
    let scenario = FailScenario::setup();
    scenario.teardown();
    let parked = tempfile::tempdir().unwrap();
    play("park", parked.path(), "").unwrap();
    let (mut killed, mut failed) = (0, 0);
    for step in POINTS.iter().filter(|step| !step.starts_with("memory.")) {
        for (visit, how) in [(1, "die"), (2, "die"), (CARS, "die"), (1, "fail"), (3, "fail")] {
            let folder = tempfile::tempdir().unwrap();
            // With the owner tokens, which are extended attributes.
            let copy = ["-a", &format!("{}/.", parked.path().display())];
            assert!(Command::new("cp").args(copy).arg(folder.path()).status().unwrap().success());
            let armed = format!("{step} {visit} {how}");
            let came_through = play("move", folder.path(), &armed);
            match how {
                "die" if came_through.is_ok() => {
                    assert!(!step.starts_with('M'), "{step} is not on the way");
                    continue;
                }
                "die" => killed += 1,
                _ => {
                    came_through.unwrap_or_else(|told| panic!("{armed}: {told}"));
                    failed += 1;
                }
            }
            play("look", folder.path(), "").unwrap_or_else(|told| panic!("after {armed}: {told}"));
        }
    }
    println!("{killed} moves killed and {failed} failed, and all were gone on with");
    assert!(killed > 60, "{killed}");
}

/// Not a test but what the one above runs.
#[test]
fn plays_a_role_in_a_process_of_its_own() {
    let (Ok(role), Ok(folder)) = (std::env::var(ROLE), std::env::var(FOLDER)) else { return };
    let step = std::env::var(STEP).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (db, disk, photos) = open(Path::new(&folder)).await;
        match role.as_str() {
            "park" => park(&db).await,
            "move" => {
                arm(&step);
                let _ = storage_move::<Car>(&db, "photo", "disk", "photos").concurrency(2).run().await;
                sweep(&db).await;
            }
            _ => look(&db, &disk, &photos).await,
        }
        db.close().await;
    });
}

async fn open(folder: &Path) -> (Db, SharedStorage, SharedStorage) {
    let place = |name: &str| -> SharedStorage {
        Arc::new(FileSystemStorage::builder(folder.join(name)).durability(Durability::None).build().unwrap())
    };
    let (disk, photos) = (place("disk"), place("photos"));
    let app = App::builder().storage("disk", disk.clone()).storage("photos", photos.clone());
    app.model::<Car>().build().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.join("garage.db").display());
    let db = db::connect(&url).await.unwrap();
    db::migrate::<Car>(&db).await.unwrap();
    (db, disk, photos)
}

async fn park(db: &Db) {
    for number in 0..CARS {
        let name = format!("car {number}");
        let mut car = Car { photo: FileField::new("car.txt", name.clone()), name, ..Car::default() };
        car.save(db).await.unwrap();
    }
}

/// Makes a visit of a step the last thing that happens, or fail.
fn arm(armed: &str) {
    let mut words = armed.split(' ');
    let (step, visit, how) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
    let visit: u64 = visit.parse().unwrap();
    if how == "fail" {
        return cfg(step, &format!("{}*off->1*return->off", visit - 1)).unwrap();
    }
    let visits = AtomicU64::new(0);
    cfg_callback(step, move || {
        if visits.fetch_add(1, Ordering::SeqCst) + 1 == visit {
            std::process::abort();
        }
    })
    .unwrap();
}

/// As if all leases and graces were over.
async fn sweep(db: &Db) {
    for _ in 0..3 {
        let _ = db.run("UPDATE filefield_journal SET due_at = 0").await;
        let _ = Sweeper::new(db).tombstone_seconds(0).run().await;
    }
}

async fn look(db: &Db, disk: &SharedStorage, photos: &SharedStorage) {
    let cars = || async { Car::objects(db).all().await.unwrap() };
    // Whatever happened, every row has its file, and so it stays after a sweep.
    for swept in [false, true] {
        for car in cars().await {
            let read = car.photo().read().await;
            assert_eq!(read.unwrap_or_else(|error| panic!("swept {swept}: {error}")), car.name);
        }
        sweep(db).await;
    }
    let report = storage_move::<Car>(db, "photo", "disk", "photos").run().await.unwrap();
    assert!(report.is_complete() && report.moved + report.skipped == CARS as u64, "{report}");
    sweep(db).await;
    for car in cars().await {
        assert_eq!(car.photo().storage().unwrap().alias(), "photos");
        assert_eq!(car.photo().read().await.unwrap(), car.name);
    }
    for storage in [disk, photos] {
        let check = Invariants::new(db, storage).model::<Car>().swept();
        check.check().await.unwrap().assert_clean();
    }
    assert!(disk.list("cars").await.unwrap().files.is_empty());
}

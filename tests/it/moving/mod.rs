//! Moving the files of a field to another storage. Aliases are process-wide, so every test runs in a separate
//! process.

mod elsewhere;
mod meanwhile;
mod refused;
mod rows;
mod running;
mod servers;

use filefield::db::Queries;
use filefield::db::{self, Db, Table};
use filefield::ops::{MoveReport, StorageMove, storage_move};
use filefield::prelude::*;
use filefield::storage::{FileSystemStorage, MemoryStorage};
use filefield::testing::{FaultStorage, Invariants, RecordingStorage};
use filefield::{FileName, SharedStorage, Sweeper};
use filefield_tests::isolated::isolated;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tempfile::TempDir;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "cars")]
struct Car {
    #[model(primary_key)]
    id: i64,
    name: String,
    #[file(upload_to = "cars", storage = photo_storage, meta_field = photo_meta)]
    photo: FileField,
    #[model(column = "about_photo")]
    photo_meta: FileMeta,
    #[file(upload_to = "papers", storage = photo_storage)]
    papers: Option<FileField>,
}

/// The alias of the field's own storage.
static OWN: OnceLock<&str> = OnceLock::new();

fn photo_storage() -> &'static str {
    OWN.get_or_init(|| "disk")
}

/// A database, and two storages.
struct Yard {
    _folder: TempDir,
    db: Db,
    /// Faults on demand, then the recorder, then the disk.
    disk: Arc<FaultStorage>,
    /// The same in memory.
    photos: Arc<FaultStorage>,
    recordings: [Arc<RecordingStorage>; 2],
}

/// The variable with the address of the database, if it is not SQLite.
const DATABASE: &str = "IT_MOVING_DATABASE";

impl Yard {
    async fn new() -> Yard {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = || format!("sqlite://{}?mode=rwc", folder.path().join("garage.db").display());
        let url = std::env::var(DATABASE).unwrap_or_else(|_| sqlite());
        let db = db::connect(&url).await.unwrap();
        let disk =
            FileSystemStorage::builder(folder.path().join("media")).base_url("/media/").build().unwrap();
        let photos = MemoryStorage::builder().base_url("https://photos.example.com/").build().unwrap();
        let watched =
            |storage: SharedStorage| Arc::new(RecordingStorage::new(storage).forbid_deleting_referenced(&db));
        let recordings = [watched(Arc::new(disk)), watched(Arc::new(photos))];
        let [disk, photos] = [0, 1].map(|at| Arc::new(FaultStorage::new(recordings[at].clone())));
        let shared = |storage: &Arc<FaultStorage>| -> SharedStorage { storage.clone() };
        App::builder()
            .storage("disk", shared(&disk))
            .storage("photos", shared(&photos))
            .model::<Car>()
            .build()
            .unwrap();
        db::migrate::<Car>(&db).await.unwrap();
        Yard { _folder: folder, db, disk, photos, recordings }
    }

    fn disk(&self) -> SharedStorage {
        self.disk.clone()
    }

    fn photos(&self) -> SharedStorage {
        self.photos.clone()
    }

    /// Saves this many cars. The content of each photo is its name.
    async fn park(&self, cars: usize) -> Vec<Car> {
        let mut parked = Vec::new();
        for number in 0..cars {
            let name = format!("car {number}");
            let mut car = Car { photo: FileField::new("car.txt", name.clone()), name, ..Car::default() };
            car.save(&self.db).await.unwrap();
            parked.push(car);
        }
        parked
    }

    fn to_photos(&self) -> StorageMove<'static, Car> {
        storage_move::<Car>(&self.db, &Car::columns().photo, "disk", "photos").grace(Duration::ZERO)
    }

    async fn moved(&self) -> MoveReport {
        let report = self.to_photos().run().await.unwrap();
        assert!(report.is_complete(), "{report}");
        report
    }

    async fn car(&self, id: i64) -> Car {
        Car::objects(&self.db).get(Car::columns().id.eq(id)).await.unwrap()
    }

    async fn cars(&self) -> Vec<Car> {
        Car::objects(&self.db).order_by(Car::columns().id.asc()).all().await.unwrap()
    }

    /// Every row has its photo, whose content is its name.
    async fn all_well(&self) -> Vec<Car> {
        let cars = self.cars().await;
        for car in &cars {
            assert_eq!(car.photo().read().await.unwrap(), car.name, "{car:?}");
        }
        cars
    }

    async fn number(&self, sql: &str) -> i64 {
        self.db.query(sql, Vec::new()).await.unwrap().remove(0).only().unwrap()
    }

    async fn execute(&self, sql: &str) {
        self.db.run(sql).await.unwrap();
    }

    /// Sweeps as if all leases, waiting times and tombstones were over.
    async fn sweep(&self) {
        for _ in 0..3 {
            self.execute("UPDATE filefield_journal SET due_at = 0 WHERE state <> 'dead'").await;
            Sweeper::new(&self.db).tombstone_seconds(0).run().await.unwrap();
        }
    }

    /// Nothing is left to do, and rows and files agree: R1 to R8 in both storages.
    async fn agree(&self) {
        self.sweep().await;
        for (storage, recording) in [(self.disk(), 0), (self.photos(), 1)] {
            let check = Invariants::new(&self.db, &storage).model::<Car>().swept();
            check.recording(&self.recordings[recording]).check().await.unwrap().assert_clean();
        }
    }

    /// All files of a storage, sorted.
    async fn files(&self, storage: &SharedStorage) -> Vec<String> {
        let (mut found, mut folders) = (Vec::new(), vec![String::new()]);
        while let Some(folder) = folders.pop() {
            let Ok(listing) = storage.list(&folder).await else { continue };
            let whole = |leaf: String| if folder.is_empty() { leaf } else { format!("{folder}/{leaf}") };
            folders.extend(listing.dirs.into_iter().map(whole));
            found.extend(listing.files.into_iter().map(whole));
        }
        found.sort();
        found
    }
}

fn name(name: &str) -> FileName<'_> {
    FileName::new(name).unwrap()
}

/// Runs `test` in a separate process. `name` is its path in this module.
fn alone<F: Future<Output = ()>>(name: &str, test: impl FnOnce() -> F) {
    isolated(&format!("moving::{name}"), filefield_tests::isolated::NONE, || block_on(test()));
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

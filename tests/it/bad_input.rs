//! A broken environment: every failure is a clear error and leaves no file, no row and no journal entry.

use crate::support::Garage;
use filefield::db::{self, Table};
use filefield::prelude::*;
use filefield::registry::with_storage;
use filefield::storage::{FileSystemStorage, PrefixStorage};
use filefield::{ErrorKind, SharedStorage};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "wrecks")]
struct Car {
    #[model(primary_key)]
    id: i64,
    #[file(upload_to = "cars")]
    photo: ImageField,
}

fn local(root: &Path) -> SharedStorage {
    Arc::new(FileSystemStorage::builder(root).base_url("/media/").build().unwrap())
}

/// Saves a car on `storage`. The save must fail with `kind`, and leave neither row nor journal entry.
async fn refused(garage: &Garage, storage: SharedStorage, kind: ErrorKind) -> filefield::Error {
    let mut car = Car { photo: ImageField::new("chevy.jpg", vec![7; 100_000]), ..Car::default() };
    let error = with_storage(storage, car.save(&garage.db)).await.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(car.photo.is_pending());
    assert_eq!(garage.number("SELECT COUNT(*) FROM wrecks").await, 0);
    assert_eq!(garage.journal().await, 0);
    let folder = garage.media();
    assert!(!error.to_string().contains(folder.to_str().unwrap()), "no absolute path in an error: {error}");
    error
}

#[tokio::test]
async fn a_file_stands_where_a_folder_is_needed() {
    Garage::run::<Car, _>(|garage| async move {
        std::fs::create_dir(garage.media()).unwrap();
        std::fs::write(garage.media().join("cars"), "in the way").unwrap();
        refused(&garage, local(&garage.media()), ErrorKind::NotADirectory).await;
        assert_eq!(garage.files(), ["cars"]);
        // A root that is a file is detected too.
        refused(&garage, local(&garage.media().join("cars")), ErrorKind::NotADirectory).await;
    })
    .await;
}

#[tokio::test]
async fn a_link_planted_in_the_media_root() {
    Garage::run::<Car, _>(|garage| async move {
        let outside = garage.media().with_file_name("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::create_dir(garage.media()).unwrap();
        symlink(&outside, garage.media().join("cars")).unwrap();
        refused(&garage, local(&garage.media()), ErrorKind::NotAFile).await;
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0, "W34");

        std::fs::write(outside.join("secret.jpg"), "secret").unwrap();
        let car = Car { photo: ImageField::stored("cars/secret.jpg"), ..Car::default() };
        assert_eq!(car.photo().read().await.unwrap_err().kind(), ErrorKind::NotAFile);
        assert!(!car.photo().exists().await.unwrap_or(false));
    })
    .await;
}

#[tokio::test]
async fn a_folder_without_permission() {
    // Root may write anywhere, so this test runs again as another user.
    if rustix::process::geteuid().is_root() {
        let test = std::env::current_exe().unwrap();
        let copy = tempfile::tempdir().unwrap();
        let run = copy.path().join("it");
        std::fs::copy(test, &run).unwrap();
        std::fs::set_permissions(copy.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let name = "bad_input::a_folder_without_permission";
        let child = Command::new("setpriv")
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
            .arg(&run)
            .args(["--exact", name, "--nocapture"])
            .env("TMPDIR", "/tmp")
            .output();
        match child {
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stdout).into_owned()
                    + &String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success() && text.contains("1 passed"), "{text}");
            }
            Err(error) => println!("skipped: this is root, and `setpriv` does not run: {error}"),
        }
        return;
    }
    Garage::run::<Car, _>(|garage| async move {
        use std::os::unix::fs::PermissionsExt;
        std::fs::create_dir(garage.media()).unwrap();
        std::fs::set_permissions(garage.media(), PermissionsExt::from_mode(0o555)).unwrap();
        refused(&garage, local(&garage.media()), ErrorKind::PermissionDenied).await;
        std::fs::set_permissions(garage.media(), PermissionsExt::from_mode(0o000)).unwrap();
        refused(&garage, local(&garage.media()), ErrorKind::PermissionDenied).await;
        std::fs::set_permissions(garage.media(), PermissionsExt::from_mode(0o755)).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_full_disk() {
    Garage::run::<Car, _>(|garage| async move {
        std::fs::create_dir(garage.media()).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(garage.media())
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            println!("skipped: mounting a small tmpfs takes root");
            return;
        }
        refused(&garage, local(&garage.media()), ErrorKind::StorageFull).await;
        let files = garage.files();
        Command::new("umount").arg(garage.media()).status().unwrap();
        assert!(files.is_empty(), "{files:?}");
    })
    .await;
}

#[tokio::test]
async fn a_media_root_that_vanishes_is_made_again_when_that_is_accepted() {
    Garage::run::<Car, _>(|garage| async move {
        let mut car = Car { photo: ImageField::new("a.jpg", "x"), ..Car::default() };
        car.save(&garage.db).await.unwrap();
        std::fs::remove_dir_all(garage.media()).unwrap();
        let mut car = Car { photo: ImageField::new("b.jpg", "x"), ..Car::default() };
        assert_eq!(car.save(&garage.db).await.unwrap_err().kind(), ErrorKind::StorageUnavailable);
        assert!(!garage.media().exists());
        db::accept_root(&garage.db, "override").await.unwrap();
        car.save(&garage.db).await.unwrap();
        assert_eq!(garage.files(), ["cars/b.jpg"]);
    })
    .await;
}

#[tokio::test]
async fn a_source_that_cannot_be_read() {
    Garage::run::<Car, _>(|garage| async move {
        let missing = ImageField::from_path("no/such/chevy.jpg").unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        let source = garage.media().with_file_name("source.jpg");
        std::fs::write(&source, "x").unwrap();
        let mut car = Car { photo: ImageField::from_path(&source).unwrap(), ..Car::default() };
        std::fs::remove_file(&source).unwrap();
        let error = car.save(&garage.db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(garage.files().is_empty());
        assert_eq!(garage.journal().await, 0);
    })
    .await;
}

/// Fails in the middle of the bytes.
struct Broken(u8);

impl std::io::Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.0 == 0 {
            return Err(std::io::Error::other("the line went dead"));
        }
        self.0 -= 1;
        buffer.fill(1);
        Ok(buffer.len())
    }
}

#[tokio::test]
async fn content_that_breaks_off() {
    Garage::run::<Car, _>(|garage| async move {
        let content = filefield::content::Pending::new("chevy.jpg", filefield::Content::reader(Broken(3)));
        let mut car = Car { photo: ImageField::pending(content), ..Car::default() };
        let error = car.save(&garage.db).await.unwrap_err();
        assert!(error.to_string().contains("the line went dead"), "{error}");
        assert!(garage.files().is_empty());
        assert_eq!(garage.journal().await, 0);
        // Content that can be read once has been read. The retry says so and does not store an empty file.
        assert_eq!(car.save(&garage.db).await.unwrap_err().kind(), ErrorKind::Consumed);
    })
    .await;
}

mod storages_that_fail {
    use super::*;

    #[derive(Debug, Clone, Default, Model)]
    #[model(table = "failing")]
    struct Failing {
        #[model(primary_key)]
        id: i64,
        #[file(storage = fails)]
        photo: FileField,
        #[file(storage = panics)]
        manual: FileField,
        #[file(storage = unknown)]
        key: FileField,
    }

    fn fails() -> Result<FileSystemStorage, std::io::Error> {
        Err(std::io::Error::other("the mount is missing"))
    }

    fn panics() -> FileSystemStorage {
        panic!("no disk today")
    }

    fn unknown() -> &'static str {
        "attic"
    }

    #[tokio::test]
    async fn each_says_what_failed_and_where() {
        let db = db::connect("sqlite::memory:").await.unwrap();
        db::migrate::<Failing>(&db).await.unwrap();
        let error = Failing::register().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Registration);
        let text = error.to_string();
        assert!(text.contains("Failing.photo: storage function: the mount is missing"), "{text}");
        assert!(text.contains("Failing.manual: the storage function panicked: no disk today"), "{text}");
        assert!(text.contains("Failing.key: ") && text.contains("`attic`"), "{text}");

        let mut row = Failing { photo: FileField::new("a.txt", "x"), ..Failing::default() };
        assert_eq!(row.save(&db).await.unwrap_err().kind(), ErrorKind::StorageFunction);
        let mut row = Failing { key: FileField::new("a.txt", "x"), ..Failing::default() };
        assert_eq!(row.save(&db).await.unwrap_err().kind(), ErrorKind::UnknownStorage);
        assert_eq!(Failing::objects(&db).count().await.unwrap(), 0);
    }
}

mod one_table_two_models {
    use super::*;

    #[derive(Debug, Clone, Default, Model)]
    #[model(table = "twins")]
    struct First {
        #[model(primary_key)]
        id: i64,
    }

    #[derive(Debug, Clone, Default, Model)]
    #[model(table = "twins")]
    struct Second {
        #[model(primary_key)]
        id: i64,
    }

    /// On SQLite the same table.
    #[derive(Debug, Clone, Default, Model)]
    #[model(table = "Twins")]
    struct Loud {
        #[model(primary_key)]
        id: i64,
    }

    #[tokio::test]
    async fn is_an_error_that_names_both() {
        let db = db::connect("sqlite::memory:").await.unwrap();
        db::migrate::<First>(&db).await.unwrap();
        let error = db::migrate::<Second>(&db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Registration);
        let text = error.to_string();
        assert!(text.contains("First") && text.contains("Second") && text.contains("twins"), "{text}");
        assert_eq!(Second::default().save(&db).await.unwrap_err().kind(), ErrorKind::Registration);
        let text = db::migrate::<Loud>(&db).await.unwrap_err().to_string();
        assert!(text.contains("Loud") && text.contains("twins") && text.contains("Twins"), "{text}");
    }
}

mod a_column_of_files_that_is_no_file_field {
    use super::*;

    /// The derive sees only the names of types.
    type Photo = Option<ImageField>;

    #[derive(Debug, Clone, Default, Model)]
    #[model(table = "album")]
    struct Page {
        #[model(primary_key)]
        id: i64,
        cover: Photo,
    }

    #[tokio::test]
    async fn is_refused_before_a_row_is_written() {
        let db = db::connect("sqlite::memory:").await.unwrap();
        Page::register().unwrap();
        let error = db::migrate::<Page>(&db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Registration);
        let text = "Page: `cover` is a column of files without `#[file]`; write `#[file]` above it";
        assert!(error.to_string().contains(text), "{error}");
        let mut page = Page { cover: Some(ImageField::new("a.jpg", "x")), ..Page::default() };
        assert_eq!(page.save(&db).await.unwrap_err().kind(), ErrorKind::Registration);
    }
}

#[tokio::test]
async fn saving_without_an_app_says_what_to_set() {
    let db = db::connect("sqlite::memory:").await.unwrap();
    db::migrate::<Car>(&db).await.unwrap();
    let mut car = Car { photo: ImageField::new("a.jpg", "x"), ..Car::default() };
    let error = car.save(&db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Settings);
    assert!(error.to_string().contains("MEDIA_ROOT"), "{error}");
    assert_eq!(Car::objects(&db).count().await.unwrap(), 0);
}

#[tokio::test]
async fn a_database_that_is_gone() {
    Garage::run::<Car, _>(|garage| async move {
        garage.db.clone().close().await;
        let mut car = Car { photo: ImageField::new("a.jpg", "x"), ..Car::default() };
        let error = car.save(&garage.db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Database);
        assert!(garage.files().is_empty() && car.photo.is_pending());
    })
    .await;
}

#[tokio::test]
async fn a_prefixed_storage_keeps_its_files_under_its_folder() {
    Garage::run::<Car, _>(|garage| async move {
        let prefixed: SharedStorage =
            Arc::new(PrefixStorage::new(garage.storage.clone(), "tenant-7").unwrap());
        with_storage(prefixed, async {
            let mut car = Car { photo: ImageField::new("a.jpg", "x"), ..Car::default() };
            car.save(&garage.db).await.unwrap();
            assert_eq!(car.photo().name(), "cars/a.jpg");
            assert_eq!(garage.files(), ["tenant-7/cars/a.jpg"]);
            assert_eq!(car.photo().url().unwrap(), "/media/tenant-7/cars/a.jpg");
            car.delete(&garage.db).await.unwrap();
            garage.settle().await;
            assert!(garage.files().is_empty());
        })
        .await;
    })
    .await;
}

mod descriptors {
    use super::*;
    use filefield_tests::isolated::isolated;
    use rustix::process::{Resource, Rlimit, setrlimit};

    const ROWS: i64 = 20_000;

    /// Values hold no descriptors. The limit holds for a whole process, so this test runs in a separate one.
    #[test]
    fn twenty_thousand_rows_are_read_under_a_limit_of_64_descriptors() {
        let name = "bad_input::descriptors::twenty_thousand_rows_are_read_under_a_limit_of_64_descriptors";
        isolated::<&str>(name, &[], || {
            setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: Some(64) }).unwrap();
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(read_all());
        });
    }

    async fn read_all() {
        Garage::run::<Car, _>(|garage| async move {
            std::fs::create_dir_all(garage.media().join("cars")).unwrap();
            for number in 0..ROWS {
                std::fs::write(garage.media().join(format!("cars/{number}.jpg")), number.to_string()).unwrap();
            }
            garage
                .execute(&format!(
                    "INSERT INTO wrecks (photo) WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT {ROWS}) \
                     SELECT 'cars/' || i || '.jpg' FROM n"
                ))
                .await;
            let cars = Car::objects(&garage.db).order_by(Car::columns().id.asc()).all().await.unwrap();
            assert_eq!(cars.len(), usize::try_from(ROWS).unwrap());
            let mut open = Vec::new();
            for (number, car) in cars.iter().enumerate() {
                assert_eq!(car.photo().read().await.unwrap(), number.to_string());
                open.push(car.photo());
            }
        })
        .await;
    }
}

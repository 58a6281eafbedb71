//! Settings from the environment, and the storages made from them.

use filefield::registry::{App, create_storage, storage};
use filefield::settings::{Settings, settings, try_settings};
use filefield::storage::{FileSystemStorage, Storage};
use filefield::{Content, ErrorKind, FileName, SaveOptions, default_storage};
use filefield_tests::isolated::{NONE, isolated};
use std::any::Any;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

async fn save(storage: &dyn Storage, name: &str) -> String {
    storage
        .save(FileName::new(name).unwrap(), Content::from("x"), &SaveOptions::default())
        .await
        .unwrap()
        .name
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn first_use_reads_the_environment() {
    let root = tempfile::tempdir().unwrap();
    let variables = [
        ("FILEFIELD_MEDIA_ROOT", root.path().join("media").into_os_string()),
        ("FILEFIELD_MEDIA_URL", "media".into()),
        ("FILEFIELD_FILE_UPLOAD_PERMISSIONS", "0640".into()),
        ("FILEFIELD_FILE_UPLOAD_DIRECTORY_PERMISSIONS", "750".into()),
        ("FILEFIELD_DEBUG", "yes".into()),
        ("FILEFIELD_TIME_ZONE", "".into()),
        (
            "FILEFIELD_STORAGES__photos",
            format!("file://{}/a%20b?base_url=/p&permissions=600", root.path().display()).into(),
        ),
        ("FILEFIELDX", "not ours".into()),
    ];
    isolated("settings::first_use_reads_the_environment", &variables, || {
        assert!(settings().debug());
        let media = settings().media_root().unwrap().to_owned();
        block_on(async {
            let default = default_storage().unwrap();
            assert_eq!(save(&*default, "cars/a.txt").await, "cars/a.txt");
            assert_eq!(default.url(FileName::new("cars/a.txt").unwrap()).unwrap(), "/media/cars/a.txt");
            assert_eq!((mode(media.join("cars/a.txt")), mode(media.join("cars"))), (0o640, 0o750));

            let photos = storage("photos").unwrap();
            assert_eq!(save(&*photos, "cars/a.txt").await, "cars/a.txt");
            assert_eq!(photos.url(FileName::new("a").unwrap()).unwrap(), "/p/a");
            let photo = media.parent().unwrap().join("a b/cars/a.txt");
            // For files, the option of the storage overrides the setting. There is no option for directories.
            assert_eq!((mode(&photo), mode(photo.parent().unwrap())), (0o600, 0o750));
        });
    });
}

#[test]
fn every_mistake_in_the_environment_is_named_and_nothing_works_on_defaults() {
    let variables = [
        ("FILEFIELD_MEDIA_ROT", "/srv/secret"),
        ("FILEFIELD_DEBUG", "maybe"),
        ("FILEFIELD_STORAGES__old", "ftp://key:secret@bucket"),
        ("FILEFIELD_CONFIG", "/etc/secret/no-such-file.toml"),
    ];
    isolated(
        "settings::every_mistake_in_the_environment_is_named_and_nothing_works_on_defaults",
        &variables,
        || {
            let error = try_settings().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Settings);
            let text = error.to_string();
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), 4, "{text}");
            assert!(lines[0].starts_with("no-such-file.toml cannot be read: "), "{text}");
            assert_eq!(lines[1], "FILEFIELD_DEBUG: expected `true` or `false`");
            assert!(
            lines[2].starts_with(
                "unknown variable `FILEFIELD_MEDIA_ROT`; did you mean `FILEFIELD_MEDIA_ROOT`? known: FILEFIELD_MEDIA_ROOT, "
            ),
            "{text}"
        );
            assert!(lines[3].starts_with("STORAGES.old: unknown storage `ftp:`; known: "), "{text}");
            assert!(!format!("{text}{error:?}").contains("secret"), "{error:?}");

            assert_eq!(*settings(), Settings::default());
            assert_eq!(default_storage().unwrap_err().kind(), ErrorKind::Settings);
            let error = App::builder().build().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Settings);
            // Explicit settings make the program independent of the environment.
            App::builder().settings(Settings::default()).build().unwrap();
            assert_eq!(default_storage().unwrap_err().to_string().lines().count(), 1);
        },
    );
}

#[test]
fn requirement_26_no_media_root_is_an_error_and_not_the_working_directory() {
    let name = "settings::requirement_26_no_media_root_is_an_error_and_not_the_working_directory";
    isolated(name, &[("FILEFIELD_MEDIA_ROOT", "")], || {
        let error = default_storage().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Settings);
        for help in ["`MEDIA_ROOT` is not set", "`FILEFIELD_MEDIA_ROOT`", "App::builder().settings("] {
            assert!(error.to_string().contains(help), "{error}");
        }
        assert_eq!(fs::read_dir(".").unwrap().count(), 0);
    });
}

#[test]
fn a_config_file_is_beneath_the_variables() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("site.toml");
    fs::write(&file, "MEDIA_ROOT = '/srv/media'\nMEDIA_URL = '/m/'\nDEFAULT_FILE_STORAGE = 'memory:'\n")
        .unwrap();
    let variables = [
        ("FILEFIELD_CONFIG", file.as_os_str()),
        ("FILEFIELD_MEDIA_URL", "https://cdn.example.com/m".as_ref()),
    ];
    isolated("settings::a_config_file_is_beneath_the_variables", &variables, || {
        assert_eq!(settings().media_root(), Some(Path::new("/srv/media")));
        assert_eq!(settings().media_url(), Some("https://cdn.example.com/m/"));
        assert_eq!(default_storage().unwrap().kind(), "memory");
    });
    fs::write(&file, "a = ").unwrap();
    let error = Settings::from_file(&file).unwrap_err();
    assert!(error.to_string().starts_with("site.toml, line 1, column "), "{error}");
}

#[test]
fn urls_make_storages() {
    isolated("settings::urls_make_storages", NONE, || {
        let root = tempfile::tempdir().unwrap();
        let url = format!("file://{}/%C3%A9?base_url=https://cdn.example.com", root.path().display());
        let made = create_storage(&url).unwrap();
        let local = (&*made as &dyn Any).downcast_ref::<FileSystemStorage>().unwrap();
        assert_eq!(local.location(), root.path().join("é"));
        assert_eq!(local.base_url(), Some("https://cdn.example.com/"));
        block_on(async {
            // The options for overwriting and for not syncing take effect.
            let url = format!("{url}&allow_overwrite=true&durability=none");
            let made = create_storage(&url).unwrap();
            assert_eq!([save(&*made, "a").await, save(&*made, "a").await], ["a", "a"]);
            let made = create_storage("memory://?base_url=/m/").unwrap();
            assert_eq!(made.url(FileName::new("a").unwrap()).unwrap(), "/m/a");
            assert_eq!(save(&*made, "a").await, "a");
            assert_ne!(save(&*made, "a").await, "a");
        });
    });
}

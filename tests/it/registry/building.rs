//! What `App::build` replaces, and what it evaluates again.

use super::{field, is_same, memory, race, within_seconds};
use filefield::registry::App;
use filefield::storage::MemoryStorage;
use filefield::{
    Bytes, ErrorKind, FileField, FileName, Model, Result, SaveOptions, SharedStorage, Storage, StorageExt,
};
use filefield_tests::isolated::{NONE, isolated};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

#[test]
fn a_storage_that_is_replaced_may_use_the_library_when_it_is_dropped() {
    struct Asks(Arc<OnceLock<SharedStorage>>);
    impl AsRef<[u8]> for Asks {
        fn as_ref(&self) -> &[u8] {
            b"dropped with the storage that holds it"
        }
    }
    impl Drop for Asks {
        fn drop(&mut self) {
            self.0.set(filefield::default_storage().unwrap()).unwrap();
        }
    }
    let name = "registry::building::a_storage_that_is_replaced_may_use_the_library_when_it_is_dropped";
    isolated(name, NONE, || {
        let (answer, old, new) = (Arc::new(OnceLock::new()), MemoryStorage::new(), memory());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let asks = Bytes::from_owner(Asks(answer.clone()));
        let (name, options) = (FileName::new("asks").unwrap(), SaveOptions::default());
        runtime.block_on(old.save(name, asks.into(), &options)).unwrap();
        App::builder().default_storage(old).build().unwrap();
        let builder = App::builder().default_storage(new.clone());
        within_seconds(20, || builder.build().map(drop)).unwrap();
        assert!(is_same(answer.get().unwrap(), &new));
    });
}

#[test]
fn builds_at_once_ask_a_function_that_fails_once_and_say_the_same() {
    static BEGUN: AtomicUsize = AtomicUsize::new(0);
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    /// Holds every build before the next field until all have begun.
    fn slow() -> SharedStorage {
        while BEGUN.load(SeqCst) < 64 {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(50));
        memory()
    }
    fn failing() -> Result<SharedStorage, String> {
        Err(format!("no connection {}", CALLS.fetch_add(1, SeqCst)))
    }
    model!(Waiting { first = slow, second = failing });
    let name = "registry::building::builds_at_once_ask_a_function_that_fails_once_and_say_the_same";
    isolated(name, NONE, || {
        let build = || {
            BEGUN.fetch_add(1, SeqCst);
            App::builder().model::<Waiting>().build().map(drop).unwrap_err()
        };
        for error in race(build) {
            assert_eq!(error.to_string(), "Waiting.second: storage function: no connection 0");
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Registration, true));
        }
        assert_eq!(CALLS.load(SeqCst), 1);
        // A build that begins afterwards evaluates again, however soon.
        let error = App::builder().model::<Waiting>().build().unwrap_err();
        assert_eq!(error.to_string(), "Waiting.second: storage function: no connection 1");
    });
}

#[test]
fn the_first_who_meets_a_failure_and_the_next_are_told_the_same() {
    fn fails() -> Result<SharedStorage, String> {
        Err("no connection".to_owned())
    }
    fn panics() -> SharedStorage {
        panic!("oops")
    }
    fn unknown() -> &'static str {
        "nowhere"
    }
    model!(Told { a = fails, b = panics, c = unknown });
    for (index, may_help) in [true, true, false].into_iter().enumerate() {
        let ask = || {
            let error = field::<Told>(index).storage().map(drop).unwrap_err();
            (error.kind(), error.is_retryable(), error.to_string())
        };
        let first = ask();
        assert_eq!(first.1, may_help, "{first:?}");
        assert_eq!(ask(), first);
    }
}

/// The folder that `isolated` gives each test.
fn here() -> std::path::PathBuf {
    std::env::current_dir().unwrap()
}

fn with_root(folder: &str) -> filefield::Settings {
    filefield::Settings::builder().media_root(here().join(folder)).build().unwrap()
}

#[test]
fn storages_in_which_nothing_can_be_saved_are_told_at_the_start_all_together() {
    let name =
        "registry::building::storages_in_which_nothing_can_be_saved_are_told_at_the_start_all_together";
    isolated(name, NONE, || {
        std::fs::write(here().join("file"), "").unwrap();
        std::fs::create_dir(here().join("good")).unwrap();
        let settings = || {
            let url = |folder: &str| format!("file://{}/{folder}", here().display());
            let builder = filefield::Settings::builder().media_root(here().join("no/media"));
            builder.storage("docs", &url("file")).storage("good", &url("good")).build().unwrap()
        };
        let given = || filefield::storage::FileSystemStorage::new(here().join("neither/there")).unwrap();
        let build = || App::builder().settings(settings()).storage("given", given());
        let error = build().build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Registration);
        let text = error.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        for (line, (alias, says)) in lines.iter().zip([
            ("default", "does not exist"),
            ("docs", "the location is a directory"),
            ("given", "does not exist"),
        ]) {
            assert!(line.starts_with(&format!("storage `{alias}`: ")) && line.contains(says), "{line}");
        }
        assert!(!text.contains(here().to_str().unwrap()), "{text}");
        build().check_storages(false).build().unwrap();
        // The same inside a runtime.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { build().build().unwrap_err() });
        // The corrected value is used. The first save creates a missing folder.
        App::builder().settings(with_root("media")).build().unwrap();
        assert!(!here().join("media").exists());
    });
}

#[test]
fn a_field_that_has_a_storage_is_not_told_another_one() {
    #[derive(Model)]
    #[allow(dead_code)]
    struct Bound {
        #[file]
        photo: FileField,
    }
    model!(Free { photo = memory });
    isolated("registry::building::a_field_that_has_a_storage_is_not_told_another_one", NONE, || {
        let build =
            |folder| App::builder().settings(with_root(folder)).model::<Bound>().model::<Free>().build();
        build("first").unwrap();
        build("first").unwrap();
        let error = build("second").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Registration);
        let text = error.to_string();
        assert!(text.starts_with("Bound.photo: ") && text.lines().count() == 1, "{text}");
        assert!(
            text.contains("`default` (local, `first`)") && text.contains("`default` (local, `second`)"),
            "{text}"
        );
        assert!(!text.contains(here().to_str().unwrap()), "{text}");
        // Nothing has changed: the settings are those in use.
        assert_eq!(filefield::settings::settings().media_root(), Some(&*here().join("first")));
        let path = |storage: &SharedStorage| storage.path(FileName::new("f").unwrap()).unwrap();
        assert_eq!(path(&filefield::default_storage().unwrap()), here().join("first/f"));
        assert_eq!(path(&field::<Bound>(0).storage().unwrap()), here().join("first/f"));
        // The same if it is given in code, or without naming the model again.
        App::builder().default_storage(MemoryStorage::new()).build().unwrap_err();
        App::builder().settings(with_root("second")).build().unwrap_err();
        // Other settings may change.
        let others =
            filefield::Settings::builder().media_root(here().join("first")).debug(true).build().unwrap();
        App::builder().settings(others).build().unwrap();
        assert!(filefield::settings::settings().debug());
    });
}

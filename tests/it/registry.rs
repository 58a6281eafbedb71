//! Storages of fields are evaluated once, whatever happens.

use filefield::field::FieldDef;
use filefield::registry::{App, RegisteredModel, models, storage};
use filefield::settings::Settings;
use filefield::storage::MemoryStorage;
use filefield::{ErrorKind, FileField, FileModel, IntoStorage, Model, Result, SharedStorage, Storage};
use filefield_tests::isolated::{NONE, isolated};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

/// A struct with a storage function for each field, and with a table if one is named.
macro_rules! model {
    ($name:ident { $($field:ident = $storage:path),* $(,)? }) => {
        #[derive(Model)]
        #[allow(dead_code)]
        struct $name { $(#[file(storage = $storage)] $field: FileField),* }
    };
    ($name:ident in $table:literal { $($field:ident = $storage:path),* $(,)? }) => {
        #[derive(Clone, Model)]
        #[model(table = $table)]
        #[allow(dead_code)]
        struct $name { #[model(primary_key)] id: i64, $(#[file(storage = $storage)] $field: FileField),* }
    };
}

mod building;
mod overrides;
mod owners;

fn field<M: FileModel>(index: usize) -> &'static FieldDef {
    M::FIELDS.at(index).def()
}

fn memory() -> SharedStorage {
    Arc::new(MemoryStorage::new())
}

fn is_same(a: &SharedStorage, b: &SharedStorage) -> bool {
    Arc::ptr_eq(a, b)
}

/// The results of `run` in 64 threads that start together.
fn race<T: Send>(run: impl Fn() -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(64);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..64)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    run()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Fails a test that hangs. Otherwise a deadlock would stop the whole run.
fn within_seconds<T: Send + 'static>(seconds: u64, run: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || sender.send(run()));
    receiver.recv_timeout(Duration::from_secs(seconds)).expect("it hangs")
}

#[test]
fn d133_a_slow_function_runs_once_under_64_threads() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    fn slow() -> SharedStorage {
        CALLS.fetch_add(1, SeqCst);
        thread::sleep(Duration::from_millis(20));
        memory()
    }
    model!(Slow { photo = slow });
    let storages = race(|| field::<Slow>(0).storage().unwrap().storage().clone());
    assert_eq!(CALLS.load(SeqCst), 1);
    assert!(storages.iter().all(|storage| is_same(storage, &storages[0])));
    Slow::register().unwrap();
    assert_eq!(CALLS.load(SeqCst), 1);
}

#[test]
fn a_failing_function_is_not_stampeded_and_tried_again() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    fn failing() -> Result<SharedStorage, String> {
        CALLS.fetch_add(1, SeqCst);
        thread::sleep(Duration::from_millis(20));
        Err("no connection".to_owned())
    }
    model!(Failing { photo = failing });
    let start = Instant::now();
    let errors = race(|| field::<Failing>(0).storage().map(drop).unwrap_err());
    for error in errors {
        assert_eq!(error.to_string(), "Failing.photo: storage function: no connection");
        assert_eq!(error.kind(), ErrorKind::StorageFunction);
        assert_eq!((error.model(), error.field()), (Some("Failing"), Some("photo")));
    }
    // One call, and one more for each second that the machine was too slow for.
    let most = 1 + start.elapsed().as_secs() as usize;
    assert!(CALLS.load(SeqCst) <= most, "{CALLS:?} calls, {most} allowed");

    thread::sleep(Duration::from_millis(1100));
    let before = CALLS.load(SeqCst);
    field::<Failing>(0).storage().unwrap_err();
    assert_eq!(CALLS.load(SeqCst), before + 1);
    // Explicit registration has no back-off.
    assert_eq!(Failing::register().unwrap_err().kind(), ErrorKind::Registration);
    assert_eq!(CALLS.load(SeqCst), before + 2);
}

#[test]
fn a_function_that_fails_and_panics_first_succeeds_once() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    fn third_time_lucky() -> Result<SharedStorage, std::io::Error> {
        match CALLS.fetch_add(1, SeqCst) {
            0 => Err(std::io::Error::other("not yet")),
            1 => panic!("oh {}", "no"),
            _ => Ok(memory()),
        }
    }
    model!(Lucky { photo = third_time_lucky });
    let failure = || Lucky::register().unwrap_err().to_string();
    assert_eq!(failure(), "Lucky.photo: storage function: not yet");
    assert_eq!(failure(), "Lucky.photo: the storage function panicked: oh no");
    if let Err(error) = field::<Lucky>(0).storage() {
        assert!(error.is_retryable(), "{error}");
        assert_eq!(CALLS.load(SeqCst), 2, "within the back-off the function is not called");
    }
    Lucky::register().unwrap();
    let storages = race(|| field::<Lucky>(0).storage().unwrap().storage().clone());
    assert!(storages.iter().all(|storage| is_same(storage, &storages[0])));
    assert_eq!(CALLS.load(SeqCst), 3);
}

#[test]
fn a_function_may_use_other_fields_but_not_its_own() {
    fn own() -> Result<SharedStorage> {
        Ok(field::<Nested>(0).storage()?.storage().clone())
    }
    fn other() -> Result<SharedStorage> {
        Ok(field::<Nested>(2).storage()?.storage().clone())
    }
    model!(Nested { a = own, b = other, c = memory });
    within_seconds(20, || {
        let error = field::<Nested>(0).storage().map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFunction);
        assert!(
            error.to_string().ends_with("the storage function needs the storage of its own field"),
            "{error}"
        );
        let shared = field::<Nested>(1).storage().unwrap();
        assert!(is_same(&shared, &field::<Nested>(2).storage().unwrap()));
    });
}

#[test]
fn functions_that_need_each_other_in_two_threads_do_not_deadlock() {
    // Both functions run before either requests the other's field.
    fn both() {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        static BOTH: Barrier = Barrier::new(2);
        if CALLS.fetch_add(1, SeqCst) < 2 {
            BOTH.wait();
        }
    }
    fn first() -> Result<SharedStorage> {
        both();
        Ok(field::<Circle>(1).storage()?.storage().clone())
    }
    fn second() -> Result<SharedStorage> {
        both();
        Ok(field::<Circle>(0).storage()?.storage().clone())
    }
    model!(Circle { a = first, b = second });
    let texts = within_seconds(20, || {
        let ask = |index| move || field::<Circle>(index).storage().map(drop).unwrap_err().to_string();
        let threads = [thread::spawn(ask(0)), thread::spawn(ask(1))];
        threads.map(|thread| thread.join().unwrap())
    });
    assert!(texts.iter().all(|text| text.contains("needs the storage of its own field")), "{texts:?}");
}

#[test]
fn whatever_a_function_may_return() {
    fn concrete() -> MemoryStorage {
        MemoryStorage::new()
    }
    fn shared() -> Arc<MemoryStorage> {
        Arc::new(MemoryStorage::new())
    }
    fn boxed() -> Box<dyn Storage> {
        Box::new(MemoryStorage::new())
    }
    fn alias() -> &'static str {
        "photos"
    }
    fn text() -> String {
        "photos".to_owned()
    }
    fn fallible() -> Result<&'static str, std::fmt::Error> {
        Ok("photos")
    }
    fn instance() -> Result<SharedStorage> {
        storage("photos")
    }
    fn unknown() -> &'static str {
        "photo"
    }
    model!(Any {
        a = concrete, b = shared, c = boxed, d = alias, e = text, f = fallible, g = instance, h = unknown,
    });
    isolated("registry::whatever_a_function_may_return", NONE, || {
        let photos = memory();
        App::builder().settings(Settings::default()).storage("photos", photos.clone()).build().unwrap();
        for index in 0..7 {
            let handle = field::<Any>(index).storage().unwrap();
            assert_eq!(handle.kind(), "memory");
            let own = format!("Any.{}", field::<Any>(index).name());
            assert_eq!(handle.alias(), if index < 3 { own.as_str() } else { "photos" });
            assert_eq!(is_same(&handle, &photos), index >= 3);
        }
        let error = field::<Any>(7).storage().map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownStorage);
        let want =
            "Any.h: no storage goes by the alias `photo`; did you mean `photos`? known: default, photos";
        assert_eq!(error.to_string(), want);
    });
}

#[test]
fn build_reports_all_failures_at_once() {
    fn fails() -> Result<SharedStorage, String> {
        Err("no bucket".to_owned())
    }
    fn panics() -> SharedStorage {
        panic!("oops")
    }
    fn unknown() -> &'static str {
        "nowhere"
    }
    model!(Car { photo = fails, manual = memory, video = panics });
    model!(Bike { photo = unknown });
    isolated("registry::build_reports_all_failures_at_once", NONE, || {
        let settings = Settings::builder().default_file_storage("disk").build().unwrap();
        let broken: Result<SharedStorage, String> = Err("no key".to_owned());
        let builder = App::builder().settings(settings).storage("cloud", broken).storage("a b", memory());
        let error = builder.model::<Car>().model::<Bike>().build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Registration);
        let want = "storage `a b`: `a b` cannot be an alias; write letters, digits, `_` and `-` only\n\
                    storage `cloud`: no key\n\
                    `default` stands for the alias `disk`, which no storage goes by; known: default\n\
                    Car.photo: storage function: no bucket\n\
                    Car.video: the storage function panicked: oops\n\
                    Bike.photo: no storage goes by the alias `nowhere`; known: default";
        assert_eq!(error.to_string(), want);
        // What did not fail is there.
        field::<Car>(1).storage().unwrap();
    });
}

#[cfg(feature = "db")]
#[test]
fn two_types_with_one_table_are_an_error() {
    mod other {
        use super::*;
        model!(Car in "cars" { photo = memory });
        pub(super) fn app() -> filefield::registry::AppBuilder {
            App::builder().model::<Car>()
        }
    }
    model!(Car in "cars" { photo = memory });
    model!(Bike in "bikes" { photo = memory });
    isolated("registry::two_types_with_one_table_are_an_error", NONE, || {
        let error = other::app().model::<Bike>().model::<Car>().build().unwrap_err();
        let path = "it::registry::two_types_with_one_table_are_an_error";
        let line = format!("Car: the table `cars` belongs to `{path}::other::Car` and to `{path}::Car`");
        assert_eq!(error.to_string().lines().next(), Some(line.as_str()));
        // The same model twice, or again, counts once.
        let app = other::app().model::<Bike>().model::<Bike>().build().unwrap();
        other::app().model::<Bike>().build().unwrap();
        Bike::register().unwrap();
        let names = |models: &[RegisteredModel]| {
            models.iter().map(RegisteredModel::name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(app.models()), "Car Bike");
        assert_eq!(names(&models()), "Car Bike");
        assert_eq!((models()[1].table(), models()[1].fields()[0].name()), (Some("bikes"), "photo"));
    });
}

#[test]
fn structs_of_one_name_do_not_share_an_alias() {
    mod cake {
        use super::*;
        model!(Model { photo = memory });
        pub(super) fn register() -> Result<()> {
            Model::register()
        }
    }
    mod fruit {
        use super::*;
        model!(Model { photo = memory });
        pub(super) fn register() -> Result<()> {
            Model::register()
        }
    }
    model!(Owner { photo = memory });
    isolated("registry::structs_of_one_name_do_not_share_an_alias", NONE, || {
        // A storage without an alias is found through its field.
        assert_eq!(storage("Owner.photo").unwrap_err().kind(), ErrorKind::UnknownStorage);
        Owner::register().unwrap();
        assert!(is_same(&storage("Owner.photo").unwrap(), &field::<Owner>(0).storage().unwrap()));
        cake::register().unwrap();
        let error = fruit::register().unwrap_err().to_string();
        assert!(error.starts_with("Model.photo: `") && error.contains("::cake::Model` and `"), "{error}");
    });
}

#[test]
fn d269_an_alias_is_built_once_under_64_threads() {
    isolated("registry::d269_an_alias_is_built_once_under_64_threads", NONE, || {
        let settings = Settings::builder().storage("m", "memory:").default_file_storage("m").build().unwrap();
        App::builder().settings(settings.clone()).build().unwrap();
        let storages = race(|| storage("m").unwrap());
        assert!(storages.iter().all(|storage| is_same(storage, &storages[0])));
        assert!(is_same(&filefield::default_storage().unwrap(), &storages[0]));
        // Nothing is new, so the instance stays: fields of a second build share it.
        App::builder().settings(settings.clone()).build().unwrap();
        App::builder().build().unwrap();
        assert!(is_same(&storage("m").unwrap(), &storages[0]));
    });
}

#[test]
fn d273_other_settings_drop_instances_but_not_those_of_fields() {
    fn alias() -> &'static str {
        "default"
    }
    model!(Kept { photo = alias });
    isolated("registry::d273_other_settings_drop_instances_but_not_those_of_fields", NONE, || {
        let settings = Settings::builder().storage("m", "memory:").default_file_storage("m");
        App::builder().settings(settings.clone().build().unwrap()).model::<Kept>().build().unwrap();
        let old = storage("m").unwrap();
        let kept = field::<Kept>(0).storage().unwrap();
        assert_eq!(kept.alias(), "m", "what `default` stands for, since that may change");
        App::builder().settings(settings.debug(true).build().unwrap()).build().unwrap();
        assert!(filefield::settings::settings().debug());
        assert!(!is_same(&storage("m").unwrap(), &old));
        assert!(is_same(&field::<Kept>(0).storage().unwrap(), &old));
    });
}

#[test]
fn aliases_may_stand_for_aliases_but_not_in_a_circle() {
    isolated("registry::aliases_may_stand_for_aliases_but_not_in_a_circle", NONE, || {
        let photos = memory();
        let app = || App::builder().settings(Settings::default());
        app().storage("photos", photos.clone()).storage("a", "photos").default_storage("a").build().unwrap();
        assert!(is_same(&filefield::default_storage().unwrap(), &photos));
        let error = app().storage("a", "b").storage("b", "a").build().unwrap_err();
        assert_eq!(error.to_string(), "the alias `a` leads in a circle\nthe alias `b` leads in a circle");
    });
}

#[test]
fn our_own_errors_keep_their_kind() {
    let own: Result<SharedStorage> = Err(filefield::Error::new(ErrorKind::PermissionDenied, "no"));
    assert_eq!(own.into_storage().unwrap_err().kind(), ErrorKind::PermissionDenied);
    let other: Result<SharedStorage, std::fmt::Error> = Err(std::fmt::Error);
    assert_eq!(other.into_storage().unwrap_err().kind(), ErrorKind::StorageFunction);
}

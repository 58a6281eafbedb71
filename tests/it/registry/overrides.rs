//! Replacing storages in tests, and the cost of a look-up.

use super::{field, is_same, memory};
use filefield::registry::storage;
use filefield::testing::{deny_real_storage, with_storage, with_storage_sync};
use filefield::{ErrorKind, FileField, FileModel, Model, SharedStorage};
use filefield_tests::isolated::{NONE, isolated};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

model!(Tasks { photo = memory });

fn here() -> SharedStorage {
    field::<Tasks>(0).storage().unwrap().storage().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn overrides_are_those_of_the_task() {
    let real = here();
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let mine = memory();
            tokio::spawn(with_storage(mine.clone(), async move {
                for _ in 0..50 {
                    assert!(is_same(&here(), &mine));
                    assert_eq!(field::<Tasks>(0).storage().unwrap().alias(), "override");
                    assert!(is_same(&storage("override").unwrap(), &mine));
                    tokio::task::yield_now().await;
                }
                let inherited = filefield::testing::spawn(async { here() }).await.unwrap();
                assert!(is_same(&inherited, &mine));
                tokio::spawn(async { here() }).await.unwrap()
            }))
        })
        .collect();
    for task in tasks {
        assert!(is_same(&task.await.unwrap(), &real), "plain `spawn` does not inherit");
    }
    assert!(is_same(&here(), &real));
    let panicked = tokio::spawn(with_storage(memory(), async { panic!("in a test") })).await;
    assert!(panicked.is_err() && is_same(&here(), &real));
}

#[test]
fn the_innermost_override_counts() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (a, b) = (memory(), memory());
    with_storage_sync(a.clone(), || {
        assert!(is_same(&here(), &a));
        runtime.block_on(with_storage(b.clone(), async {
            assert!(is_same(&here(), &b));
            with_storage_sync(a.clone(), || assert!(is_same(&here(), &a)));
            tokio::task::yield_now().await;
            assert!(is_same(&here(), &b));
        }));
        assert!(is_same(&here(), &a));
    });
}

#[test]
fn real_storages_can_be_denied() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    fn real() -> SharedStorage {
        CALLS.fetch_add(1, SeqCst);
        memory()
    }
    model!(Denied { photo = real });
    isolated("registry::overrides::real_storages_can_be_denied", NONE, || {
        deny_real_storage();
        deny_real_storage();
        let error = field::<Denied>(0).storage().map(drop).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Usage, Some("photo")));
        with_storage_sync(memory(), || Denied::register().unwrap());
        assert_eq!(Denied::register().unwrap_err().kind(), ErrorKind::Registration);
        assert_eq!(CALLS.load(SeqCst), 0);
    });
}

/// Run with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn the_cost_of_a_field_s_storage() {
    const ROUNDS: u32 = 100_000;
    let field = field::<Tasks>(0);
    let measure = || {
        let batch = || {
            let start = Instant::now();
            for _ in 0..ROUNDS {
                std::hint::black_box(std::hint::black_box(field).storage().is_ok());
            }
            start.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS)
        };
        (0..300).map(|_| batch()).fold(f64::INFINITY, f64::min)
    };
    field.storage().unwrap();
    let plain = measure();
    let overridden = with_storage_sync(memory(), measure);
    println!("field.storage(): {plain:.2} ns, overridden {overridden:.2} ns");
    assert!(cfg!(debug_assertions) || plain < 10.0, "{plain} ns");
}

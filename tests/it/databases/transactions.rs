//! Staged before, attached inside the caller's transaction.

use super::{garage, on_every_database};
use crate::support::Garage;
use filefield::ErrorKind;
use filefield::content::Pending;
use filefield::db::{self, Table};
use filefield::db::{Db, Queries, Transaction};
use filefield::prelude::*;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "ships")]
struct Ship {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    name: String,
    #[file(upload_to = "ships")]
    photo: FileField,
    #[file(upload_to = "ships")]
    plan: FileField,
}

fn ship(name: &str) -> Ship {
    Ship { name: name.into(), photo: FileField::new("ship.txt", name.to_owned()), ..Ship::default() }
}

async fn staged(db: &Db, name: &str) -> Ship {
    let mut ship = ship(name);
    ship.stage(db).await.unwrap();
    ship
}

/// The content of the database and the storage after a sweep as if a day had passed.
async fn left(garage: &Garage) -> (Vec<String>, usize) {
    for _ in 0..2 {
        garage.execute("UPDATE filefield_journal SET due_at = 0").await;
        db::sweep(&garage.db).await.unwrap();
    }
    assert_eq!(garage.journal().await, 0);
    let ships = Ship::objects(&garage.db).order_by(Ship::columns().id.asc()).all().await.unwrap();
    let mut names = Vec::new();
    for ship in ships {
        let bytes = if ship.photo().is_stored() { ship.photo().read().await.unwrap() } else { "".into() };
        names.push(format!("{} {}", ship.name, String::from_utf8_lossy(&bytes)));
    }
    (names, garage.files().len())
}

async fn update_by_hand(tx: &Transaction<'static>, ship: &Ship) {
    let sql = format!("UPDATE ships SET photo = '{}' WHERE id = {}", ship.photo, ship.id);
    tx.run(&sql).await.unwrap();
}

on_every_database! {
    async fn committed(database: Database) {
        garage::<Ship, _>(database, async |garage: Arc<Garage>| {
            let mut one = staged(&garage.db, "one").await;
            assert_eq!(one.photo().name(), "ships/ship.txt");
            let tx = garage.db.begin().await.unwrap();
            one.save(&tx).await.unwrap();
            tx.commit().await.unwrap();
            assert!(one.id > 0);
            // What was written in the caller's transaction may be saved again.
            one.name = "1".into();
            one.save(&garage.db).await.unwrap();
            assert_eq!(left(&garage).await, (vec!["1 one".into()], 1));
        })
        .await;
    }

    /// The same in a transaction that continues.
    async fn refused_and_saved_again(database: Database) {
        garage::<Ship, _>(database, async |garage: Arc<Garage>| {
            staged(&garage.db, "one").await.save(&garage.db).await.unwrap();
            let mut two = staged(&garage.db, "one").await;
            let error = two.save(&garage.db).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UniqueViolation);
            db::sweep(&garage.db).await.unwrap();
            two.name = "two".into();
            two.save(&garage.db).await.unwrap();

            let mut three = staged(&garage.db, "one").await;
            let tx = garage.db.begin().await.unwrap();
            three.save(&tx).await.unwrap_err();
            three.name = "three".into();
            three.save(&tx).await.unwrap();
            tx.commit().await.unwrap();

            // Nothing is left of those that are abandoned.
            for four in [staged(&garage.db, "one").await, staged(&garage.db, "one").await] {
                let mut four = four;
                let tx = garage.db.begin().await.unwrap();
                four.save(&tx).await.unwrap_err();
                drop(tx);
                drop(four);
            }
            db::sweep(&garage.db).await.unwrap();
            assert_eq!((garage.files().len(), garage.journal().await), (3, 0));
            assert_eq!(left(&garage).await, (vec!["one one".into(), "two one".into(), "three one".into()], 3));
        })
        .await;
    }

    async fn a_deleted_row_and_its_staged_file_go(database: Database) {
        garage::<Ship, _>(database, async |garage: Arc<Garage>| {
            let mut one = staged(&garage.db, "one").await;
            one.save(&garage.db).await.unwrap();
            one.photo = FileField::new("other.txt", "other");
            one.stage(&garage.db).await.unwrap();
            one.delete(&garage.db).await.unwrap();
            db::sweep(&garage.db).await.unwrap();
            assert_eq!((garage.files().len(), garage.journal().await), (0, 0));
        })
        .await;
    }

    /// One of several that are stored at once, after others that are already published.
    async fn a_content_that_panics(database: Database) {
        struct Panics;
        impl std::io::Read for Panics {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                panic!("no bytes today")
            }
        }
        garage::<Ship, _>(database, async |garage: Arc<Garage>| {
            let (mut one, mut two) = (ship("one"), ship("two"));
            two.photo = FileField::pending(Pending::new("two.txt", filefield::Content::reader(Panics)));
            db::stage_all(&garage.db, &mut [&mut one, &mut two]).await.unwrap_err();
            assert!(one.photo.is_pending());
            assert_eq!(left(&garage).await, (vec![], 0));
        })
        .await;
    }

    async fn rolled_back_and_saved_again(database: Database) {
        garage::<Ship, _>(database, async |garage: Arc<Garage>| {
            let mut one = staged(&garage.db, "one").await;
            let tx = garage.db.begin().await.unwrap();
            one.save(&tx).await.unwrap();
            tx.rollback().await.unwrap();
            assert_eq!(garage.journal().await, 1);
            one.id = 0;
            let tx = garage.db.begin().await.unwrap();
            one.save(&tx).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(left(&garage).await, (vec!["one one".into()], 1));
        })
        .await;
    }

    async fn a_rolled_back_replace_keeps_the_old_file_and_sweeps_the_new_one(database: Database) {
        garage::<Ship, _>(database, async |garage: Arc<Garage>| {
            let mut one = ship("one");
            one.save(&garage.db).await.unwrap();
            let mut new = one.clone();
            new.photo_mut().assign(FileField::new("new.txt", "new"));
            new.stage(&garage.db).await.unwrap();
            let tx = garage.db.begin().await.unwrap();
            new.save(&tx).await.unwrap();
            tx.rollback().await.unwrap();
            assert_eq!(left(&garage).await, (vec!["one one".into()], 1));
            // The instance still names the swept file.
            let error = new.save(&garage.db).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::StagedExpired, "{error}");
            assert_eq!(left(&garage).await, (vec!["one one".into()], 1));
        })
        .await;
    }

    async fn a_savepoint_rolled_back_and_the_rest_committed(database: Database) {
        garage::<Ship, _>(database, async |garage: Arc<Garage>| {
            let (mut one, mut two) = (staged(&garage.db, "one").await, staged(&garage.db, "two").await);
            let tx = garage.db.begin().await.unwrap();
            one.save(&tx).await.unwrap();
            let savepoint = tx.begin().await.unwrap();
            two.save(&savepoint).await.unwrap();
            savepoint.rollback().await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(left(&garage).await, (vec!["one one".into()], 1));
        })
        .await;
    }

    async fn a_save_that_failed_inside_and_the_rest_committed(database: Database) {
        garage::<Ship, _>(database, async |garage: Arc<Garage>| {
            let (mut one, mut twin) = (staged(&garage.db, "one").await, staged(&garage.db, "one").await);
            let tx = garage.db.begin().await.unwrap();
            one.save(&tx).await.unwrap();
            let error = twin.save(&tx).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{error}");
            tx.commit().await.unwrap();
            assert_eq!(left(&garage).await, (vec!["one one".into()], 1));
        })
        .await;
    }

    async fn pending_content_inside_is_an_error_at_once(database: Database) {
        garage::<Ship, _>(database, async |garage: Arc<Garage>| {
            let tx = garage.db.begin().await.unwrap();
            let began = Instant::now();
            let error = ship("one").save(&tx).await.unwrap_err();
            assert!(began.elapsed() < Duration::from_secs(5));
            assert_eq!((error.kind(), error.model()), (ErrorKind::NotStaged, Some("Ship")));
            assert!(error.to_string().contains("stage(&db)"), "{error}");
            assert_eq!(ship("one").attach(&tx).await.unwrap_err().kind(), ErrorKind::NotStaged);
            tx.commit().await.unwrap();
            assert_eq!(left(&garage).await, (vec![], 0));
        })
        .await;
    }

    async fn the_row_written_by_the_callers_own_statement(database: Database) {
        garage::<Ship, _>(database, async |garage: Arc<Garage>| {
            let mut one = ship("one");
            one.save(&garage.db).await.unwrap();
            one.photo_mut().assign(FileField::new("new.txt", "new"));
            one.stage(&garage.db).await.unwrap();
            let tx = garage.db.begin().await.unwrap();
            one.attach(&tx).await.unwrap();
            update_by_hand(&tx, &one).await;
            tx.commit().await.unwrap();
            assert_eq!(left(&garage).await, (vec!["one new".into()], 1));
        })
        .await;
    }

    async fn a_staged_file_has_one_owner(database: Database) {
        garage::<Ship, _>(database, async |garage: Arc<Garage>| {
            let mut one = staged(&garage.db, "one").await;
            let mut other = Ship { name: "other".into(), ..one.clone() };
            one.save(&garage.db).await.unwrap();
            assert_eq!(other.save(&garage.db).await.unwrap_err().kind(), ErrorKind::StagedExpired);
            assert_eq!(left(&garage).await, (vec!["one one".into()], 1));
        })
        .await;
    }

    async fn a_staged_instance_that_is_dropped(database: Database) {
        garage::<Ship, _>(database, async |garage: Arc<Garage>| {
            let one = staged(&garage.db, "one").await;
            let clone = one.clone();
            drop(one);
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!(garage.journal().await, 1, "a clone is left");
            drop(clone);
            // Nothing becomes due, so only its end can have started the clean-up.
            garage.settle().await;
            assert!(garage.files().is_empty());
        })
        .await;
    }

    async fn several_rows_with_several_files_at_once(database: Database) {
        garage::<Ship, _>(database, async |garage: Arc<Garage>| {
            let mut one = ship("one");
            one.plan = FileField::new("ship.txt", "plan of one");
            let mut two = ship("two");
            db::stage_all(&garage.db, &mut [&mut one, &mut two]).await.unwrap();
            assert_eq!((garage.files().len(), garage.journal().await), (3, 3));
            let tx = garage.db.begin().await.unwrap();
            one.save(&tx).await.unwrap();
            two.save(&tx).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(left(&garage).await, (vec!["one one".into(), "two two".into()], 3));
        })
        .await;
    }

    async fn of_several_one_fails_and_none_is_stored(database: Database) {
        garage::<Ship, _>(database, async |garage: Arc<Garage>| {
            let (mut one, mut two) = (ship("one"), ship("two"));
            two.plan = FileField::pending(Pending::new("x.txt", filefield::Content::reader(Broken)));
            let error = db::stage_all(&garage.db, &mut [&mut one, &mut two]).await.unwrap_err();
            assert!(error.to_string().contains("plan"), "{error}");
            assert!(one.has_pending() && two.has_pending());
            assert_eq!((garage.files().len(), garage.journal().await), (0, 0));
        })
        .await;
    }

    async fn a_transaction_that_waits_for_another_one(database: Database) {
        garage::<Ship, _>(database, async |garage: Arc<Garage>| {
            if garage.db.dialect() == db::Dialect::Sqlite {
                // One writer at a time: the second transaction could not even begin.
                return;
            }
            let mut one = ship("one");
            one.save(&garage.db).await.unwrap();
            let (mut a, mut b) = (one.clone(), one.clone());
            for (ship, text) in [(&mut a, "a"), (&mut b, "b")] {
                ship.photo_mut().assign(FileField::new("new.txt", text));
                ship.stage(&garage.db).await.unwrap();
            }
            garage.execute("UPDATE filefield_journal SET due_at = 0 WHERE name = 'ships/new.txt'").await;
            let tx = garage.db.begin().await.unwrap();
            a.save(&tx).await.unwrap();
            // If this transaction holds the entry, the sweeper skips it, however late it is.
            assert_eq!(db::sweep(&garage.db).await.unwrap().examined, 0);
            let db = garage.db.clone();
            let second = filefield::testing::spawn(async move { b.save(&db).await });
            tokio::time::sleep(Duration::from_millis(100)).await;
            tx.commit().await.unwrap();
            second.await.unwrap().unwrap();
            assert_eq!(left(&garage).await, (vec!["one b".into()], 1));
        })
        .await;
    }
}

/// Fails after some bytes.
struct Broken;

impl std::io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the client has gone"))
    }
}

on_every_database! {
    async fn a_begin_that_is_cancelled_leaves_no_transaction_behind(database: Database) {
        let url = database.url().to_owned();
        garage::<Ship, _>(database, async |garage| {
            // What is written over such a connection would be acknowledged and lost.
            let other = db::connect(&url).await.unwrap();
            for number in 0..60_u64 {
                cancelled_at(garage.db.begin(), number % 6, Duration::from_micros(number * 37 % 400)).await;
                let insert = format!("INSERT INTO ships (name, photo, plan) VALUES ('{number}', '', '')");
                garage.execute(&insert).await;
                let ships = Ship::objects(&other).count().await.unwrap();
                assert_eq!(ships, number + 1, "cancelled at poll {}", number % 6);
            }
        })
        .await;
    }
}

/// Polls a future several times with pauses, and drops it.
async fn cancelled_at<T>(future: impl Future<Output = T>, last: u64, pause: Duration) {
    let mut future = std::pin::pin!(future);
    for _ in 0..=last {
        if std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await {
            break;
        }
        tokio::time::sleep(pause).await;
    }
}

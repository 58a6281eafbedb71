//! File and row together on every kind of database.

use super::{garage, on_every_database};
use crate::support::Garage;
use filefield::db::{self, Table};
use filefield::prelude::*;
use filefield::{ErrorKind, Sweeper};
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "boats")]
struct Boat {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    name: String,
    #[file(upload_to = "boats", max_length = 40)]
    photo: FileField,
    #[file(upload_to = "keys", naming = "unique")]
    key: Option<FileField>,
}

fn boat(name: &str) -> Boat {
    Boat { name: name.into(), photo: FileField::new("boat.txt", name.to_owned()), ..Boat::default() }
}

async fn read(boat: &Boat) -> String {
    String::from_utf8(boat.photo().read().await.unwrap().to_vec()).unwrap()
}

async fn rows(garage: &Garage) -> Vec<String> {
    let boats = Boat::objects(&garage.db).order_by(Boat::columns().id.asc()).all().await.unwrap();
    boats.into_iter().map(|boat| boat.name).collect()
}

on_every_database! {
    async fn created_replaced_cleared_and_deleted(database: Database) {
        garage::<Boat, _>(database, async |garage: Arc<Garage>| {
            let db = &garage.db;
            let mut one = boat("one");
            one.key = Some(FileField::new("a.key", "k"));
            one.save(db).await.unwrap();
            assert!(one.id > 0);
            assert_eq!(garage.files().len(), 2);
            assert_eq!(garage.journal().await, 0);
            assert_eq!(read(&Boat::objects(db).get(Boat::columns().id.eq(one.id)).await.unwrap()).await, "one");
            one.photo_mut().assign(FileField::new("boat.txt", "new"));
            one.save(db).await.unwrap();
            garage.settle().await;
            assert_eq!(read(&one).await, "new");
            one.photo_mut().clear();
            one.save(db).await.unwrap();
            garage.settle().await;
            assert_eq!(garage.files().len(), 1, "{:?}", garage.files());
            one.delete(db).await.unwrap();
            garage.settle().await;
            assert!(garage.files().is_empty(), "{:?}", garage.files());
        })
        .await;
    }

    async fn a_row_that_is_refused_leaves_no_file(database: Database) {
        garage::<Boat, _>(database, async |garage: Arc<Garage>| {
            boat("one").save(&garage.db).await.unwrap();
            let mut twin = boat("one");
            let error = twin.save(&garage.db).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{error}");
            assert_eq!(garage.files().len(), 1);
            assert_eq!(garage.journal().await, 0);
            twin.name = "two".into();
            twin.save(&garage.db).await.unwrap();
            assert_eq!(rows(&garage).await, ["one", "two"]);
        })
        .await;
    }

    async fn savers_of_one_name_and_replacers_of_one_row(database: Database) {
        garage::<Boat, _>(database, async |garage: Arc<Garage>| {
            let mut shared = boat("shared");
            shared.save(&garage.db).await.unwrap();
            let mut tasks = Vec::new();
            for number in 0..12 {
                let (db, shared) = (garage.db.clone(), shared.clone());
                tasks.push(filefield::testing::spawn(async move {
                    let mut mine = boat(&format!("boat {number}"));
                    mine.save(&db).await.unwrap();
                    let mut stale = shared;
                    stale.photo_mut().assign(FileField::new("shared.txt", format!("{number}")));
                    while let Err(error) = stale.save(&db).await {
                        assert!(error.is_retryable(), "{error:?}");
                    }
                    db::sweep(&db).await.unwrap();
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
            garage.settle().await;
            assert_eq!(rows(&garage).await.len(), 13);
            assert_eq!(garage.files().len(), 13, "{:?}", garage.files());
            for boat in Boat::objects(&garage.db).all().await.unwrap() {
                read(&boat).await;
            }
        })
        .await;
    }

    async fn names_that_differ_in_case_or_blanks_are_different_names(database: Database) {
        garage::<Boat, _>(database, async |garage: Arc<Garage>| {
            let (mut low, mut high) = (boat("low"), boat("high"));
            low.photo = FileField::new("é.txt", "low");
            high.photo = FileField::new("É.txt", "high");
            low.save(&garage.db).await.unwrap();
            high.save(&garage.db).await.unwrap();
            low.delete(&garage.db).await.unwrap();
            garage.settle().await;
            assert_eq!(garage.files(), ["boats/É.txt"]);
        })
        .await;
    }

    async fn an_abandoned_stage_is_swept_when_its_lease_is_over(database: Database) {
        garage::<Boat, _>(database, async |garage: Arc<Garage>| {
            let mut lost = boat("lost");
            lost.stage(&garage.db).await.unwrap();
            assert_eq!((garage.files().len(), garage.journal().await), (1, 1));
            assert_eq!(db::sweep(&garage.db).await.unwrap().examined, 0);
            garage.execute("UPDATE filefield_journal SET due_at = 0").await;
            assert_eq!(db::sweep(&garage.db).await.unwrap().deleted, 1);
            let error = lost.save(&garage.db).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::StagedExpired, "{error}");
            assert!(!error.is_retryable());
            // The second look, a day later.
            assert_eq!(garage.journal().await, 1);
            garage.execute("UPDATE filefield_journal SET due_at = 0").await;
            db::sweep(&garage.db).await.unwrap();
            assert_eq!(garage.journal().await, 0);
        })
        .await;
    }

    async fn a_newer_journal_is_refused(database: Database) {
        garage::<Boat, _>(database, async |garage: Arc<Garage>| {
            let mut one = boat("one");
            one.save(&garage.db).await.unwrap();
            garage.execute("UPDATE filefield_version SET version = 2").await;
            let (mut two, mut cleared) = (boat("two"), one.clone());
            cleared.photo_mut().clear();
            for error in [
                two.save(&garage.db).await.unwrap_err(),
                cleared.save(&garage.db).await.unwrap_err(),
                db::sweep(&garage.db).await.unwrap_err(),
                db::migrate::<Boat>(&garage.db).await.unwrap_err(),
            ] {
                assert!(error.to_string().contains("version 2"), "{error}");
            }
            assert_eq!(garage.files().len(), 1);
        })
        .await;
    }

    async fn a_sweeper_runs_beside_the_application(database: Database) {
        garage::<Boat, _>(database, async |garage: Arc<Garage>| {
            for number in 0..3 {
                boat(&format!("{number}")).stage(&garage.db).await.unwrap();
            }
            // Dropped before it was saved, so it is due at once.
            let quick = Sweeper::new(&garage.db).every(Duration::from_millis(5)).tombstone_seconds(0);
            let mut task = quick.max_deletions_per_hour(1000).spawn();
            while garage.journal().await > 0 {
                task.turned().await.unwrap().as_ref().as_ref().unwrap();
            }
            assert!(garage.files().is_empty());
            task.stop().await;
        })
        .await;
    }

    async fn a_sweep_stops_at_its_limits(database: Database) {
        garage::<Boat, _>(database, async |garage: Arc<Garage>| {
            let mut boats: Vec<_> = (0..5).map(|number| boat(&format!("{number}"))).collect();
            for boat in &mut boats {
                boat.stage(&garage.db).await.unwrap();
            }
            garage.execute("UPDATE filefield_journal SET due_at = 0").await;
            let sweeper = Sweeper::new(&garage.db).max_deletions_per_hour(2);
            let report = sweeper.run().await.unwrap();
            assert_eq!((report.deleted, report.braked), (2, true));
            assert_eq!((sweeper.run().await.unwrap().deleted, garage.files().len()), (0, 3));
            let report = Sweeper::new(&garage.db).max_entries(1).run().await.unwrap();
            assert_eq!((report.examined, report.braked), (1, true));
        })
        .await;
    }
}

//! Our own saves with triggers.

use super::{Plane, insert, install, left, plane, staged, watched};
use crate::databases::on_every_database;
use crate::support::Garage;
use filefield::db::Queries;
use filefield::db::{self, Table};
use filefield::{ErrorKind, FileField};
use std::sync::Arc;

on_every_database! {
    async fn a_trigger_that_got_lost_is_no_hole(database: Database) {
        watched(database, async |garage: Arc<Garage>| {
            let mut one = plane("one");
            one.save(&garage.db).await.unwrap();
            // As after a migration that recreates the table: the journal still assumes that there are
            // triggers.
            for statement in db::drop_trigger_sql::<Plane>(garage.db.dialect()).unwrap() {
                if statement.starts_with("DROP") {
                    garage.execute(&statement).await;
                }
            }
            let (two, _) = staged(&garage, "two").await;
            let (mut two, mut twin) = (two.clone(), Plane { name: "twin".into(), ..two });
            two.save(&garage.db).await.unwrap();
            let error = twin.save(&garage.db).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::StagedExpired, "{error}");
            let (mut swept, _) = staged(&garage, "swept").await;
            garage.execute("UPDATE filefield_journal SET due_at = 0").await;
            db::sweep(&garage.db).await.unwrap();
            garage.execute("DELETE FROM filefield_journal").await;
            let error = swept.save(&garage.db).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::StagedExpired, "{error}");
            assert_eq!(left(&garage).await.len(), 2);
        })
        .await;
    }

    async fn dropped_triggers_watch_no_more(database: Database) {
        watched(database, async |garage: Arc<Garage>| {
            // Installing twice has no further effect.
            install::<Plane>(&garage).await;
            plane("one").save(&garage.db).await.unwrap();
            for statement in db::drop_trigger_sql::<Plane>(garage.db.dialect()).unwrap() {
                garage.execute(&statement).await;
            }
            assert_eq!(garage.number("SELECT COUNT(*) FROM filefield_columns WHERE triggers = 1").await, 0);
            garage.execute(&insert("two", "planes/never-staged.txt")).await;
            garage.execute("DELETE FROM planes").await;
            assert_eq!(garage.journal().await, 0);
        })
        .await;
    }

    async fn what_a_save_says_of_a_file_that_was_swept(database: Database) {
        watched(database, async |garage: Arc<Garage>| {
            let (mut one, _) = staged(&garage, "one").await;
            garage.execute("UPDATE filefield_journal SET due_at = 0").await;
            assert_eq!(db::sweep(&garage.db).await.unwrap().deleted, 1);
            let tx = garage.db.begin().await.unwrap();
            for error in [one.attach(&tx).await.unwrap_err(), one.save(&tx).await.unwrap_err()] {
                assert_eq!(error.kind(), ErrorKind::StagedExpired, "{error}");
                assert!(!error.is_retryable());
            }
            tx.commit().await.unwrap();
            assert_eq!(one.save(&garage.db).await.unwrap_err().kind(), ErrorKind::StagedExpired);
            assert!(left(&garage).await.is_empty());
        })
        .await;
    }

    async fn names_assigned_by_hand(database: Database) {
        watched(database, async |garage: Arc<Garage>| {
            let (mut one, mut two) = (plane("one"), plane("two"));
            one.save(&garage.db).await.unwrap();
            two.save(&garage.db).await.unwrap();
            let (a, b) = (one.photo().name().to_owned(), two.photo().name().to_owned());
            // Swapped, in one transaction.
            let tx = garage.db.begin().await.unwrap();
            one.photo_mut().assign(FileField::stored(&b));
            two.photo_mut().assign(FileField::stored(&a));
            one.save(&tx).await.unwrap();
            two.save(&tx).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(left(&garage).await.len(), 2);
            // The row by the caller's own statement.
            let tx = garage.db.begin().await.unwrap();
            one.photo_mut().assign(FileField::stored(&a));
            one.attach(&tx).await.unwrap();
            tx.run(&format!("UPDATE planes SET photo = '{a}' WHERE name = 'one'")).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(left(&garage).await, [a]);
        })
        .await;
    }
}

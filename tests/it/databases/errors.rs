//! The content of database errors, and whether a retry may help.

use super::{garage, on_every_database};
use crate::support::Garage;
use filefield::db::Queries;
use filefield::db::{self, Table};
use filefield::prelude::*;
use filefield::{Error, ErrorKind};
use filefield_tests::databases::Kind;
use filefield_tests::databases::pool;
use std::sync::Arc;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "letters")]
struct Letter {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    address: String,
    #[file(upload_to = "letters")]
    scan: FileField,
}

fn letter(address: &str) -> Letter {
    Letter { address: address.into(), scan: FileField::new("scan.txt", "scan"), ..Letter::default() }
}

/// Everything that an error shows, including its causes.
fn all_of(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(" {error} {error:?} {error:#?}");
        cause = error.source();
    }
    text
}

on_every_database! {
    async fn a_value_of_a_row_is_in_no_error(database: Database) {
        garage::<Letter, _>(database, async |garage: Arc<Garage>| {
            for secret in ["anna@example.org", "o'brien \"for key 'x'\""] {
                letter(secret).save(&garage.db).await.unwrap();
                let error = letter(secret).save(&garage.db).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{error}");
                let shown = all_of(&error);
                assert!(!shown.contains("anna@") && !shown.contains("brien"), "{shown}");
                assert!(error.to_string().contains("address"), "it names what must be unique: {error}");
                assert!(db::driver_error(&error).is_some());
            }
        })
        .await;
    }

    async fn a_lost_connection_may_be_tried_again(database: Database) {
        if database.kind() == Kind::Sqlite {
            // SQLite has no connection to a server.
            return;
        }
        let other = Arc::new(tokio::sync::Mutex::new(None));
        let admin = database.server().cloned();
        let kind = database.kind();
        garage::<Letter, _>(database, async |garage: Arc<Garage>| {
            letter("one").save(&garage.db).await.unwrap();
            let admin = other.lock().await.insert(admin.unwrap().admin().await.unwrap()).clone();
            let tx = garage.db.begin().await.unwrap();
            let own = if kind == Kind::Postgres { "pg_backend_pid()" } else { "CONNECTION_ID()" };
            let statement = format!("SELECT {own}");
            let row = tx.query(&statement, Vec::new()).await.unwrap().remove(0);
            let end = if kind == Kind::Postgres {
                format!("SELECT pg_terminate_backend({})", row.only::<i32>().unwrap())
            } else {
                format!("KILL {}", row.only::<u64>().unwrap())
            };
            admin.run(&end).await.unwrap();
            for _ in 0..2 {
                let error = Letter::objects(&tx).all().await.unwrap_err();
                assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Database, true), "{error:?}");
            }
            drop(tx);
            letter("two").save(&garage.db).await.unwrap();
        })
        .await;
    }
}

#[tokio::test]
async fn a_full_sqlite_database_says_so_and_the_save_can_be_tried_again() {
    super::fresh(Kind::Sqlite, async |database| {
        let url = database.url().to_owned();
        garage::<Letter, _>(database, async |garage: Arc<Garage>| {
            let db = pool(&url, 1).await.unwrap();
            letter("one").save(&db).await.unwrap();
            let rows = db.query("PRAGMA page_count", Vec::new()).await.unwrap();
            let pages: i64 = rows[0].only().unwrap();
            db.run(&format!("PRAGMA max_page_count = {pages}")).await.unwrap();
            let mut large = letter(&"x".repeat(100_000));
            let error = large.save(&db).await.unwrap_err();
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::StorageFull, true), "{error:?}");
            db.run("PRAGMA max_page_count = 1073741823").await.unwrap();
            large.save(&db).await.unwrap();
            garage.settle().await;
            assert_eq!(garage.files().len(), 2);
        })
        .await;
    })
    .await;
}

#![allow(clippy::unwrap_used)]
use super::entry::{count, insert_new};
use super::sql::{Dialect, Sql};
use crate::db::connect;
use sea_orm::{ConnectionTrait, DatabaseConnection};

async fn journal() -> DatabaseConnection {
    let db = connect("sqlite::memory:").await.unwrap();
    super::create(&db).await.unwrap();
    db
}

async fn reserve(db: &DatabaseConnection, name: &str) -> crate::Result<Option<i64>> {
    let values = ["default", name, "token"].map(Into::into).into_iter().chain([900.into()]);
    let values = values.chain(["cars", "photo", "[\"default\"]", name].map(Into::into)).collect();
    insert_new(db, &Sql::of(Dialect::Sqlite).reserve, values).await
}

#[tokio::test]
async fn a_name_is_reserved_once() {
    let db = journal().await;
    assert_eq!(reserve(&db, "a.jpg").await.unwrap(), Some(1));
    assert_eq!(reserve(&db, "a.jpg").await.unwrap(), None);
    assert_eq!(reserve(&db, "b.jpg").await.unwrap(), Some(2));
}

/// W1 is the commit, not the insert: bytes must not become visible after one that failed.
#[tokio::test]
async fn a_reservation_whose_commit_failed_is_an_error() {
    let db = journal().await;
    for statement in [
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
        // The foreign key is looked at when the transaction ends, so the insert goes well and the commit does not.
        "CREATE TRIGGER orphan AFTER INSERT ON filefield_journal BEGIN INSERT INTO child VALUES (1); END",
    ] {
        db.execute_unprepared(statement).await.unwrap();
    }
    let reserved = reserve(&db, "a.jpg").await;
    assert_eq!(count(&db, "SELECT COUNT(*) AS n FROM filefield_journal").await.unwrap(), 0);
    assert!(reserved.is_err(), "{reserved:?}");
}

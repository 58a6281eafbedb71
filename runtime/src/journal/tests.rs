#![allow(clippy::unwrap_used)]
use super::sql::{Dialect, Sql};
use super::statements::{count, insert_new};
use super::{Connection, Journal, Sweeper, take};
use crate::backend::journal_of;
use crate::db::connect;

async fn journal() -> Journal {
    let db = journal_of(&connect("sqlite::memory:").await.unwrap());
    super::create(&db).await.unwrap();
    db
}

async fn reserve(db: &Journal, name: &str) -> crate::Result<Option<i64>> {
    let identity = super::identity(db).await?;
    let values = ["default", name, "token"].map(Into::into).into_iter().chain([900.into()]);
    let rest = ["cars", "photo", &*identity, "[\"default\"]", name];
    let values = values.chain(rest.map(Into::into)).collect();
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
        db.run(statement).await.unwrap();
    }
    let reserved = reserve(&db, "a.jpg").await;
    assert_eq!(count(&db, "SELECT COUNT(*) AS n FROM filefield_journal").await.unwrap(), 0);
    assert!(reserved.is_err(), "{reserved:?}");
}

/// The process of a claim was killed: what the URL of its ticket brings yet may not be forgotten before that has ended.
#[tokio::test]
async fn an_upload_in_hand_is_left_alone_while_its_ticket_lasts() {
    let db = journal().await;
    let day = 24 * 60 * 60;
    let entry = reserve(&db, "a").await.unwrap().unwrap();
    assert!(take(&db, entry, "another", 7 * day).await.unwrap().is_none());
    assert!(take(&db, entry, "token", 7 * day).await.unwrap().is_some());
    assert!(take(&db, entry, "token", 7 * day).await.unwrap().is_none());
    db.run(&format!("UPDATE filefield_journal SET due_at = due_at - 6 * {day}")).await.unwrap();
    assert_eq!(Sweeper::of(db.clone()).run().await.unwrap().examined, 0);
    db.run(&format!("UPDATE filefield_journal SET due_at = due_at - 2 * {day}")).await.unwrap();
    assert_eq!(Sweeper::of(db.clone()).run().await.unwrap().examined, 1);
}

/// Whoever is told that the claim failed may try again, so nothing may fail behind the statement that takes it.
#[tokio::test]
async fn an_upload_is_known_before_it_is_taken() {
    let db = journal().await;
    let entry = reserve(&db, "a").await.unwrap().unwrap();
    let unreadable = "CREATE TRIGGER unreadable AFTER UPDATE ON filefield_journal BEGIN \
        UPDATE filefield_journal SET storage = X'FF' WHERE id = NEW.id; END";
    db.run(unreadable).await.unwrap();
    assert!(take(&db, entry, "token", 60).await.unwrap().is_some());
}

/// An answer of the database that was lost is made up for later, when the upload may be in other hands.
#[tokio::test]
async fn an_upload_is_given_back_by_who_has_it() {
    let db = journal().await;
    let entry = reserve(&db, "a").await.unwrap().unwrap();
    let first = take(&db, entry, "token", 60).await.unwrap().unwrap();
    assert_eq!(first.give_back(&db).await.unwrap(), 1);
    let second = take(&db, entry, "token", 60).await.unwrap().unwrap();
    assert_eq!(first.give_back(&db).await.unwrap(), 0);
    assert_eq!(second.give_back(&db).await.unwrap(), 1);
}

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

/// A name is reserved by the commit, not by the insert: bytes must not become visible after a commit that
/// failed.
#[tokio::test]
async fn a_reservation_whose_commit_failed_is_an_error() {
    let db = journal().await;
    for statement in [
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
        // The foreign key is checked at the end of the transaction, so the insert succeeds and the commit
        // fails.
        "CREATE TRIGGER orphan AFTER INSERT ON filefield_journal BEGIN INSERT INTO child VALUES (1); END",
    ] {
        db.run(statement).await.unwrap();
    }
    let reserved = reserve(&db, "a.jpg").await;
    assert_eq!(count(&db, "SELECT COUNT(*) AS n FROM filefield_journal").await.unwrap(), 0);
    assert!(reserved.is_err(), "{reserved:?}");
}

/// The process of a claim was killed. Its upload must not be forgotten while the URL of its ticket still
/// accepts bytes.
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

/// A caller whose claim failed may try again, so nothing may fail after the statement that acquires the
/// upload.
#[tokio::test]
async fn an_upload_is_known_before_it_is_taken() {
    let db = journal().await;
    let entry = reserve(&db, "a").await.unwrap().unwrap();
    let unreadable = "CREATE TRIGGER unreadable AFTER UPDATE ON filefield_journal BEGIN \
        UPDATE filefield_journal SET storage = X'FF' WHERE id = NEW.id; END";
    db.run(unreadable).await.unwrap();
    assert!(take(&db, entry, "token", 60).await.unwrap().is_some());
}

/// A statement whose answer was lost is repeated later, when another claim may have the upload.
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

//! Triggers: what plain SQL, bulk statements and other programs may do. Our own saves work as before.

mod again;
mod odd;
mod saves;
mod shell;

use super::{fresh, garage, on_every_database};
use crate::support::Garage;
use filefield::FileField;
use filefield::db::Queries;
use filefield::db::{self, Table};
use filefield::prelude::*;
use filefield_tests::databases::{Database, Kind};
use std::sync::Arc;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "planes")]
struct Plane {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    name: String,
    #[file(upload_to = "planes", on_replace = "delete")]
    photo: FileField,
    #[file(upload_to = "kept", on_replace = "keep", on_delete = "keep")]
    kept: Option<FileField>,
}

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "wings")]
struct Wing {
    #[model(primary_key)]
    id: i64,
    plane: i64,
    #[file(upload_to = "wings")]
    photo: FileField,
}

tokio::task_local! {
    static WANTED: ();
}

/// Whether this test runs with triggers on every table.
pub(super) fn are_wanted() -> bool {
    WANTED.try_with(|()| ()).is_ok()
}

pub(super) async fn install<M: Table>(garage: &Garage) {
    for statement in db::trigger_sql::<M>(garage.db.dialect()).unwrap() {
        garage.execute(&statement).await;
    }
}

async fn watched<F: Future<Output = ()>>(database: Database, test: impl FnOnce(Arc<Garage>) -> F) {
    WANTED.scope((), garage::<Plane, F>(database, test)).await;
}

fn plane(name: &str) -> Plane {
    Plane { name: name.into(), photo: FileField::new("plane.txt", name.to_owned()), ..Plane::default() }
}

/// A staged instance and the name of its file.
async fn staged(garage: &Garage, name: &str) -> (Plane, String) {
    let mut plane = plane(name);
    plane.stage(&garage.db).await.unwrap();
    let file = plane.photo().name().to_owned();
    (plane, file)
}

async fn sql(garage: &Garage, sql: &str) -> Result<u64, filefield::Error> {
    garage.db.run(sql).await
}

fn insert(name: &str, photo: &str) -> String {
    format!("INSERT INTO planes (name, photo) VALUES ('{name}', '{photo}')")
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: Result<T, filefield::Error>) {
    let error = result.unwrap_err().to_string();
    assert!(error.contains("no file was staged under"), "{error}");
}

/// The files after a sweep as if days had passed. All of them are complete.
async fn left(garage: &Garage) -> Vec<String> {
    for _ in 0..3 {
        garage.execute("UPDATE filefield_journal SET due_at = 0").await;
        db::sweep(&garage.db).await.unwrap();
    }
    assert_eq!(garage.journal().await, 0);
    for plane in Plane::objects(&garage.db).all().await.unwrap() {
        if plane.photo().is_stored() {
            plane.photo().read().await.unwrap();
        }
    }
    garage.files()
}

on_every_database! {
    async fn plain_sql_takes_staged_files_and_no_others(database: Database) {
        watched(database, async |garage: Arc<Garage>| {
            let (one, name) = staged(&garage, "one").await;
            assert_refused(sql(&garage, &insert("one", "planes/other.txt")).await);
            // Another case and trailing blanks are other names.
            for other in [name.to_uppercase(), format!("{name} ")] {
                assert_refused(sql(&garage, &insert("one", &other)).await);
            }
            assert_eq!(sql(&garage, &insert("one", &name)).await.unwrap(), 1);
            assert_eq!(garage.journal().await, 0);
            drop(one);
            for (row, photo) in [("empty", "''"), ("null", "NULL")] {
                let nullable = garage.kind() != Kind::Sqlite || photo != "NULL";
                let photo = if nullable && photo == "''" { photo } else { "''" };
                garage.execute(&format!("INSERT INTO planes (name, photo, kept) VALUES ('{row}', {photo}, NULL)")).await;
            }
            let (two, new) = staged(&garage, "two").await;
            assert_refused(sql(&garage, "UPDATE planes SET photo = 'planes/x.txt'").await);
            // Writing the same name again is not a change.
            garage.execute("UPDATE planes SET name = name, photo = photo").await;
            assert_eq!(garage.journal().await, 1);
            garage.execute(&format!("UPDATE planes SET photo = '{new}' WHERE name = 'one'")).await;
            drop(two);
            assert_eq!(left(&garage).await, std::slice::from_ref(&new));
            garage.execute("DELETE FROM planes WHERE name = 'one'").await;
            assert!(left(&garage).await.is_empty());
        })
        .await;
    }

    async fn bulk_statements(database: Database) {
        watched(database, async |garage: Arc<Garage>| {
            for number in 0..5 {
                plane(&format!("{number}")).save(&garage.db).await.unwrap();
            }
            assert_refused(sql(&garage, "UPDATE planes SET photo = 'planes/x.txt' WHERE id > 0").await);
            assert_eq!((garage.journal().await, left(&garage).await.len()), (0, 5));
            garage.execute("UPDATE planes SET photo = '' WHERE name IN ('0', '1', '2')").await;
            assert_eq!(left(&garage).await.len(), 2);
            // One name for two rows: the first takes the file.
            let (_new, name) = staged(&garage, "new").await;
            assert_refused(sql(&garage, &format!("UPDATE planes SET photo = '{name}' WHERE name > '2'")).await);
            garage.execute("DELETE FROM planes").await;
            assert_eq!(left(&garage).await, Vec::<String>::new());
        })
        .await;
    }

    async fn a_rolled_back_statement_changes_nothing(database: Database) {
        watched(database, async |garage: Arc<Garage>| {
            let mut one = plane("one");
            one.save(&garage.db).await.unwrap();
            let old = one.photo().name().to_owned();
            let (new, name) = staged(&garage, "new").await;
            let tx = garage.db.begin().await.unwrap();
            tx.run(&format!("UPDATE planes SET photo = '{name}'")).await.unwrap();
            tx.run("DELETE FROM planes").await.unwrap();
            tx.rollback().await.unwrap();
            assert_eq!((garage.journal().await, garage.files().len()), (1, 2));
            garage.execute(&format!("UPDATE planes SET photo = '{name}'")).await;
            drop(new);
            assert_eq!(left(&garage).await, [name]);
            assert_ne!(left(&garage).await, [old]);
        })
        .await;
    }

    async fn a_stale_row_written_back_is_refused(database: Database) {
        watched(database, async |garage: Arc<Garage>| {
            let mut one = plane("one");
            one.save(&garage.db).await.unwrap();
            let stale = format!("UPDATE planes SET name = 'stale', photo = '{}'", one.photo());
            one.photo_mut().assign(FileField::new("new.txt", "new"));
            one.stage(&garage.db).await.unwrap();
            let tx = garage.db.begin().await.unwrap();
            one.save(&tx).await.unwrap();
            tx.commit().await.unwrap();
            // The old file is queued and not swept yet.
            assert_eq!((garage.journal().await, garage.files().len()), (1, 2));
            assert_refused(sql(&garage, &stale).await);
            assert_eq!(left(&garage).await, ["planes/new.txt"]);
            assert_refused(sql(&garage, &stale).await);
            assert_eq!(garage.number("SELECT COUNT(*) FROM planes WHERE name = 'one'").await, 1);
        })
        .await;
    }

    async fn two_rows_with_one_file(database: Database) {
        watched(database, async |garage: Arc<Garage>| {
            let mut one = plane("one");
            one.save(&garage.db).await.unwrap();
            let mut two = Plane { name: "two".into(), photo: FileField::stored(one.photo().name()), ..Plane::default() };
            two.save(&garage.db).await.unwrap();
            assert_eq!(garage.journal().await, 0);
            garage.execute("DELETE FROM planes WHERE name = 'one'").await;
            assert_eq!(left(&garage).await, ["planes/plane.txt"]);
            let mut three = Plane { id: 0, name: "three".into(), ..two.clone() };
            three.save(&garage.db).await.unwrap();
            garage.execute("DELETE FROM planes").await;
            assert_eq!(garage.journal().await, 1, "the second is an upsert");
            assert!(left(&garage).await.is_empty());
        })
        .await;
    }

    async fn adopting(database: Database) {
        watched(database, async |garage: Arc<Garage>| {
            std::fs::create_dir_all(garage.media().join("planes")).unwrap();
            for name in ["a.txt", "b.txt"] {
                std::fs::write(garage.media().join("planes").join(name), "restored").unwrap();
            }
            let backend = garage.db.dialect();
            let (on, off) = (db::adopt_sql(backend, true), db::adopt_sql(backend, false));
            assert_refused(sql(&garage, &insert("a", "planes/a.txt")).await);
            let tx = garage.db.begin().await.unwrap();
            tx.run(on).await.unwrap();
            tx.run(&insert("a", "planes/a.txt")).await.unwrap();
            // A staged file is still consumed, and a second row may have the same file.
            tx.run(&insert("b", "planes/b.txt")).await.unwrap();
            tx.run("UPDATE planes SET photo = 'planes/a.txt' WHERE name = 'b'").await.unwrap();
            tx.run("UPDATE planes SET photo = 'planes/b.txt' WHERE name = 'b'").await.unwrap();
            tx.run(off).await.unwrap();
            if garage.kind() != Kind::Postgres {
                // PostgreSQL's transaction ends with its first error.
                assert_refused(tx.run(&insert("c", "planes/c.txt")).await);
            }
            tx.commit().await.unwrap();
            assert_refused(sql(&garage, &insert("c", "planes/c.txt")).await);
            assert_eq!(left(&garage).await, ["planes/a.txt", "planes/b.txt"]);

            // An entry that a sweeper has leased is not taken over.
            for state in ["state = 'reaping'", "attempts = 1", "state = 'tombstone'"] {
                garage.execute("DELETE FROM filefield_journal").await;
                garage
                    .execute(
                        "INSERT INTO filefield_journal (storage, name, kind, state, token, due_at, model_table, \
                         model_column) VALUES ('override', 'planes/c.txt', 'delete', 'pending', 't', 0, 'planes', 'photo')",
                    )
                    .await;
                garage.execute(&format!("UPDATE filefield_journal SET {state}")).await;
                let tx = garage.db.begin().await.unwrap();
                tx.run(on).await.unwrap();
                let error = tx.run(&insert("c", "planes/c.txt")).await.unwrap_err().to_string();
                assert!(error.contains("the file was released and may be being deleted"), "{error}");
                if garage.kind() == Kind::MariaDb {
                    tx.run(off).await.unwrap();
                }
                tx.rollback().await.unwrap();
            }
            garage.execute("DELETE FROM filefield_journal").await;
        })
        .await;
    }

    async fn a_foreign_key_deletes_the_rows(database: Database) {
        watched(database, async |garage: Arc<Garage>| {
            let (key, photo) = match garage.kind() {
                Kind::Sqlite => ("INTEGER PRIMARY KEY", "TEXT"),
                Kind::Postgres => ("BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", "VARCHAR(255)"),
                Kind::MariaDb => ("BIGINT AUTO_INCREMENT PRIMARY KEY", "VARCHAR(255)"),
            };
            let create = format!(
                "CREATE TABLE wings (id {key}, plane BIGINT NOT NULL, photo {photo} NOT NULL, \
                 FOREIGN KEY (plane) REFERENCES planes (id) ON DELETE CASCADE)"
            );
            let create = if garage.kind() == Kind::Sqlite { create.replace("BIGINT NOT NULL", "INTEGER NOT NULL") } else { create };
            garage.execute(&create).await;
            db::migrate::<Wing>(&garage.db).await.unwrap();
            install::<Wing>(&garage).await;
            let mut one = plane("one");
            one.save(&garage.db).await.unwrap();
            for _ in 0..3 {
                let mut wing = Wing { plane: one.id, photo: FileField::new("wing.txt", "wing"), ..Wing::default() };
                wing.save(&garage.db).await.unwrap();
            }
            garage.execute("DELETE FROM planes").await;
            assert_eq!(garage.number("SELECT COUNT(*) FROM wings").await, 0);
            // On MariaDB, changes by a foreign key fire no trigger.
            let missed = if garage.kind() == Kind::MariaDb { 3 } else { 0 };
            assert_eq!(garage.journal().await, 4 - missed);
            let left = left(&garage).await;
            assert_eq!(i64::try_from(left.len()).unwrap(), missed, "{left:?}");
        })
        .await;
    }

    async fn files_to_be_kept_stay(database: Database) {
        watched(database, async |garage: Arc<Garage>| {
            let mut one = plane("one");
            one.kept = Some(FileField::new("kept.txt", "kept"));
            one.save(&garage.db).await.unwrap();
            garage.execute("UPDATE planes SET kept = NULL").await;
            assert_refused(sql(&garage, "UPDATE planes SET kept = 'kept/x.txt'").await);
            one.kept = Some(FileField::new("more.txt", "kept"));
            one.save(&garage.db).await.unwrap();
            garage.execute("DELETE FROM planes").await;
            assert_eq!(left(&garage).await, ["kept/kept.txt", "kept/more.txt"]);
        })
        .await;
    }
}

/// `OR REPLACE` and `OR IGNORE` also apply to the statements inside a trigger.
#[tokio::test]
async fn conflict_clauses_of_sqlite_do_not_reach_into_the_triggers() {
    let test = async |database: Database| {
        watched(database, async |garage: Arc<Garage>| {
            let mut one = plane("one");
            one.save(&garage.db).await.unwrap();
            let name = one.photo().name().to_owned();
            for clause in ["", "OR IGNORE", "OR REPLACE", "OR FAIL", "OR ROLLBACK"] {
                for statement in [
                    format!("UPDATE {clause} planes SET photo = 'planes/x.txt'"),
                    format!("INSERT {clause} INTO planes (name, photo) VALUES ('two', 'planes/x.txt')"),
                    format!("INSERT {clause} INTO planes (id, name, photo) VALUES (7, 'seven', '{name}')"),
                ] {
                    assert_refused(sql(&garage, &statement).await);
                }
            }
            // Queued twice under such a clause, with an existing entry.
            for clause in ["OR IGNORE", "OR REPLACE"] {
                let (_new, name) = staged(&garage, "new").await;
                garage.execute(&format!("UPDATE {clause} planes SET photo = '{name}'")).await;
                garage.execute(&format!("UPDATE {clause} planes SET photo = ''")).await;
                assert_eq!(left(&garage).await.len(), 0);
            }
        })
        .await;
    };
    fresh(Kind::Sqlite, test).await;
}

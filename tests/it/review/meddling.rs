//! Tables that drop what is written to them, or write something else, without an error.

use super::*;
use crate::databases::on_every_database;
use crate::support::Garage;
use filefield::testing::{Fault, FaultStorage, Invariants, Operation};
use filefield::{ErrorKind, Sweeper, db};
use filefield_tests::databases::{Database, Kind};
use std::time::Duration;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "kites")]
struct Kite {
    #[model(primary_key)]
    id: i64,
    name: String,
    #[file(upload_to = "kites")]
    photo: FileField,
}

fn kite(name: &str) -> Kite {
    Kite {
        name: name.into(),
        photo: FileField::new(format!("{name}.txt"), name.to_owned()),
        ..Kite::default()
    }
}

on_every_database!(Kite: what_is_dropped_or_changed_is_an_error, a_constraint_that_waits_for_the_commit);

/// The triggers that interfere: when, before or after which statement, and their action.
fn meddlers(kind: Kind) -> Vec<(&'static str, &'static str)> {
    match kind {
        Kind::Sqlite => vec![
            ("BEFORE UPDATE", "SELECT RAISE(IGNORE)"),
            ("BEFORE DELETE", "SELECT RAISE(IGNORE)"),
            ("BEFORE INSERT", "SELECT RAISE(IGNORE)"),
            ("AFTER INSERT", "DELETE FROM kites WHERE id = NEW.id"),
            ("AFTER INSERT", "UPDATE kites SET photo = 'x' || photo WHERE id = NEW.id"),
            ("AFTER UPDATE", "UPDATE kites SET photo = 'x' || photo WHERE id = NEW.id"),
        ],
        Kind::Postgres => vec![
            ("BEFORE UPDATE", "RETURN NULL"),
            ("BEFORE DELETE", "RETURN NULL"),
            ("BEFORE INSERT", "RETURN NULL"),
            ("AFTER INSERT", "DELETE FROM kites WHERE id = NEW.id; RETURN NEW"),
            ("BEFORE INSERT", "NEW.photo := lower(NEW.photo); RETURN NEW"),
            ("BEFORE UPDATE", "NEW.photo := lower(NEW.photo); RETURN NEW"),
        ],
        Kind::MariaDb => vec![
            ("BEFORE INSERT", "SET NEW.photo = CONCAT('x', NEW.photo)"),
            ("BEFORE UPDATE", "SET NEW.photo = CONCAT('x', NEW.photo)"),
        ],
    }
}

async fn meddle(garage: &Garage, when: &str, what: &str) {
    let on = format!("CREATE TRIGGER meddler {when} ON kites FOR EACH ROW");
    if garage.kind() == Kind::Postgres {
        let function = "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql";
        garage.execute(&format!("{function} AS $$ BEGIN {what}; END $$")).await;
        garage.execute(&format!("{on} EXECUTE FUNCTION meddle()")).await;
    } else if garage.kind() == Kind::Sqlite {
        garage.execute(&format!("{on} BEGIN {what}; END")).await;
    } else {
        garage.execute(&format!("{on} {what}")).await;
    }
}

async fn leave(garage: &Garage) {
    match garage.kind() {
        Kind::Postgres => garage.execute("DROP FUNCTION meddle CASCADE").await,
        _ => garage.execute("DROP TRIGGER meddler").await,
    }
}

/// An acknowledged save has its row, and a row that is not written has no file.
async fn what_is_dropped_or_changed_is_an_error(garage: Arc<Garage>) {
    for (n, (when, what)) in meddlers(garage.kind()).into_iter().enumerate() {
        let label = format!("{when}: {what}");
        let mut old = kite(&format!("Old{n}"));
        old.save(&garage.db).await.unwrap();
        meddle(&garage, when, what).await;
        let (mut new, mut changed) = (kite(&format!("New{n}")), old.clone());
        changed.photo = FileField::new(format!("Changed{n}.txt"), "changed");
        let done = if when.ends_with("INSERT") {
            new.save(&garage.db).await
        } else if when.ends_with("UPDATE") {
            changed.save(&garage.db).await
        } else {
            old.clone().delete(&garage.db).await
        };
        let error = done.expect_err(&label);
        assert_eq!(error.kind(), ErrorKind::Database, "{label}: {error}");
        assert!(error.to_string().contains("dropped the row") && !error.is_uncertain(), "{label}: {error}");
        leave(&garage).await;
        garage.settle().await;
        let found = Kite::objects(&garage.db).get(Kite::columns().name.eq(old.name.as_str())).await;
        assert_eq!(found.unwrap(), old, "{label}");
        assert_eq!(garage.files().len(), n + 1, "{label}");
    }
    let checked = Invariants::new(&garage.db, &garage.storage).model::<Kite>().swept().check().await;
    checked.unwrap().assert_clean();
}

/// The answer to the commit says that it was certainly not done.
async fn a_constraint_that_waits_for_the_commit(garage: Arc<Garage>) {
    let id = match garage.kind() {
        Kind::Postgres => "BIGSERIAL PRIMARY KEY",
        Kind::Sqlite => "INTEGER PRIMARY KEY AUTOINCREMENT",
        // It checks nothing at the commit.
        Kind::MariaDb => return,
    };
    garage.execute("CREATE TABLE makers (id INTEGER PRIMARY KEY)").await;
    garage.execute("DROP TABLE kites").await;
    let maker = "INTEGER DEFAULT 7 REFERENCES makers (id) DEFERRABLE INITIALLY DEFERRED";
    garage.execute(&format!("CREATE TABLE kites (id {id}, name TEXT, photo TEXT, maker {maker})")).await;
    let mut one = kite("one");
    let error = one.save(&garage.db).await.unwrap_err();
    assert!(!error.is_uncertain() && error.kind() == ErrorKind::Database, "{error:?}");
    garage.settle().await;
    assert_eq!((garage.files().len(), garage.journal().await), (0, 0));
    garage.execute("INSERT INTO makers VALUES (7)").await;
    one.save(&garage.db).await.unwrap();
    assert_eq!(read_kite(&one).await, b"one");
}

async fn read_kite(kite: &Kite) -> Vec<u8> {
    kite.photo().read().await.unwrap().to_vec()
}

/// Deletes a row without an immediate clean-up: in a transaction of the caller.
async fn delete(garage: &Garage, kite: Kite) {
    let tx = garage.db.begin().await.unwrap();
    kite.delete(&tx).await.unwrap();
    tx.commit().await.unwrap();
}

/// The answer to a deletion is lost. Before the retry, another database's file gets the name.
#[tokio::test]
async fn a_deletion_is_about_the_file_that_it_has_found() {
    Garage::run::<Kite, _>(|garage| async move {
        let faults = Arc::new(FaultStorage::new(garage.storage.clone()));
        with_storage(faults.clone() as SharedStorage, async {
            let database = Database::fresh(Kind::Sqlite).unwrap();
            let other = db::connect(database.url()).await.unwrap();
            db::migrate::<Kite>(&other).await.unwrap();
            let mut one = kite("a");
            one.save(&garage.db).await.unwrap();
            delete(&garage, one).await;
            faults.inject(Fault::lose_answer().on(Operation::Delete).at(1));
            assert_eq!(db::sweep(&garage.db).await.unwrap().failed, 1);
            let mut two = kite("a");
            two.save(&other).await.unwrap();
            assert_eq!(two.photo().name(), "kites/a.txt", "the name is free for another database");
            garage.execute("UPDATE filefield_journal SET due_at = 0").await;
            let report = db::sweep(&garage.db).await.unwrap();
            assert_eq!((report.deleted, report.absent), (0, 1));
            assert_eq!(read_kite(&two).await, b"a");
            // After its own row releases it, it is deleted.
            two.delete(&other).await.unwrap();
            db::sweep(&other).await.unwrap();
            assert!(garage.files().is_empty());
        })
        .await;
    })
    .await;
}

/// A storage that panics has failed, and the sweeper continues.
#[tokio::test]
async fn a_panic_of_a_storage_does_not_end_the_sweeper() {
    Garage::run::<Kite, _>(|garage| async move {
        let faults = Arc::new(FaultStorage::new(garage.storage.clone()));
        with_storage(faults.clone() as SharedStorage, async {
            for name in ["a", "b"] {
                let mut kite = kite(name);
                kite.save(&garage.db).await.unwrap();
                delete(&garage, kite).await;
            }
            faults.inject(Fault::panic().on(Operation::Delete).at(1));
            let mut sweeper = Sweeper::new(&garage.db).every(Duration::from_millis(50)).spawn();
            let report = sweeper.turned().await.unwrap();
            let report = report.as_ref().as_ref().unwrap();
            assert_eq!((report.failed, report.deleted), (1, 1));
            garage.execute("UPDATE filefield_journal SET due_at = 0").await;
            while !garage.files().is_empty() {
                sweeper.turned().await.unwrap();
            }
        })
        .await;
    })
    .await;
}

/// Two programs share a database, and their storages with one alias are two places. Each sweeps its own.
#[tokio::test]
async fn the_files_of_another_program_are_left_to_it() {
    Garage::run::<Kite, _>(|garage| async move {
        let mut lot = lot("bytes");
        db::migrate::<Lot>(&garage.db).await.unwrap();
        lot.save(&garage.db).await.unwrap();
        let entry = "INSERT INTO filefield_journal (storage, name, kind, state, token, due_at, attempts, model_table, \
                     model_column) VALUES ('override', 'theirs/a.txt', 'delete', 'pending', 'token', 0, 0, 'theirs', 'photo')";
        let column = "INSERT INTO filefield_columns (model_table, model_column, storage, location) \
                      VALUES ('theirs', 'photo', 'override', 'file:///elsewhere')";
        garage.execute("CREATE TABLE theirs (photo TEXT)").await;
        garage.execute(column).await;
        garage.execute(entry).await;
        let report = db::sweep(&garage.db).await.unwrap();
        assert_eq!((report.failed, report.absent, garage.journal().await), (1, 0, 1), "{report:?}");
    })
    .await;
}

/// A row releases a file that an accessor has deleted. Another accessor stores one with the same name, and
/// the deletion in progress takes it for the first. The save that would name the file reports that.
#[tokio::test]
async fn a_file_that_an_accessor_stored_and_a_sweep_took() {
    Garage::run::<Kite, _>(|garage| async move {
        for stores in [true, false] {
            let mut one = kite("a");
            one.save(&garage.db).await.unwrap();
            let mut two = kite("b");
            two.save(&garage.db).await.unwrap();
            one.photo_mut().delete().await.unwrap();
            let tx = garage.db.begin().await.unwrap();
            one.save(&tx).await.unwrap();
            tx.commit().await.unwrap();
            if stores {
                two.photo_mut().save("a.txt", "precious").await.unwrap();
            } else {
                two.photo_mut().rename("kites/a.txt").await.unwrap();
            }
            assert_eq!(two.photo().name(), "kites/a.txt");
            assert_eq!(db::sweep(&garage.db).await.unwrap().deleted, 1);
            let error = two.save(&garage.db).await.unwrap_err();
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::NotFound, false), "{error}");
            // What is assigned is reserved by the save.
            two.photo_mut().assign(FileField::new("a.txt", "precious"));
            two.save(&garage.db).await.unwrap();
            assert_eq!(read_kite(&two).await, b"precious");
            garage.settle().await;
            for kite in Kite::objects(&garage.db).all().await.unwrap() {
                kite.delete(&garage.db).await.unwrap();
            }
            garage.settle().await;
            assert!(garage.files().is_empty());
        }
    })
    .await;
}

/// The name may be set without storing a file under it.
#[tokio::test]
async fn a_name_may_be_set_before_its_file_is_there() {
    Garage::run::<Kite, _>(|garage| async move {
        let mut one = kite("a");
        one.save(&garage.db).await.unwrap();
        one.photo_mut().set_name("kites/later.txt").unwrap();
        assert_eq!(one.save(&garage.db).await.unwrap_err().kind(), ErrorKind::NotFound);
        one.photo_mut().assign(FileField::stored_unchecked("kites/later.txt"));
        one.save(&garage.db).await.unwrap();
        let mut two = Kite { photo: FileField::stored_unchecked("kites/later.txt"), ..kite("b") };
        two.save(&garage.db).await.unwrap();
    })
    .await;
}

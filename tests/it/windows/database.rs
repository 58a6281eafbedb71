//! Failures in the transaction and of the database.

use super::*;
use crate::databases::on_every_database;
use filefield::ErrorKind;
use filefield::db::Queries;

on_every_database!(Barge:
    f14_the_commit_fails_and_the_journal_decides,
    f15_an_entry_that_an_open_transaction_holds,
    f32_the_database_goes_after_the_publish,
    f37_nothing_asks_the_applications_clock,
    f46_a_transaction_that_began_before_the_stage,
);

async fn f14_the_commit_fails_and_the_journal_decides(garage: Arc<Garage>) {
    // A check at the commit: the row's statements succeed.
    let deferred: &[&str] = match garage.db.dialect() {
        Dialect::Sqlite => &[
            "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
            "CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
            "CREATE TRIGGER refuse AFTER INSERT ON barges BEGIN INSERT INTO child VALUES (1); END",
        ],
        Dialect::Postgres => &[
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no commit today'; END $$",
            "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON barges DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION refuse()",
        ],
        // MariaDB checks nothing at the commit; the campaign `database` cuts its answer.
        _ => return,
    };
    for statement in deferred {
        garage.execute(statement).await;
    }
    let mut one = barge("one");
    let error = one.save(&garage.db).await.unwrap_err();
    let lift = match garage.db.dialect() {
        // It is certain that a constraint was violated.
        Dialect::Sqlite => {
            assert!(!error.is_uncertain(), "{error:?}");
            "DROP TRIGGER refuse"
        }
        _ => {
            assert!(error.is_uncertain(), "{error:?}");
            // Nothing was deleted on that error.
            assert_eq!((garage.files().len(), garage.journal().await), (1, 1));
            "DROP TRIGGER refuse ON barges"
        }
    };
    garage.execute(lift).await;
    one.save(&garage.db).await.unwrap();
    assert_eq!(Barge::objects(&garage.db).count().await.unwrap(), 1, "the connection is good for it");
    agrees(&garage, 1).await;
}

async fn f15_an_entry_that_an_open_transaction_holds(garage: Arc<Garage>) {
    if garage.db.dialect() == Dialect::Sqlite {
        // There is one writer: the sweeper would wait, and the pool has only one connection for the test.
        return;
    }
    let mut one = barge("one");
    one.stage(&garage.db).await.unwrap();
    time_passes(&garage).await;
    let tx = garage.db.begin().await.unwrap();
    one.save(&tx).await.unwrap();
    let report = db::sweep(&garage.db).await.unwrap();
    assert_eq!((report.examined, garage.files().len()), (0, 1));
    tx.commit().await.unwrap();
    agrees(&garage, 1).await;
}

async fn f32_the_database_goes_after_the_publish(garage: Arc<Garage>) {
    let mut one = barge("one");
    one.stage(&garage.db).await.unwrap();
    garage.execute("ALTER TABLE barges RENAME TO away").await;
    let error = one.save(&garage.db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Database, "{error}");
    garage.execute("ALTER TABLE away RENAME TO barges").await;
    agrees(&garage, 0).await;
}

async fn f37_nothing_asks_the_applications_clock(garage: Arc<Garage>) {
    killed_after_staging(&garage, "one").await;
    // Seconds of the database's clock.
    let lease = match garage.db.dialect() {
        Dialect::Sqlite => "SELECT due_at - unixepoch() FROM filefield_journal",
        Dialect::Postgres => {
            "SELECT due_at - CAST(extract(epoch FROM clock_timestamp()) AS bigint) FROM filefield_journal"
        }
        _ => "SELECT CAST(due_at - UNIX_TIMESTAMP() AS SIGNED) FROM filefield_journal",
    };
    let lease = garage.number(lease).await;
    assert!((800..=900).contains(&lease), "{lease}");
    agrees(&garage, 0).await;
}

async fn f46_a_transaction_that_began_before_the_stage(garage: Arc<Garage>) {
    if garage.db.dialect() == Dialect::Sqlite {
        // The transaction has the pool's only connection; see `pending_content_inside_is_an_error_at_once`.
        return;
    }
    saved(&garage, "first").await;
    let tx = garage.db.begin().await.unwrap();
    if garage.db.dialect() == Dialect::Postgres {
        tx.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    }
    let count = "SELECT COUNT(*) FROM filefield_journal";
    tx.query(count, Vec::new()).await.unwrap();
    let mut late = barge("late");
    late.stage(&garage.db).await.unwrap();
    match late.save(&tx).await {
        // PostgreSQL does not see the entry.
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::StagedExpired, "{error:?}");
            assert!(error.to_string().contains("before it was staged"), "{error}");
            tx.rollback().await.unwrap();
            agrees(&garage, 1).await;
        }
        // MariaDB deletes what exists now, whatever the transaction sees.
        Ok(()) => {
            tx.commit().await.unwrap();
            agrees(&garage, 2).await;
        }
    }
}

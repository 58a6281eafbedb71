//! A new row goes to SQLite in one request with its file's entry. What may fail in it, statement by
//! statement.

use super::*;
use filefield::db::Db;
use filefield::{ErrorKind, db};
use filefield_tests::databases::Kind;
use std::time::Duration;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "dinghies")]
struct Dinghy {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    name: String,
    #[file(upload_to = "dinghies")]
    photo: FileField,
}

fn dinghy(name: &str) -> Dinghy {
    Dinghy { name: name.into(), photo: FileField::new("dinghy.txt", name.to_owned()), ..Dinghy::default() }
}

/// What makes one of the statements fail, and the text of the error.
const OBSTACLES: [(&str, &str); 4] = [
    ("BEFORE INSERT ON dinghies BEGIN SELECT RAISE(IGNORE); END", "dropped the row"),
    ("BEFORE INSERT ON dinghies BEGIN SELECT RAISE(ABORT, 'no berth'); END", "no berth"),
    ("AFTER INSERT ON dinghies BEGIN SELECT RAISE(ROLLBACK, 'all over'); END", "all over"),
    (
        "AFTER DELETE ON filefield_journal WHEN OLD.state = 'pending' BEGIN SELECT RAISE(ABORT, 'kept'); END",
        "kept",
    ),
];

/// A pool that `filefield::db::connect` did not make, with one connection and a short time-out.
async fn plain(garage: &Garage) -> Db {
    let options: sqlx::sqlite::SqliteConnectOptions = garage.url().parse().unwrap();
    let options = options.busy_timeout(Duration::from_millis(50));
    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
    pool.connect_with(options).await.unwrap().into()
}

async fn dinghies(garage: &Garage) -> i64 {
    garage.number("SELECT COUNT(*) FROM dinghies").await
}

/// Whatever fails, nothing is left, the error is certain, and the connection works for the next row.
#[tokio::test]
async fn a_statement_that_fails_takes_all_of_them_back() {
    Garage::run::<Dinghy, _>(|garage| async move {
        let plain = plain(&garage).await;
        for (pool, db) in [("ours", garage.db.clone()), ("plain", plain.clone())] {
            dinghy(pool).save(&db).await.unwrap();
            let rows = dinghies(&garage).await;
            let mut again = dinghy(pool);
            let error = again.save(&db).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{error}");
            assert!(again.photo.is_pending(), "to be saved once more");
            for (obstacle, text) in OBSTACLES {
                garage.execute(&format!("CREATE TRIGGER obstacle {obstacle}")).await;
                let error = dinghy(text).save(&db).await.unwrap_err();
                garage.execute("DROP TRIGGER obstacle").await;
                assert!(error.to_string().contains(text), "{error}");
                assert!(!error.is_uncertain(), "{error}");
                assert_eq!(dinghies(&garage).await, rows, "{text}");
            }
            again.name = format!("{pool} again");
            again.save(&db).await.unwrap();
            // The other pool sees it, so it is committed.
            let found = Dinghy::objects(&garage.db).get(Dinghy::columns().name.eq(again.name.as_str())).await;
            assert_eq!(found.unwrap(), again);
            garage.settle().await;
            assert_eq!(garage.files().len() as i64, rows + 1);
        }
        plain.close().await;
    })
    .await;
}

/// The check for a lease is a condition of the row's own statement.
#[tokio::test]
async fn without_its_entry_no_row_is_written() {
    Garage::run::<Dinghy, _>(|garage| async move {
        let mut late = dinghy("late");
        late.stage(&garage.db).await.unwrap();
        garage.execute("UPDATE filefield_journal SET due_at = 0").await;
        db::sweep(&garage.db).await.unwrap();
        let error = late.save(&garage.db).await.unwrap_err();
        assert_eq!((error.kind(), error.is_uncertain()), (ErrorKind::StagedExpired, false), "{error}");
        assert_eq!((dinghies(&garage).await, garage.files().len()), (0, 0));
        dinghy("next").save(&garage.db).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_writer_that_does_not_end_is_an_error_and_the_staged_file_stays() {
    Garage::run::<Dinghy, _>(|garage| async move {
        let db = plain(&garage).await;
        let mut patient = dinghy("patient");
        patient.stage(&garage.db).await.unwrap();
        let pool = garage.db.sqlite().unwrap();
        let mut writer = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let error = patient.save(&db).await.unwrap_err();
        assert!(error.to_string().contains("database is locked"), "{error}");
        assert_eq!((error.is_retryable(), error.is_uncertain()), (true, false), "{error}");
        sqlx::query("DELETE FROM dinghies").execute(&mut *writer).await.unwrap();
        writer.commit().await.unwrap();
        patient.save(&db).await.unwrap();
        assert_eq!((dinghies(&garage).await, garage.files().len(), garage.journal().await), (1, 1, 0));
        db.close().await;
    })
    .await;
}

/// PostgreSQL reports a row that a trigger dropped by the missing key.
#[tokio::test]
async fn a_row_that_postgres_drops_is_an_error() {
    crate::databases::fresh(Kind::Postgres, async |database| {
        crate::databases::garage::<Dinghy, _>(database, async |garage: Arc<Garage>| {
            garage
                .execute(
                    "CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
                )
                .await;
            let obstacle = "CREATE TRIGGER obstacle BEFORE INSERT ON dinghies \
                            FOR EACH ROW EXECUTE FUNCTION drop_it()";
            garage.execute(obstacle).await;
            let error = dinghy("lost").save(&garage.db).await.unwrap_err();
            assert!(error.to_string().contains("dropped the row"), "{error}");
            assert_eq!((dinghies(&garage).await, garage.files().len(), garage.journal().await), (0, 0, 0));
        })
        .await;
    })
    .await;
}

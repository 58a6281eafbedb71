//! Connecting.

use crate::backend::{database, journal_of};
use crate::journal::{self, RestoreReport};
use crate::{Error, ErrorKind, Result, SweepReport, Sweeper};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr, RuntimeErr};
use std::time::Duration;

/// Connects to a database: `sqlite://garage.db?mode=rwc`, `postgres://user@host/garage`, `mysql://user@host/garage`.
/// The driver is a feature: `db-sqlite`, `db-postgres`, `db-mysql`.
///
/// SQLite is opened with write-ahead logging, `synchronous = FULL` (a commit survives a power cut), foreign keys, and
/// one connection, which is waited for ten seconds at most, as other processes that write are: inside a transaction, query
/// through the transaction. MariaDB and MySQL are told to refuse a value that does not fit its
/// column, whatever the server's `sql_mode` says; otherwise they cut it and keep the rest. A server that does not answer
/// yet is waited for, 30 seconds at most.
///
/// Any other `sea_orm::DatabaseConnection` works as well, but for two faults of the driver that this one's connections
/// are guarded against: sqlx 0.9 goes on in a transaction that SQLite has ended for want of room, and gives a connection
/// of PostgreSQL, MariaDB or MySQL back whose `BEGIN` was cancelled. Commits on such a connection are acknowledged and
/// lost.
///
/// # Errors
/// [`Settings`](ErrorKind::Settings) for what is no URL of a database, or of one whose driver is not built in; no error
/// has the URL in it, which may hold a password. [`Database`](ErrorKind::Database).
pub async fn connect(url: &str) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options.sqlx_logging(false);
    #[cfg(feature = "db-sqlite")]
    options.map_sqlx_sqlite_opts(|options| {
        options
            .pragma("journal_mode", "WAL")
            .pragma("synchronous", "FULL")
            .foreign_keys(true)
            .busy_timeout(SQLITE_PATIENCE)
    });
    #[cfg(feature = "db-sqlite")]
    options.map_sqlx_sqlite_pool_opts(|pool| {
        pool.after_release(|connection, _| Box::pin(end_transaction(connection)))
    });
    // Below, a `begin` that was cancelled has left its transaction open, and what is written in there is not committed.
    // Rolling it back shows as well whether the server is still there, at the cost of the test that it replaces.
    #[cfg(feature = "db-mysql")]
    options.map_sqlx_mysql_pool_opts(|pool| {
        let pool = pool.after_connect(|connection, _| {
            let strict = "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')";
            Box::pin(async move {
                sea_orm::sqlx::Executor::execute(connection, strict).await?;
                Ok(())
            })
        });
        pool.test_before_acquire(false).before_acquire(|connection, _| {
            Box::pin(async move {
                sea_orm::sqlx::Executor::execute(connection, "ROLLBACK").await?;
                Ok(true)
            })
        })
    });
    #[cfg(feature = "db-postgres")]
    options.map_sqlx_postgres_pool_opts(|pool| {
        pool.test_before_acquire(false).before_acquire(|connection, _| {
            Box::pin(async move {
                // The server logs a warning for a `ROLLBACK` alone where there is nothing to roll back.
                sea_orm::sqlx::Executor::execute(connection, "BEGIN; ROLLBACK").await?;
                Ok(true)
            })
        })
    });
    if url.starts_with("sqlite:") {
        // There is no server that could have gone away, and asking costs a round trip to the driver's thread.
        options.test_before_acquire(false);
        // A database in memory is that of its only connection, and gone with it, by whatever URL.
        options.max_connections(1).idle_timeout(None).max_lifetime(None);
        // Who queries through `db` while a transaction of its own has the connection waits for itself.
        options.acquire_timeout(SQLITE_PATIENCE);
    } else {
        options.acquire_timeout(PATIENCE);
    }
    let connected = Database::connect(options).await;
    connected.map_err(|error| {
        if matches!(error, DbErr::Conn(RuntimeErr::Internal(_))) {
            // The URL is refused, in a text that has all of it.
            return Error::new(ErrorKind::Settings, problem_of(url)).with_operation("connect");
        }
        let text = error.to_string();
        if text.contains("(code: 14)") {
            let hint = match url.contains("mode=rwc") {
                true => "is the file's folder there?",
                false => "with `?mode=rwc` at its end, the URL makes a file that is not there yet",
            };
            return database(error).not_at_once(hint);
        }
        // Until then the pool knocks again and again, and in the end it only says that it waited.
        if !text.contains("pool timed out") {
            return database(error);
        }
        let text =
            format!("the database does not answer within {} seconds; is it running?", PATIENCE.as_secs());
        Error::new(ErrorKind::Database, text).with_operation("connect").with_source(error).retryable()
    })
}

/// Makes the driver's idea of a transaction that of SQLite. A commit that fails for want of room rolls back by itself. The
/// driver does not see that, and takes every later transaction for a savepoint: the first that is rolled back leaves one
/// open, and what is committed after it is lost with the process. Closing the connection would end a database in memory.
#[cfg(feature = "db-sqlite")]
async fn end_transaction(connection: &mut sea_orm::sqlx::SqliteConnection) -> sea_orm::sqlx::Result<bool> {
    use sea_orm::sqlx::sqlite::SqliteTransactionManager;
    use sea_orm::sqlx::{Connection, Executor};
    use sqlx_core::transaction::{TransactionManager, begin_ansi_transaction_sql};

    if connection.is_in_transaction() {
        // A roll-back that is under way is over when the connection answers.
        connection.ping().await?;
    }
    while let depth @ 1.. = SqliteTransactionManager::get_transaction_depth(connection) {
        // The driver counts a roll-back only if there is something to roll back. Where there is, this may fail.
        let _ = connection.execute(begin_ansi_transaction_sql(depth - 1)).await;
        SqliteTransactionManager::rollback(connection).await?;
    }
    Ok(true)
}

/// Why no driver takes this URL. What is before its colon is repeated only where it is known.
fn problem_of(url: &str) -> String {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    let (scheme, feature, is_there) = match scheme.as_deref() {
        Some("sqlite") => ("sqlite", "db-sqlite", cfg!(feature = "db-sqlite")),
        Some("postgres" | "postgresql") => ("postgres", "db-postgres", cfg!(feature = "db-postgres")),
        Some("mysql") => ("mysql", "db-mysql", cfg!(feature = "db-mysql")),
        _ => {
            return "a database is a URL, such as `sqlite://garage.db?mode=rwc`, `postgres://user@host/garage` or \
                    `mysql://user@host/garage`"
                .to_owned();
        }
    };
    if is_there {
        return "the URL of the database cannot be parsed; in a password, what is neither a letter nor a digit is \
                percent-encoded: `%23` for `#`"
            .to_owned();
    }
    format!("the driver for `{scheme}:` is the feature `{feature}`")
}

/// How long SQLite's connection may take, and another process that writes.
const SQLITE_PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection may take: a server that starts beside the program is ready by then.
const PATIENCE: Duration = Duration::from_secs(30);

/// Finishes what the journal says: deletes replaced files and what failed saves left behind. Run it now and then, in
/// any process; [`Sweeper`] has the knobs.
///
/// # Errors
/// Those of the database.
pub async fn sweep(db: &DatabaseConnection) -> Result<SweepReport> {
    Sweeper::new(db).run().await
}

/// Brings the files and a database that was restored from a backup together again. Register all models first, and call
/// this before the program serves. It may be called again at any time.
///
/// 1. The database gets one more identity, which the owner tokens of new files carry.
/// 2. The name of every file that a row has and that is not in the storage is reserved, so that no new file gets it and
///    shows its bytes in the restored row. A name whose file is there again is given back.
/// 3. Every file in the storages of the registered fields that this database has stored and that no row names is queued
///    for deletion, after the time that the setting `DELETE_AFTER` says.
///
/// Files are compared by name alone. [`FieldFile::read_verified`](crate::field::FieldFile::read_verified) compares the
/// bytes with the hash that a row has of them.
///
/// # Errors
/// [`StorageUnavailable`](ErrorKind::StorageUnavailable) where the root of a storage is not in its place: then nothing is
/// done. Those of the database and of the storages. What was done before stays done; call it again.
pub async fn after_restore(db: &DatabaseConnection) -> Result<RestoreReport> {
    journal::after_restore(&journal_of(db)).await
}

/// Lets the root that stands now be that of the storage `alias`: for this database, which knew another one, and for this
/// process. A missing root is made. Other processes take it over with the next save, or when they start again.
///
/// The first save through a database records the identity of the storage's root. While that root is missing, or another
/// one stands in its place, files are neither saved nor swept. A copy that has the root's mark, `.filefield/root`, is the
/// same root, so nothing is to be done after `rsync -aX`. This is for a root without it: a restored backup that left out
/// hidden files, a new and empty folder, or a bucket in the place of a folder.
///
/// Call it when all of the storage's files are there: afterwards a file that is not there counts as deleted.
///
/// # Errors
/// [`UnknownStorage`](ErrorKind::UnknownStorage); those of making and marking the root; those of the database.
pub async fn accept_root(db: &DatabaseConnection, alias: &str) -> Result<()> {
    journal::accept(&journal_of(db), alias).await.map_err(|error| error.with_operation("accept_root"))
}

#[cfg(all(test, feature = "db-sqlite"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::connect;
    use crate::ErrorKind;
    use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
    use sea_orm::{SqliteTransactionMode, TransactionOptions, TransactionTrait};

    #[tokio::test]
    async fn a_url_that_no_driver_takes_is_told_without_its_password() {
        let what = "a database is a URL, such as `sqlite://garage.db?mode=rwc`";
        let odd = "the URL of the database cannot be parsed";
        let (postgres, mysql) = (cfg!(feature = "db-postgres"), cfg!(feature = "db-mysql"));
        for (url, says) in [
            ("garage.db", what),
            ("", what),
            ("postgre://u:hunter2@localhost/x", what),
            ("hunter2:x", what),
            (
                "postgres://u:hunter2#@localhost/x",
                if postgres { odd } else { "the driver for `postgres:` is the feature `db-postgres`" },
            ),
            (
                "MySQL://u:hunter2@localhost:x/x",
                if mysql { odd } else { "the driver for `mysql:` is the feature `db-mysql`" },
            ),
        ] {
            let error = connect(url).await.unwrap_err();
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Settings, false), "{url}");
            assert!(error.to_string().contains(says), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_missing_file_of_sqlite_is_told_with_what_makes_it() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("garage.db").display());
        let error = connect(&url).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Database, false), "{error}");
        assert!(error.to_string().contains("`?mode=rwc`"), "{error}");
        connect(&format!("{url}?mode=rwc")).await.unwrap();
        let error = connect(&url.replace("garage.db", "no/garage.db?mode=rwc")).await.unwrap_err();
        assert!(error.to_string().contains("folder"), "{error}");
    }

    /// P6: SQLite rolls back by itself where a commit finds no room, as it does here on demand.
    #[tokio::test]
    async fn after_a_transaction_that_sqlite_ended_by_itself_commits_are_commits() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("garage.db").display());
        for (url, nested) in
            [(&*url, false), (&*url, true), ("sqlite::memory:", false), ("sqlite::memory:", true)]
        {
            let db = connect(url).await.unwrap();
            db.execute_unprepared("CREATE TABLE IF NOT EXISTS cars (name TEXT UNIQUE)").await.unwrap();
            let insert = "INSERT OR ROLLBACK INTO cars VALUES ('chevy')";
            db.execute_unprepared("DELETE FROM cars").await.unwrap();
            db.execute_unprepared(insert).await.unwrap();
            let tx = db.begin().await.unwrap();
            if nested {
                let savepoint = tx.begin().await.unwrap();
                savepoint.execute_unprepared(insert).await.unwrap_err();
                savepoint.rollback().await.unwrap_err();
            } else {
                tx.execute_unprepared(insert).await.unwrap_err();
            }
            tx.rollback().await.unwrap_err();
            for name in ["edsel", "ford"] {
                let options = TransactionOptions {
                    sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                    ..TransactionOptions::default()
                };
                let tx = db.begin_with_options(options).await.unwrap();
                tx.execute_unprepared(&format!("INSERT INTO cars VALUES ('{name}')")).await.unwrap();
                if name == "edsel" {
                    tx.rollback().await.unwrap();
                } else {
                    tx.commit().await.unwrap();
                }
            }
            let rows = async |db: &DatabaseConnection| {
                let statement = Statement::from_string(DbBackend::Sqlite, "SELECT * FROM cars");
                db.query_all_raw(statement).await.unwrap().len()
            };
            assert_eq!(rows(&db).await, 2, "{url}");
            if url != "sqlite::memory:" {
                // Another connection sees it, so it is committed.
                assert_eq!(rows(&connect(url).await.unwrap()).await, 2);
            }
        }
    }

    #[tokio::test]
    async fn a_database_in_memory_has_one_connection_that_nothing_ends() {
        let named = ["sqlite:cars?mode=memory", "sqlite://cars?mode=memory&cache=private"];
        for url in ["sqlite::memory:", "sqlite://?mode=memory"].into_iter().chain(named) {
            let db = connect(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
            let options = db.get_sqlite_connection_pool().options();
            assert_eq!(options.get_max_connections(), 1, "{url}");
            assert_eq!((options.get_idle_timeout(), options.get_max_lifetime()), (None, None), "{url}");
            db.execute_unprepared("CREATE TABLE cars (name TEXT)").await.unwrap();
            // One that is dropped while it is open is rolled back, and no more.
            let tx = db.begin().await.unwrap();
            tx.execute_unprepared("INSERT INTO cars VALUES ('chevy')").await.unwrap();
            drop(tx);
            db.execute_unprepared("INSERT INTO cars VALUES ('edsel')").await.unwrap();
        }
    }
}

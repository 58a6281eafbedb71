//! Connections to databases.
#![cfg_attr(
    not(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql")),
    allow(unused, reason = "without a driver nothing connects")
)]

use crate::backend::sqlx::Db;
use crate::backend::{database, journal_of};
use crate::journal::{self, RestoreReport};
use crate::{Error, ErrorKind, Result, SweepReport, Sweeper};
use sqlx::{ConnectOptions, Executor};
use std::time::Duration;

/// Connects to a database: `sqlite://garage.db?mode=rwc`, `postgres://user@host/garage`,
/// `mysql://user@host/garage`. Each driver has a feature: `db-sqlite`, `db-postgres`, `db-mysql`.
///
/// * SQLite is opened with write-ahead logging, `synchronous = FULL` (a commit survives a power cut), foreign
///   keys and one connection. A caller waits at most 10 seconds for that connection, and at most 10 seconds
///   for another process that writes. Inside a transaction, query through the transaction.
/// * MariaDB and MySQL run with `STRICT_ALL_TABLES`, so a value that does not fit its column is an error and
///   is not truncated.
/// * A server that does not answer yet is tried for at most 30 seconds.
///
/// A pool of your own works too, with `Db::from(pool)`, but only pools opened here work around two faults of
/// sqlx 0.9 in transactions that you begin with sqlx:
///
/// 1. After SQLite has ended a transaction because the disk is full, sqlx continues as if it were still open.
/// 2. If a `BEGIN` on PostgreSQL, MariaDB or MySQL is cancelled, sqlx returns the connection to the pool
///    inside that transaction.
///
/// With either, a commit can be reported and lost.
///
/// # Errors
/// Returns [`Settings`](ErrorKind::Settings) if the URL is invalid or its driver is not built in. The error
/// does not repeat the URL, which may hold a password. Returns [`Database`](ErrorKind::Database) if the
/// connection fails.
pub async fn connect(url: &str) -> Result<Db> {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme);
    match scheme {
        #[cfg(feature = "db-sqlite")]
        Some("sqlite") => sqlite(url).await,
        #[cfg(feature = "db-postgres")]
        Some("postgres" | "postgresql") => postgres(url).await,
        #[cfg(feature = "db-mysql")]
        Some("mysql") => mysql(url).await,
        _ => Err(malformed(url)),
    }
}

#[cfg(feature = "db-sqlite")]
async fn sqlite(url: &str) -> Result<Db> {
    let options: sqlx::sqlite::SqliteConnectOptions = url.parse().map_err(|_| malformed(url))?;
    let options = options
        .disable_statement_logging()
        .pragma("journal_mode", "WAL")
        .pragma("synchronous", "FULL")
        .foreign_keys(true)
        .busy_timeout(SQLITE_TIMEOUT);
    let pool = sqlx::sqlite::SqlitePoolOptions::new()
        // No server can have gone away, and the test costs a round trip to the driver's thread.
        .test_before_acquire(false)
        // A database in memory lives as long as its only connection.
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        // A query through `db` would wait forever while a transaction of the same caller has the connection.
        .acquire_timeout(SQLITE_TIMEOUT)
        .after_release(|connection, _| Box::pin(end_transaction(connection)));
    pool.connect_with(options).await.map(Db::from).map_err(|error| not_connected(url, error))
}

#[cfg(feature = "db-postgres")]
async fn postgres(url: &str) -> Result<Db> {
    let options: sqlx::postgres::PgConnectOptions = url.parse().map_err(|_| malformed(url))?;
    // A cancelled `begin` leaves its transaction open, and what is written in it is never committed. `ROLLBACK` ends
    // it, and also shows whether the server still answers, so it replaces the usual test. Without a transaction it
    // makes the server log a warning.
    let pool = sqlx::postgres::PgPoolOptions::new()
        .acquire_timeout(TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection: &mut sqlx::PgConnection, _| {
            Box::pin(async move { connection.execute("BEGIN; ROLLBACK").await.map(|_| true) })
        });
    let options = options.disable_statement_logging();
    pool.connect_with(options).await.map(Db::from).map_err(|error| not_connected(url, error))
}

#[cfg(feature = "db-mysql")]
async fn mysql(url: &str) -> Result<Db> {
    let options: sqlx::mysql::MySqlConnectOptions = url.parse().map_err(|_| malformed(url))?;
    let pool = sqlx::mysql::MySqlPoolOptions::new()
        .acquire_timeout(TIMEOUT)
        .after_connect(|connection: &mut sqlx::MySqlConnection, _| {
            let strict = "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')";
            Box::pin(async move { connection.execute(strict).await.map(drop) })
        })
        // As on PostgreSQL.
        .test_before_acquire(false)
        .before_acquire(|connection: &mut sqlx::MySqlConnection, _| {
            Box::pin(async move { connection.execute("ROLLBACK").await.map(|_| true) })
        });
    let options = options.disable_statement_logging();
    pool.connect_with(options).await.map(Db::from).map_err(|error| not_connected(url, error))
}

/// The driver's text would repeat the whole URL, which may hold a password.
fn malformed(url: &str) -> Error {
    Error::new(ErrorKind::Settings, problem_of(url)).with_operation("connect")
}

fn not_connected(url: &str, error: sqlx::Error) -> Error {
    if let sqlx::Error::Configuration(_) = error {
        return malformed(url);
    }
    // The pool retries until its time-out, and then says only that it waited.
    if let sqlx::Error::PoolTimedOut = error {
        let text =
            format!("the database does not answer within {} seconds; is it running?", TIMEOUT.as_secs());
        return Error::new(ErrorKind::Database, text)
            .with_operation("connect")
            .with_source(error)
            .retryable();
    }
    if error.to_string().contains("(code: 14)") {
        let hint = match url.contains("mode=rwc") {
            true => "is the file's folder there?",
            false => "with `?mode=rwc` at its end, the URL makes a file that is not there yet",
        };
        return database(error).not_at_once(hint);
    }
    database(error)
}

/// Makes the driver's count of open transactions agree with SQLite's. A commit that fails because the disk is
/// full rolls back by itself, which the driver does not notice. It then takes every later transaction for a
/// savepoint. The first one that is rolled back leaves a transaction open, and later commits are lost with
/// the process. Closing the connection is no way out: it would end a database in memory.
#[cfg(feature = "db-sqlite")]
async fn end_transaction(connection: &mut sqlx::SqliteConnection) -> sqlx::Result<bool> {
    use sqlx::Connection;
    use sqlx::sqlite::SqliteTransactionManager;
    use sqlx_core::transaction::{TransactionManager, begin_ansi_transaction_sql};

    if connection.is_in_transaction() {
        // A rollback that is under way is over when the connection answers.
        connection.ping().await?;
    }
    while let depth @ 1.. = SqliteTransactionManager::get_transaction_depth(connection) {
        // The driver counts a rollback only if a transaction is open. If one is open already, this fails.
        let _ = connection.execute(begin_ansi_transaction_sql(depth - 1)).await;
        SqliteTransactionManager::rollback(connection).await?;
    }
    Ok(true)
}

/// Says why no driver accepts this URL. It repeats a scheme only if it knows it.
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

/// Limit for getting SQLite's connection, and for waiting for another process that writes.
const SQLITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Limit for getting a connection. A server that starts together with the program is ready by then.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Processes the journal once: deletes replaced files, and files that failed saves left behind. Run it
/// regularly, in any process. [`Sweeper`] has options.
///
/// # Errors
/// Propagates database errors.
pub async fn sweep(db: &Db) -> Result<SweepReport> {
    Sweeper::new(db).run().await
}

/// Reconciles the files with a database that was restored from a backup. Register all models first, and call
/// this before the program serves requests. It may be called again at any time.
///
/// 1. The database gets one more identity, which the owner tokens of new files carry.
/// 2. If a row names a file that is missing from the storage, its name is reserved, so that no new file takes
///    the name and appears in the restored row. If the file is back, the name is released.
/// 3. If this database stored a file that no row names, in a storage of a registered field, the file is
///    queued for deletion after `DELETE_AFTER`.
///
/// Files are compared by name only. [`FieldFile::read_verified`](crate::field::FieldFile::read_verified)
/// compares the bytes with the hash in the row.
///
/// # Errors
/// Returns [`StorageUnavailable`](ErrorKind::StorageUnavailable) if the root of a storage is not in its
/// place; nothing is done in that case. Propagates database and storage errors. Work done before such an
/// error remains done: call the function again.
pub async fn after_restore(db: &Db) -> Result<RestoreReport> {
    journal::after_restore(&journal_of(db)).await
}

/// Accepts the present root of the storage `alias` as its root, in this database, which knew another one, and
/// in this process. A missing root is created. Other processes adopt it with their next save, or when they
/// restart.
///
/// The first save through a database records the identity of the storage's root. If that root is missing, or
/// another one is in its place, files are neither saved nor swept. A copy that has the root's mark,
/// `.filefield/root`, is the same root, so nothing has to be done after `rsync -aX`. Call this function for a
/// root without the mark: a restored backup that left out hidden files, a new and empty folder, or a bucket
/// that replaces a folder.
///
/// Call it when all files of the storage are in place: afterwards a missing file counts as deleted.
///
/// # Errors
/// Returns [`UnknownStorage`](ErrorKind::UnknownStorage) if no storage has the alias. Propagates errors of
/// creating and marking the root, and database errors.
pub async fn accept_root(db: &Db, alias: &str) -> Result<()> {
    journal::accept(&journal_of(db), alias).await.map_err(|error| error.with_operation("accept_root"))
}

#[cfg(all(test, feature = "db-sqlite"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::connect;
    use crate::ErrorKind;
    use crate::db::{Db, Queries};

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

    /// SQLite rolls back by itself if a commit finds no space. `INSERT OR ROLLBACK` does the same on demand.
    #[tokio::test]
    async fn after_a_transaction_that_sqlite_ended_by_itself_commits_are_commits() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("garage.db").display());
        for (url, nested) in
            [(&*url, false), (&*url, true), ("sqlite::memory:", false), ("sqlite::memory:", true)]
        {
            let db = connect(url).await.unwrap();
            db.run("CREATE TABLE IF NOT EXISTS cars (name TEXT UNIQUE)").await.unwrap();
            let insert = "INSERT OR ROLLBACK INTO cars VALUES ('chevy')";
            db.run("DELETE FROM cars").await.unwrap();
            db.run(insert).await.unwrap();
            let tx = db.begin().await.unwrap();
            if nested {
                let savepoint = tx.begin().await.unwrap();
                savepoint.run(insert).await.unwrap_err();
                savepoint.rollback().await.unwrap_err();
            } else {
                tx.run(insert).await.unwrap_err();
            }
            tx.rollback().await.unwrap_err();
            for name in ["edsel", "ford"] {
                let tx = db.begin_write().await.unwrap();
                tx.run(&format!("INSERT INTO cars VALUES ('{name}')")).await.unwrap();
                if name == "edsel" {
                    tx.rollback().await.unwrap();
                } else {
                    tx.commit().await.unwrap();
                }
            }
            let rows = async |db: &Db| db.query("SELECT * FROM cars", Vec::new()).await.unwrap().len();
            assert_eq!(rows(&db).await, 2, "{url}");
            if url != "sqlite::memory:" {
                // Another connection sees the rows, so they are committed.
                assert_eq!(rows(&connect(url).await.unwrap()).await, 2);
            }
        }
    }

    #[tokio::test]
    async fn a_database_in_memory_has_one_connection_that_nothing_ends() {
        let named = ["sqlite:cars?mode=memory", "sqlite://cars?mode=memory&cache=private"];
        for url in ["sqlite::memory:", "sqlite://?mode=memory"].into_iter().chain(named) {
            let db = connect(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
            let options = db.sqlite().unwrap().options();
            assert_eq!(options.get_max_connections(), 1, "{url}");
            assert_eq!((options.get_idle_timeout(), options.get_max_lifetime()), (None, None), "{url}");
            db.run("CREATE TABLE cars (name TEXT)").await.unwrap();
            // A transaction that is dropped while it is open is rolled back, and the connection stays open.
            let tx = db.begin().await.unwrap();
            tx.run("INSERT INTO cars VALUES ('chevy')").await.unwrap();
            drop(tx);
            db.run("INSERT INTO cars VALUES ('edsel')").await.unwrap();
        }
    }
}

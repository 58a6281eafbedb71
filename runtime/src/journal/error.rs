//! Database errors as ours.

use crate::{Error, ErrorKind};
use sea_orm::{DbErr, SqlErr};

/// How a trigger's refusal of a name begins that was not staged.
pub(crate) const NOT_STAGED: &str =
    "filefield: no file was staged under this name, or it was swept; stage it and try again";

/// Maps a database error. Its text names tables and columns, never values of a connection.
pub(crate) fn database(error: DbErr) -> Error {
    if let Some(SqlErr::UniqueConstraintViolation(text)) = error.sql_err() {
        return Error::new(ErrorKind::UniqueViolation, format!("the row breaks a unique constraint: {text}"))
            .with_source(error);
    }
    if says_missing_table(&error) {
        let text = "a table is missing; run `filefield::db::migrate::<Model>(&db)` first";
        return Error::new(ErrorKind::Database, format!("{text}: {error}")).with_source(error);
    }
    if says_missing_column(&error) {
        let text = "a table lacks a column; `migrate` leaves a table that is there as it is, so add the column yourself";
        return Error::new(ErrorKind::Database, format!("{text}: {error}")).with_source(error);
    }
    if error.to_string().contains(NOT_STAGED) {
        let text = "no file was staged under the name, or it was swept or given to another row meanwhile";
        return Error::new(ErrorKind::StagedExpired, text).with_source(error).retryable();
    }
    // SQLITE_BUSY_SNAPSHOT.
    if code(&error).as_deref() == Some("517") {
        let text = "another connection has written since this transaction began to read, and it can write no more: \
                    roll it back, and begin anew, with `SqliteTransactionMode::Immediate`";
        return Error::new(ErrorKind::Database, format!("{text}: {error}")).with_source(error).retryable();
    }
    let waited = matches!(error, DbErr::ConnectionAcquire(_)) || says_locked(&error);
    let retry = waited || matches!(error, DbErr::Conn(_)) || gave_way(&error);
    let text = match waited {
        true => format!(
            "{error}; if a transaction of yours is open meanwhile, save in it, and stage before it begins"
        ),
        false => error.to_string(),
    };
    let made = Error::new(ErrorKind::Database, text).with_source(error);
    if retry { made.retryable() } else { made }
}

/// A lock that was not to be had, in the words of SQLite, of PostgreSQL's `lock_timeout` and MySQL's
/// `innodb_lock_wait_timeout`.
fn says_locked(error: &DbErr) -> bool {
    let text = error.to_string();
    ["database is locked", "due to lock timeout", "1205 (HY000)"].iter().any(|words| text.contains(words))
}

/// The error of a key that an instance cannot be told.
pub(super) fn unreadable_key() -> Error {
    Error::new(ErrorKind::Database, "the database made a key that is no whole number from zero on")
}

/// Whether an insert met a row with its key.
pub(super) fn is_duplicate(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// Whether an error of ours says that the database rolled the whole transaction back in favour of another one, so that
/// it may simply be run again.
pub(super) fn is_conflict(error: &Error) -> bool {
    cause(error).is_some_and(gave_way)
}

/// Serialisation failures and deadlocks of PostgreSQL and MySQL; a deadlock over the counter of a table is MySQL's error
/// 1467.
fn gave_way(error: &DbErr) -> bool {
    code(error).is_some_and(|code| {
        matches!(&*code, "40001" | "40P01") || (code == "HY000" && error.to_string().contains("1467 ("))
    })
}

/// What the database calls the error of a statement: an SQLSTATE, or a number of SQLite's.
#[cfg(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql"))]
fn code(error: &DbErr) -> Option<String> {
    use sea_orm::RuntimeErr;
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return None;
    };
    error.as_database_error()?.code().map(Into::into)
}

/// Without a driver there is nobody who would.
#[cfg(not(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql")))]
fn code(_: &DbErr) -> Option<String> {
    None
}

/// Whether an error of ours comes from a table that does not exist.
pub(crate) fn is_missing_table(error: &Error) -> bool {
    cause(error).is_some_and(says_missing_table)
}

/// Says of an error of a column that was noted what is to be done where it is not there.
pub(super) fn of_noted(error: Error, table: &str) -> Error {
    if !cause(&error).is_some_and(|cause| says_missing_table(cause) || says_missing_column(cause)) {
        return error;
    }
    error.not_at_once(&format!(
        "`filefield_columns` says that rows of `{table}` name files, which may be in this storage; if they are gone \
         for good, `filefield::db::forget_columns(&db, \"{table}\")` takes that out"
    ))
}

fn cause(error: &Error) -> Option<&DbErr> {
    std::error::Error::source(error).and_then(|source| source.downcast_ref::<DbErr>())
}

/// SQLite has words for it, PostgreSQL and MariaDB a code each.
fn says_missing_table(error: &DbErr) -> bool {
    matches!(code(error).as_deref(), Some("42P01" | "42S02")) || error.to_string().contains("no such table")
}

/// The same of a column.
fn says_missing_column(error: &DbErr) -> bool {
    let text = error.to_string();
    matches!(code(error).as_deref(), Some("42703" | "42S22"))
        || ["no such column", "has no column named"].iter().any(|words| text.contains(words))
}

//! Database errors as ours.

use crate::{Error, ErrorKind};
use sea_orm::{DbErr, SqlErr};

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
    let retry = matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_));
    let made = Error::new(ErrorKind::Database, error.to_string()).with_source(error);
    if retry { made.retryable() } else { made }
}

/// Whether an error of ours comes from a table that does not exist.
pub(crate) fn is_missing_table(error: &Error) -> bool {
    let source = std::error::Error::source(error);
    source.and_then(|source| source.downcast_ref::<DbErr>()).is_some_and(says_missing_table)
}

/// In the words of SQLite, PostgreSQL and MariaDB.
fn says_missing_table(error: &DbErr) -> bool {
    let text = error.to_string();
    text.contains("no such table")
        || text.contains("doesn't exist")
        || (text.contains("relation") && text.contains("does not exist"))
}

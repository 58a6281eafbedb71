//! Database errors as ours.

use crate::{Error, ErrorKind};
use sea_orm::{DbErr, SqlErr};
use std::error::Error as StdError;
use std::fmt;

/// How a trigger's refusal of a name begins that was not staged.
pub(crate) const NOT_STAGED: &str =
    "filefield: no file was staged under this name, or it was swept; stage it and try again";

/// An error of the database as others may see it, in `Display`, `Debug` and the chain of causes: with names of tables and
/// columns, and without values of rows.
struct Cause(DbErr);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&shown(&self.0), f)
    }
}

impl StdError for Cause {}

/// The error of the driver behind an error of filefield, for logs of your own. Its text may hold values of rows, so show
/// it to nobody else.
pub fn driver_error(error: &Error) -> Option<&DbErr> {
    let mut cause = StdError::source(error);
    while let Some(error) = cause {
        match error.downcast_ref::<Cause>() {
            Some(cause) => return Some(&cause.0),
            None => cause = error.source(),
        }
    }
    None
}

/// Maps a database error. Its text names tables and columns, never values of a row or of a connection.
pub(crate) fn database(error: DbErr) -> Error {
    let text = shown(&error);
    let made = |kind: ErrorKind, text: String, error: DbErr| Error::new(kind, text).with_source(Cause(error));
    if let Some(SqlErr::UniqueConstraintViolation(message)) = error.sql_err() {
        // MySQL's message has the values.
        let text = if number(&error).is_some() { text } else { message };
        return made(
            ErrorKind::UniqueViolation,
            format!("the row breaks a unique constraint: {text}"),
            error,
        );
    }
    if says_missing_table(&error) {
        let hint = "a table is missing; run `filefield::db::migrate::<Model>(&db)` first";
        return made(ErrorKind::Database, format!("{hint}: {text}"), error);
    }
    if says_missing_column(&error) {
        let hint = "a table lacks a column; `migrate` leaves a table that is there as it is, so add the column yourself";
        return made(ErrorKind::Database, format!("{hint}: {text}"), error);
    }
    if error.to_string().contains(NOT_STAGED) {
        let text = "no file was staged under the name, or it was swept or given to another row meanwhile";
        return made(ErrorKind::StagedExpired, text.to_owned(), error).retryable();
    }
    if is_full(&error) {
        return made(ErrorKind::StorageFull, text, error).retryable();
    }
    // SQLITE_BUSY_SNAPSHOT.
    if code(&error).as_deref() == Some("517") {
        let hint = "another connection has written since this transaction began to read, and it can write no more: \
                    roll it back, and begin anew, with `SqliteTransactionMode::Immediate`";
        return made(ErrorKind::Database, format!("{hint}: {text}"), error).retryable();
    }
    let waited = matches!(error, DbErr::ConnectionAcquire(_)) || says_locked(&error);
    let passes = matches!(error, DbErr::Conn(_)) || gave_way(&error) || is_lost(&error) || will_pass(&error);
    let text = match waited {
        true => {
            format!(
                "{text}; if a transaction of yours is open meanwhile, save in it, and stage before it begins"
            )
        }
        false => text,
    };
    let made = made(ErrorKind::Database, text, error);
    if waited || passes { made.retryable() } else { made }
}

/// The text of an error without values of rows.
fn shown(error: &DbErr) -> String {
    match error {
        DbErr::Type(text) => format!("Type Error: {}", without_quotes(text)),
        DbErr::Json(text) => format!("Json Error: {}", without_quotes(text)),
        DbErr::TryIntoErr { from, into, .. } => format!("a value of `{from}` does not fit `{into}`"),
        error => match of_statement(error) {
            Some(text) => text,
            None => error.to_string(),
        },
    }
}

/// `text` with what it quotes, from the first quotation mark to the last, left out.
fn without_quotes(text: &str) -> String {
    const MARKS: [char; 7] = ['"', '\'', '`', '\u{ab}', '\u{bb}', '\u{201c}', '\u{201e}'];
    match (text.find(MARKS), text.rfind(|letter| MARKS.contains(&letter) || letter == '\u{201d}')) {
        (Some(first), Some(last)) => {
            let behind = text[last..].chars().next().map_or(0, char::len_utf8);
            format!("{}..{}", &text[..first], &text[last + behind..])
        }
        _ => text.to_owned(),
    }
}

/// The text of a failed statement, where it may hold values of rows.
#[cfg(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql"))]
fn of_statement(error: &DbErr) -> Option<String> {
    use sea_orm::sqlx::Error as SqlxError;
    match sqlx_error(error)? {
        SqlxError::Database(_) => {}
        SqlxError::ColumnDecode { index, .. } => return Some(format!("column {index} cannot be read")),
        SqlxError::Decode(_) => return Some("a value cannot be read".to_owned()),
        SqlxError::Encode(_) => return Some("a value cannot be written".to_owned()),
        SqlxError::Protocol(_) => return Some("the answer of the database is not understood".to_owned()),
        _ => return None,
    }
    let (message, code) = (message(error)?, code(error)?);
    if let Some(number) = number(error) {
        let name = match number {
            // Names alone: unknown tables, columns and databases, missing values, sizes, foreign keys, checks, locks,
            // privileges, syntax.
            1021
            | 1040
            | 1041
            | 1044..=1049
            | 1051
            | 1053
            | 1054
            | 1064
            | 1114
            | 1142
            | 1143
            | 1146
            | 1205
            | 1213
            | 1264
            | 1290
            | 1364
            | 1406
            | 1451
            | 1452
            | 1467
            | 1792
            | 1836
            | 1927
            | 1969
            | 3024
            | 3819
            | 4025 => {
                return None;
            }
            // The server names the key or column at the end.
            _ => [" for key ", " for column "].iter().filter_map(|words| message.rfind(words)).max(),
        };
        let name = name.map_or("", |at| &message[at..]);
        return Some(format!("the database refused the statement, error {number} ({code}){name}"));
    }
    match (code.len(), code.get(..2)) {
        // SQLite quotes no values, and what a trigger says is a constant.
        (..5, _) => None,
        // PostgreSQL: of constraints, transactions, names, resources and operators only the detail has values.
        (5, Some("08" | "23" | "25" | "28" | "3D" | "40" | "42" | "53" | "54" | "55" | "57" | "58")) => None,
        (5, Some("22")) => {
            Some(format!("the database refused a value ({code}): {}", without_quotes(message)))
        }
        _ => Some(format!("the database, or a trigger in it, refused the statement ({code})")),
    }
}

#[cfg(not(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql")))]
fn of_statement(_: &DbErr) -> Option<String> {
    None
}

/// A lock that was not to be had, in the words of SQLite, of PostgreSQL's `lock_timeout` and MySQL's
/// `innodb_lock_wait_timeout`.
fn says_locked(error: &DbErr) -> bool {
    let text = error.to_string();
    number(error) == Some(1205)
        || ["database is locked", "database table is locked"].iter().any(|words| text.contains(words))
        || code(error).as_deref() == Some("55P03")
}

/// Whether the database has no room for more.
fn is_full(error: &DbErr) -> bool {
    if let Some(number) = number(error) {
        // 28 and 122 are what the system of a MySQL server says of a full disk and a full quota.
        let says = |words: &str| message(error).is_some_and(|message| message.contains(words));
        return matches!(number, 1021 | 1114) || says("rrcode: 28 ") || says("rrcode: 122 ");
    }
    match code(error).as_deref() {
        Some("53100") => true,
        Some(code) if code.len() < 5 => code.parse::<u32>().is_ok_and(|code| code & 0xff == 13),
        _ => false,
    }
}

/// Whether the connection went away under a statement. What the statement did outside of a transaction may have happened;
/// inside of one it has not.
#[cfg(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql"))]
fn is_lost(error: &DbErr) -> bool {
    use sea_orm::sqlx::Error as SqlxError;
    matches!(
        sqlx_error(error),
        Some(
            SqlxError::Io(_)
                | SqlxError::Tls(_)
                | SqlxError::WorkerCrashed
                | SqlxError::PoolTimedOut
                | SqlxError::BeginFailed
        )
    )
}

#[cfg(not(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql")))]
fn is_lost(_: &DbErr) -> bool {
    false
}

/// Whether the server says that it ends, starts, has too much to do, or has stopped the statement or its connection.
fn will_pass(error: &DbErr) -> bool {
    if let Some(number) = number(error) {
        return matches!(
            number,
            // MariaDB and MySQL: connections, memory, shutdown, the network, killed, time limits, a changed record.
            1020 | 1037..=1042 | 1047 | 1053 | 1077 | 1079 | 1080 | 1152 | 1158..=1161 | 1184 | 1203 | 1226 | 1317
                | 1927 | 1969 | 2006 | 2013 | 3024 | 3572 | 4031
        );
    }
    let Some(code) = code(error) else { return false };
    // SQLite: busy, locked, out of memory, interrupted, or another one has changed the schema.
    let is_sqlite = |code: u32| matches!(code & 0xff, 5 | 6 | 7 | 9 | 17);
    match (code.len(), code.get(..2)) {
        (..5, _) => code.parse().is_ok_and(is_sqlite),
        // PostgreSQL: connection, insufficient resources, intervention of an operator, rolled back.
        (_, Some("08" | "53" | "57" | "40")) => true,
        _ => matches!(&*code, "25P03" | "25P04" | "55P03" | "55006"),
    }
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
    code(error).is_some_and(|code| matches!(&*code, "40001" | "40P01")) || number(error) == Some(1467)
}

/// What the driver says of a statement.
#[cfg(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql"))]
fn sqlx_error(error: &DbErr) -> Option<&sea_orm::sqlx::Error> {
    use sea_orm::RuntimeErr;
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

/// What the database calls the error of a statement: an SQLSTATE, or a number of SQLite's.
#[cfg(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql"))]
fn code(error: &DbErr) -> Option<String> {
    sqlx_error(error)?.as_database_error()?.code().map(Into::into)
}

/// What the database says of it.
#[cfg(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql"))]
fn message(error: &DbErr) -> Option<&str> {
    Some(sqlx_error(error)?.as_database_error()?.message())
}

/// The number of MariaDB's and MySQL's errors.
#[cfg(feature = "db-mysql")]
fn number(error: &DbErr) -> Option<u16> {
    let error = sqlx_error(error)?.as_database_error()?;
    Some(error.try_downcast_ref::<sea_orm::SqlxMySqlError>()?.number())
}

#[cfg(not(feature = "db-mysql"))]
fn number(_: &DbErr) -> Option<u16> {
    None
}

/// Without a driver there is nobody who would.
#[cfg(not(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql")))]
fn code(_: &DbErr) -> Option<String> {
    None
}

#[cfg(not(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql")))]
fn message(_: &DbErr) -> Option<&str> {
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
    driver_error(error)
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

#[cfg(test)]
mod tests {
    use super::without_quotes;

    #[test]
    fn what_is_quoted_is_left_out_whatever_is_in_it() {
        for (text, shown) in [
            ("invalid input syntax for type integer: \"a\"b\"", "invalid input syntax for type integer: .."),
            ("value \"99\" is out of range", "value .. is out of range"),
            ("Wert »99« ist falsch", "Wert .. ist falsch"),
            ("it has one \" only", "it has one .. only"),
            ("value too long for type character varying(5)", "value too long for type character varying(5)"),
        ] {
            assert_eq!(without_quotes(text), shown);
        }
    }
}

//! What an error of sqlx means, and what may be shown of it.

use crate::Error;
use crate::journal::{DbError, DbErrorKind, NOT_STAGED};
use sqlx::Error as SqlxError;
use sqlx::error::ErrorKind as Constraint;

/// Returns the error of sqlx behind an error of filefield, for your own logs. Its text may contain values of rows: do not
/// show it to visitors.
pub fn driver_error(error: &Error) -> Option<&sqlx::Error> {
    DbError::of(error)?.driver()
}

/// Maps a database error. Its text names tables and columns, never values of a row or of a connection.
pub(crate) fn database(error: SqlxError) -> Error {
    let kind = kind(&error);
    let text = match message(&error) {
        // The message of MySQL has the values.
        Some(message) if kind == DbErrorKind::Unique && number(&error).is_none() => message.to_owned(),
        _ => of_statement(&error).unwrap_or_else(|| error.to_string()),
    };
    DbError::new(kind, text, error).into()
}

/// Whether a constraint of the table refused the statement or the commit.
pub(crate) fn is_constraint(error: &SqlxError) -> bool {
    error.as_database_error().is_some_and(|error| !matches!(error.kind(), Constraint::Other))
}

fn kind(error: &SqlxError) -> DbErrorKind {
    let constraint = error.as_database_error().map(sqlx::error::DatabaseError::kind);
    if matches!(constraint, Some(Constraint::UniqueViolation)) {
        DbErrorKind::Unique
    } else if says_missing_table(error) {
        DbErrorKind::MissingTable
    } else if says_missing_column(error) {
        DbErrorKind::MissingColumn
    } else if error.to_string().contains(NOT_STAGED) {
        DbErrorKind::NotStaged
    } else if is_full(error) {
        DbErrorKind::Full
    } else if code(error).as_deref() == Some(SQLITE_BUSY_SNAPSHOT) {
        DbErrorKind::Stale
    } else if matches!(error, SqlxError::PoolTimedOut | SqlxError::PoolClosed) || says_locked(error) {
        DbErrorKind::Locked
    } else if gave_way(error) {
        DbErrorKind::Conflict
    } else if is_lost(error) || will_pass(error) {
        DbErrorKind::Passing
    } else if matches!(constraint, Some(Constraint::ForeignKeyViolation)) {
        DbErrorKind::Constraint
    } else {
        DbErrorKind::Other
    }
}

const SQLITE_BUSY_SNAPSHOT: &str = "517";

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
fn of_statement(error: &SqlxError) -> Option<String> {
    match error {
        SqlxError::Database(_) => {}
        SqlxError::ColumnDecode { index, .. } => return Some(format!("column {index} cannot be read")),
        SqlxError::Decode(_) => return Some("a value cannot be read".to_owned()),
        SqlxError::Encode(_) => return Some("a value cannot be written".to_owned()),
        SqlxError::Protocol(_) => return Some("the answer of the database is not understood".to_owned()),
        _ => return None,
    }
    let (message, code) = (message(error)?, code(error)?);
    // filefield's triggers name a table and a column.
    if message.starts_with("filefield: ") {
        return None;
    }
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

/// A lock that was not to be had, in the words of SQLite, of PostgreSQL's `lock_timeout` and MySQL's
/// `innodb_lock_wait_timeout`.
fn says_locked(error: &SqlxError) -> bool {
    let text = error.to_string();
    number(error) == Some(1205)
        || ["database is locked", "database table is locked"].iter().any(|words| text.contains(words))
        || code(error).as_deref() == Some("55P03")
}

/// Whether the database has no room for more.
fn is_full(error: &SqlxError) -> bool {
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
fn is_lost(error: &SqlxError) -> bool {
    matches!(error, SqlxError::Io(_) | SqlxError::Tls(_) | SqlxError::WorkerCrashed | SqlxError::BeginFailed)
}

/// Whether the server says that it ends, starts, has too much to do, or has stopped the statement or its connection.
fn will_pass(error: &SqlxError) -> bool {
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

/// Serialisation failures and deadlocks of PostgreSQL and MySQL; a deadlock over the counter of a table is MySQL's error
/// 1467.
fn gave_way(error: &SqlxError) -> bool {
    code(error).is_some_and(|code| matches!(&*code, "40001" | "40P01")) || number(error) == Some(1467)
}

/// What the database calls the error of a statement: an SQLSTATE, or a number of SQLite's.
fn code(error: &SqlxError) -> Option<String> {
    error.as_database_error()?.code().map(Into::into)
}

/// What the database says of it.
fn message(error: &SqlxError) -> Option<&str> {
    Some(error.as_database_error()?.message())
}

/// The number of MariaDB's and MySQL's errors.
#[cfg(feature = "db-mysql")]
fn number(error: &SqlxError) -> Option<u16> {
    let error = error.as_database_error()?;
    Some(error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()?.number())
}

#[cfg(not(feature = "db-mysql"))]
fn number(_: &SqlxError) -> Option<u16> {
    None
}

/// SQLite has words for it, PostgreSQL and MariaDB a code each.
fn says_missing_table(error: &SqlxError) -> bool {
    matches!(code(error).as_deref(), Some("42P01" | "42S02")) || error.to_string().contains("no such table")
}

/// The same of a column.
fn says_missing_column(error: &SqlxError) -> bool {
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

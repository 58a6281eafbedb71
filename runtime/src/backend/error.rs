//! Classifies the errors of sqlx, and removes values of rows from their texts.

use crate::Error;
use crate::journal::{DbError, DbErrorKind, NOT_STAGED};
use sqlx::Error as SqlxError;
use sqlx::error::ErrorKind as Constraint;

/// Returns the error of sqlx that caused an error of filefield, for your own logs. Its text may contain values of rows, so
/// do not show it to visitors.
pub fn driver_error(error: &Error) -> Option<&sqlx::Error> {
    DbError::of(error)?.driver()
}

/// Maps a database error. Its text names tables and columns, never values of a row or of a connection.
pub(crate) fn database(error: SqlxError) -> Error {
    let kind = kind(&error);
    let text = match message(&error) {
        // MySQL's message contains the values.
        Some(message) if kind == DbErrorKind::Unique && number(&error).is_none() => message.to_owned(),
        _ => of_statement(&error).unwrap_or_else(|| error.to_string()),
    };
    DbError::new(kind, text, error).into()
}

/// Returns whether a constraint of the table refused the statement or the commit.
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

/// Returns `text` without everything from the first quotation mark to the last.
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

/// Returns a safe text for an error whose own text may contain values of rows.
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
    // Errors of filefield's triggers contain only the names of a table and a column.
    if message.starts_with("filefield: ") {
        return None;
    }
    if let Some(number) = number(error) {
        let name = match number {
            // These texts contain names only: unknown tables, columns and databases, missing values, sizes, foreign keys,
            // checks, locks, privileges, syntax.
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
            // The text ends with the name of the key or column.
            _ => [" for key ", " for column "].iter().filter_map(|words| message.rfind(words)).max(),
        };
        let name = name.map_or("", |at| &message[at..]);
        return Some(format!("the database refused the statement, error {number} ({code}){name}"));
    }
    match (code.len(), code.get(..2)) {
        // SQLite's texts contain no values, and those of triggers are constants.
        (..5, _) => None,
        // PostgreSQL: for constraints, transactions, names, resources and operators, only the detail contains values.
        (5, Some("08" | "23" | "25" | "28" | "3D" | "40" | "42" | "53" | "54" | "55" | "57" | "58")) => None,
        (5, Some("22")) => {
            Some(format!("the database refused a value ({code}): {}", without_quotes(message)))
        }
        _ => Some(format!("the database, or a trigger in it, refused the statement ({code})")),
    }
}

/// Returns whether a lock could not be acquired. The texts are those of SQLite, of PostgreSQL's `lock_timeout` and of
/// MySQL's `innodb_lock_wait_timeout`.
fn says_locked(error: &SqlxError) -> bool {
    let text = error.to_string();
    number(error) == Some(1205)
        || ["database is locked", "database table is locked"].iter().any(|words| text.contains(words))
        || code(error).as_deref() == Some("55P03")
}

/// Returns whether the database is full.
fn is_full(error: &SqlxError) -> bool {
    if let Some(number) = number(error) {
        // 28 and 122 are the codes of the operating system of a MySQL server for a full disk and an exceeded quota.
        let says = |words: &str| message(error).is_some_and(|message| message.contains(words));
        return matches!(number, 1021 | 1114) || says("rrcode: 28 ") || says("rrcode: 122 ");
    }
    match code(error).as_deref() {
        Some("53100") => true,
        Some(code) if code.len() < 5 => code.parse::<u32>().is_ok_and(|code| code & 0xff == 13),
        _ => false,
    }
}

/// Returns whether the connection was lost during a statement. Outside a transaction the statement may have taken effect.
/// Inside a transaction it has not.
fn is_lost(error: &SqlxError) -> bool {
    matches!(error, SqlxError::Io(_) | SqlxError::Tls(_) | SqlxError::WorkerCrashed | SqlxError::BeginFailed)
}

/// Returns whether the error is temporary: the server is starting, shutting down or overloaded, or it has stopped the
/// statement or its connection.
fn will_pass(error: &SqlxError) -> bool {
    if let Some(number) = number(error) {
        return matches!(
            number,
            // MariaDB and MySQL: connections, memory, shutdown, network, killed, timeouts, a changed record.
            1020 | 1037..=1042 | 1047 | 1053 | 1077 | 1079 | 1080 | 1152 | 1158..=1161 | 1184 | 1203 | 1226 | 1317
                | 1927 | 1969 | 2006 | 2013 | 3024 | 3572 | 4031
        );
    }
    let Some(code) = code(error) else { return false };
    // SQLite: busy, locked, out of memory, interrupted, or the schema was changed by another connection.
    let is_sqlite = |code: u32| matches!(code & 0xff, 5 | 6 | 7 | 9 | 17);
    match (code.len(), code.get(..2)) {
        (..5, _) => code.parse().is_ok_and(is_sqlite),
        // PostgreSQL: connection, insufficient resources, operator intervention, transaction rollback.
        (_, Some("08" | "53" | "57" | "40")) => true,
        _ => matches!(&*code, "25P03" | "25P04" | "55P03" | "55006"),
    }
}

/// Returns whether the error is a serialization failure or a deadlock of PostgreSQL or MySQL. MySQL reports a deadlock
/// over the auto-increment counter of a table as error 1467.
fn gave_way(error: &SqlxError) -> bool {
    code(error).is_some_and(|code| matches!(&*code, "40001" | "40P01")) || number(error) == Some(1467)
}

/// Returns the code of the error: an SQLSTATE, or a result code of SQLite.
fn code(error: &SqlxError) -> Option<String> {
    error.as_database_error()?.code().map(Into::into)
}

/// Returns the database's own message.
fn message(error: &SqlxError) -> Option<&str> {
    Some(error.as_database_error()?.message())
}

/// Returns the error number, on MariaDB and MySQL.
#[cfg(feature = "db-mysql")]
fn number(error: &SqlxError) -> Option<u16> {
    let error = error.as_database_error()?;
    Some(error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()?.number())
}

#[cfg(not(feature = "db-mysql"))]
fn number(_: &SqlxError) -> Option<u16> {
    None
}

/// Returns whether a table is missing. PostgreSQL and MariaDB have a code for it, SQLite only a text.
fn says_missing_table(error: &SqlxError) -> bool {
    matches!(code(error).as_deref(), Some("42P01" | "42S02")) || error.to_string().contains("no such table")
}

/// Returns whether a column is missing.
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

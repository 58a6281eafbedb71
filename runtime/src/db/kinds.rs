//! What the kinds of databases make of a column: its SQL type, and the values that it cannot keep.

use super::{AnyColumn, Table};
use crate::backend::decimal_of;
use crate::journal::Dialect;
use crate::{Error, ErrorKind, Result};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use sea_query::{Alias, ColumnType, IntoIden, StringLen, Value};

/// Characters of a text column that MariaDB must index: its indexes take 3072 bytes, four of them a character.
pub(super) const INDEXED: u32 = 768;

/// Options of a table on MariaDB and MySQL: transactions, all of Unicode, and text compared bytewise, as the other
/// databases do (requirement 89). Trailing blanks count too; each of the two has another name for that.
pub(super) const MARIADB_TABLE: &str = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 \
    COLLATE=/*M! utf8mb4_nopad_bin *//*!80017 utf8mb4_0900_bin */";

/// The SQL type of `column`, without loss: everything that fits into the Rust type comes back as it was, but for
/// fractions of a microsecond.
pub(super) fn sql_type<M: Table>(dialect: Dialect, column: &dyn AnyColumn<M>) -> ColumnType {
    let indexed = column.is_key() || column.spec().unique;
    let general = column_type(column);
    match (dialect, general) {
        // The database counts up only what has a sign.
        (Dialect::Postgres, ColumnType::Unsigned | ColumnType::BigUnsigned) => ColumnType::BigInteger,
        // `json` cannot be compared.
        (Dialect::Postgres, ColumnType::Json) => ColumnType::JsonBinary,
        // `decimal` alone is for integers of ten digits, and rounds in silence. A `Decimal` has 29 digits before the
        // point or 28 behind it.
        (Dialect::MySql, ColumnType::Decimal(None)) => ColumnType::Decimal(Some((57, 28))),
        // `timestamp` and `datetime` alone are whole seconds, the former until 2038.
        (
            Dialect::MySql,
            ColumnType::DateTime | ColumnType::Timestamp | ColumnType::TimestampWithTimeZone,
        ) => custom("datetime(6)"),
        (Dialect::MySql, ColumnType::Time) => custom("time(6)"),
        // 255 where nothing is said, which an index needs.
        (Dialect::MySql, ColumnType::String(StringLen::None)) if !indexed => custom("longtext"),
        (Dialect::MySql, ColumnType::VarBinary(StringLen::None)) if !indexed => custom("longblob"),
        (_, general) => general,
    }
}

/// The general SQL type of a column; for a file, text of the field's `max_length`.
fn column_type<M: Table>(column: &dyn AnyColumn<M>) -> ColumnType {
    match column.spec().file {
        Some(index) => ColumnType::String(StringLen::N(M::FIELDS.at(index).def().spec().max_length)),
        None => column.column_type(),
    }
}

fn custom(name: &'static str) -> ColumnType {
    ColumnType::Custom(Alias::new(name).into_iden())
}

/// Refuses a value that the database would change without a word: what comes back is what was saved, or saving fails.
///
/// # Errors
/// [`Database`](ErrorKind::Database).
pub(super) fn check<M>(dialect: Dialect, column: &dyn AnyColumn<M>, value: &Value) -> Result<()> {
    let name = name_of(dialect);
    let problem = match value {
        // As `parameter` gives an integer over 64 bits with a sign.
        Value::Decimal(Some(number)) if matches!(column.column_type(), ColumnType::BigUnsigned) => {
            (dialect != Dialect::MySql).then(|| format!("`{number}` has more digits than {name} keeps"))
        }
        // SQLite is given decimals as text, and keeps them as binary floating point.
        Value::Decimal(Some(decimal)) if dialect == Dialect::Sqlite => {
            let kept = decimal.to_string().parse().ok().and_then(decimal_of);
            (kept != Some(*decimal)).then(|| format!("`{decimal}` has more digits than {name} keeps"))
        }
        Value::Float(Some(float)) => not_a_number(dialect, f64::from(*float), name),
        Value::Double(Some(float)) => not_a_number(dialect, *float, name),
        value => out_of_time(dialect, value),
    };
    match problem {
        Some(problem) => {
            let text = format!("column `{}`: {problem}", column.spec().name);
            Err(Error::new(ErrorKind::Database, text))
        }
        None => Ok(()),
    }
}

/// SQLite makes `NULL` of what is not a number; MariaDB has neither that nor infinity.
fn not_a_number(dialect: Dialect, float: f64, name: &str) -> Option<String> {
    let refused = match dialect {
        Dialect::Sqlite => float.is_nan(),
        Dialect::MySql => !float.is_finite(),
        _ => false,
    };
    refused.then(|| format!("{name} does not keep `{float}`"))
}

fn name_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "SQLite",
        Dialect::Postgres => "PostgreSQL",
        _ => "MariaDB",
    }
}

/// What is wrong with a date or time. MariaDB makes `0000-00-00` of a year that it does not have, and of a leap second
/// zero; PostgreSQL makes the next second of that. Years that MariaDB's protocol has no room for never reach the
/// server: its driver waits for the answer for ever, also where one is only compared with.
pub(super) fn out_of_time(dialect: Dialect, value: &Value) -> Option<String> {
    let moment = moment(value)?;
    let years = NaiveDate::from_ymd_opt(0, 1, 1)?..=NaiveDate::from_ymd_opt(9999, 12, 31)?;
    let name = name_of(dialect);
    if dialect == Dialect::MySql && !years.contains(&moment.date()) {
        return Some(format!("{name} has no day `{}`, only the years 0 to 9999", moment.date()));
    }
    let leaps = moment.and_utc().timestamp_subsec_nanos() >= 1_000_000_000;
    (leaps && dialect != Dialect::Sqlite)
        .then(|| format!("{name} has no leap seconds, as in `{}`", moment.time()))
}

/// The date and time of a value as they are sent to MariaDB.
fn moment(value: &Value) -> Option<NaiveDateTime> {
    match value {
        Value::ChronoDate(date) => Some((*date)?.and_time(NaiveTime::MIN)),
        Value::ChronoTime(time) => Some(NaiveDate::default().and_time((*time)?)),
        Value::ChronoDateTime(moment) => *moment,
        Value::ChronoDateTimeUtc(moment) => Some((*moment)?.naive_utc()),
        Value::ChronoDateTimeLocal(moment) => Some((*moment)?.naive_utc()),
        Value::ChronoDateTimeWithTimeZone(moment) => Some((*moment)?.naive_utc()),
        _ => None,
    }
}

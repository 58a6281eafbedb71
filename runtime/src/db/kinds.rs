//! Differences between the databases: the SQL type of a column, and the values that it cannot store.

use super::{AnyColumn, Table};
use crate::backend::decimal_of;
use crate::journal::Dialect;
use crate::{Error, ErrorKind, Result};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use sea_query::{Alias, ColumnType, IntoIden, StringLen, Value};

/// The most characters of a text column that MariaDB can index: an index holds 3072 bytes, and a character needs four.
pub(super) const INDEXED: u32 = 768;

/// The options of a table on MariaDB and MySQL: transactions, all of Unicode, and text compared bytewise, as in the other
/// databases. Trailing blanks are significant. MariaDB and MySQL have different names for that collation.
pub(super) const MARIADB_TABLE: &str = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 \
    COLLATE=/*M! utf8mb4_nopad_bin *//*!80017 utf8mb4_0900_bin */";

/// Returns the SQL type of `column`. It is lossless: every value of the Rust type is read back unchanged, except for
/// fractions of a microsecond.
pub(super) fn sql_type<M: Table>(dialect: Dialect, column: &dyn AnyColumn<M>) -> ColumnType {
    let indexed = column.is_key() || column.spec().unique;
    let general = column_type(column);
    match (dialect, general) {
        // PostgreSQL has no unsigned integers.
        (Dialect::Postgres, ColumnType::Unsigned | ColumnType::BigUnsigned) => ColumnType::BigInteger,
        // PostgreSQL cannot compare values of type `json`.
        (Dialect::Postgres, ColumnType::Json) => ColumnType::JsonBinary,
        // Plain `decimal` holds integers of ten digits and rounds without an error. A `Decimal` has up to 29 digits before
        // the point, or 28 after it.
        (Dialect::MySql, ColumnType::Decimal(None)) => ColumnType::Decimal(Some((57, 28))),
        // Plain `timestamp` and `datetime` hold whole seconds, and `timestamp` ends in 2038.
        (
            Dialect::MySql,
            ColumnType::DateTime | ColumnType::Timestamp | ColumnType::TimestampWithTimeZone,
        ) => custom("datetime(6)"),
        (Dialect::MySql, ColumnType::Time) => custom("time(6)"),
        // Without a length, the column would hold 255 characters. Only an index needs that limit.
        (Dialect::MySql, ColumnType::String(StringLen::None)) if !indexed => custom("longtext"),
        (Dialect::MySql, ColumnType::VarBinary(StringLen::None)) if !indexed => custom("longblob"),
        (_, general) => general,
    }
}

/// Returns the general SQL type of a column. For a file, it is text of the field's `max_length`.
fn column_type<M: Table>(column: &dyn AnyColumn<M>) -> ColumnType {
    match column.spec().file {
        Some(index) => ColumnType::String(StringLen::N(M::FIELDS.at(index).def().spec().max_length)),
        None => column.column_type(),
    }
}

fn custom(name: &'static str) -> ColumnType {
    ColumnType::Custom(Alias::new(name).into_iden())
}

/// Refuses a value that the database would change without an error, so that a saved value is read back unchanged.
///
/// # Errors
/// Returns [`Database`](ErrorKind::Database) if the database cannot store the value.
pub(super) fn check<M>(dialect: Dialect, column: &dyn AnyColumn<M>, value: &Value) -> Result<()> {
    let name = name_of(dialect);
    let problem = match value {
        // `parameter` converts integers above `i64::MAX` to decimals.
        Value::Decimal(Some(number)) if matches!(column.column_type(), ColumnType::BigUnsigned) => {
            (dialect != Dialect::MySql).then(|| format!("`{number}` has more digits than {name} keeps"))
        }
        // Decimals are sent to SQLite as text, and SQLite stores them as binary floating point.
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

/// Returns the problem with a float. SQLite stores NaN as `NULL`. MariaDB has neither NaN nor infinity.
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

/// Returns the problem with a date or time. MariaDB stores `0000-00-00` for a year outside its range, and zero for a leap
/// second. PostgreSQL stores the next second for a leap second. A year that MariaDB's protocol cannot hold never reaches
/// the server: the driver waits forever for an answer, even if a column is only compared with the date.
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

/// Returns the date and time of a value as they are sent to MariaDB.
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

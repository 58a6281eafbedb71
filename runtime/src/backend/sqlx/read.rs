//! Reads values from rows.

use crate::backend::error::database;
use crate::{Error, ErrorKind};
use chrono::{DateTime, FixedOffset, Local, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use sea_query::{Value, ValueType};
#[cfg(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql"))]
use sqlx::Row;
use std::fmt;
use uuid::Uuid;

/// A row of a result.
pub struct DbRow(Rows);

enum Rows {
    #[cfg(feature = "db-sqlite")]
    Sqlite(sqlx::sqlite::SqliteRow),
    #[cfg(feature = "db-postgres")]
    Postgres(sqlx::postgres::PgRow),
    #[cfg(feature = "db-mysql")]
    MySql(sqlx::mysql::MySqlRow),
    /// A row of a driver that does not belong to sqlx.
    Values(Vec<(String, Value)>),
}

#[cfg(feature = "db-sqlite")]
impl From<sqlx::sqlite::SqliteRow> for DbRow {
    fn from(row: sqlx::sqlite::SqliteRow) -> Self {
        DbRow(Rows::Sqlite(row))
    }
}

#[cfg(feature = "db-postgres")]
impl From<sqlx::postgres::PgRow> for DbRow {
    fn from(row: sqlx::postgres::PgRow) -> Self {
        DbRow(Rows::Postgres(row))
    }
}

#[cfg(feature = "db-mysql")]
impl From<sqlx::mysql::MySqlRow> for DbRow {
    fn from(row: sqlx::mysql::MySqlRow) -> Self {
        DbRow(Rows::MySql(row))
    }
}

impl From<Vec<(String, Value)>> for DbRow {
    fn from(values: Vec<(String, Value)>) -> Self {
        DbRow(Rows::Values(values))
    }
}

impl fmt::Debug for DbRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DbRow").finish_non_exhaustive()
    }
}

/// Returns a value of a row that is not a row of sqlx. Its integers have 64 bits.
fn value<T: ValueType>(values: &[(String, Value)], column: &str) -> Result<Option<T>, ReadError> {
    let found = values.iter().find(|(name, _)| name == column);
    let (_, value) =
        found.ok_or_else(|| ReadError::Driver(sqlx::Error::ColumnNotFound(column.to_owned())))?;
    if *value == value.as_null() {
        return Ok(None);
    }
    T::try_from(value.clone())
        .map(Some)
        .map_err(|_| ReadError::Other("the value has another type".to_owned()))
}

/// A type that is read from a column.
pub trait Read: Sized {
    /// Reads the value. Returns `None` for `NULL`.
    ///
    /// # Errors
    /// Returns a [`ReadError`] if the column is missing or of another type.
    fn read_or_null(row: &DbRow, column: &str) -> Result<Option<Self>, ReadError>;

    /// Reads the value.
    ///
    /// # Errors
    /// Returns [`ReadError::Null`] for `NULL`, and the errors of [`read_or_null`](Self::read_or_null).
    fn read(row: &DbRow, column: &str) -> Result<Self, ReadError> {
        Self::read_or_null(row, column)?.ok_or(ReadError::Null)
    }
}

/// Why a value cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The value is `NULL`.
    Null,
    /// The driver cannot read the value.
    Driver(sqlx::Error),
    /// The value does not fit the type. The text is the reason, and does not contain the value.
    Other(String),
}

impl From<sqlx::Error> for ReadError {
    fn from(error: sqlx::Error) -> Self {
        ReadError::Driver(error)
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Null => Error::new(ErrorKind::Database, "NULL, and the field is not an `Option`"),
            ReadError::Driver(error) => database(error),
            ReadError::Other(text) => Error::new(ErrorKind::Database, text),
        }
    }
}

impl<T: Read> Read for Option<T> {
    fn read_or_null(row: &DbRow, column: &str) -> Result<Option<Self>, ReadError> {
        T::read_or_null(row, column).map(Some)
    }
}

impl DbRow {
    /// Returns the value of a column.
    ///
    /// # Errors
    /// Returns [`Database`](ErrorKind::Database) if the column is missing, `NULL` or of another type.
    pub fn get<T: Read>(&self, column: &str) -> crate::Result<T> {
        Ok(T::read(self, column)?)
    }

    /// Returns the value of the only column.
    ///
    /// # Errors
    /// Returns the same errors as [`get`](Self::get), and [`Database`](ErrorKind::Database) if the row has another number
    /// of columns.
    pub fn only<T: Read>(&self) -> crate::Result<T> {
        let name = match &self.0 {
            #[cfg(feature = "db-sqlite")]
            Rows::Sqlite(row) => only_name(row),
            #[cfg(feature = "db-postgres")]
            Rows::Postgres(row) => only_name(row),
            #[cfg(feature = "db-mysql")]
            Rows::MySql(row) => only_name(row),
            Rows::Values(values) => match &values[..] {
                [(name, _)] => Some(name.as_str()),
                _ => None,
            },
        };
        self.get(name.ok_or_else(|| Error::new(ErrorKind::Database, "the row does not have one column"))?)
    }
}

#[cfg(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql"))]
fn only_name<R: Row>(row: &R) -> Option<&str> {
    match row.columns() {
        [column] => Some(sqlx::Column::name(column)),
        _ => None,
    }
}

/// Implements `Read` for types that all three drivers read.
macro_rules! everywhere {
    ($($type:ty),*) => {$(
        impl Read for $type {
            fn read_or_null(row: &DbRow, column: &str) -> Result<Option<Self>, ReadError> {
                match &row.0 {
                    #[cfg(feature = "db-sqlite")]
                    Rows::Sqlite(row) => Ok(row.try_get(column)?),
                    #[cfg(feature = "db-postgres")]
                    Rows::Postgres(row) => Ok(row.try_get(column)?),
                    #[cfg(feature = "db-mysql")]
                    Rows::MySql(row) => Ok(row.try_get(column)?),
                    Rows::Values(values) => value(values, column),
                }
            }
        }
    )*};
}
everywhere!(
    bool,
    f32,
    f64,
    Vec<u8>,
    NaiveDate,
    NaiveTime,
    NaiveDateTime,
    DateTime<Utc>,
    DateTime<Local>,
    Uuid,
    serde_json::Value
);

impl Read for String {
    fn read_or_null(row: &DbRow, column: &str) -> Result<Option<Self>, ReadError> {
        match &row.0 {
            #[cfg(feature = "db-sqlite")]
            Rows::Sqlite(row) => Ok(row.try_get(column)?),
            #[cfg(feature = "db-postgres")]
            Rows::Postgres(row) => Ok(row.try_get(column)?),
            // Text in a binary column is text too: the journal keeps names there, which are compared bytewise.
            #[cfg(feature = "db-mysql")]
            Rows::MySql(row) => {
                let bytes: Option<Vec<u8>> = row.try_get(column)?;
                let text = bytes.map(String::from_utf8).transpose();
                text.map_err(|_| ReadError::Other("the text is not UTF-8".to_owned()))
            }
            Rows::Values(values) => value(values, column),
        }
    }
}

/// Implements `Read` for integers. The column can have any width and sign.
macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Read for $type {
            fn read_or_null(row: &DbRow, column: &str) -> Result<Option<Self>, ReadError> {
                let Some(number) = integer(row, column)? else { return Ok(None) };
                match <$type as TryFrom<i128>>::try_from(number) {
                    Ok(number) => Ok(Some(number)),
                    Err(_) => Err(ReadError::Other(concat!("the number does not fit `", stringify!($type), "`").to_owned())),
                }
            }
        }
    )*};
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

fn integer(row: &DbRow, column: &str) -> Result<Option<i128>, ReadError> {
    match &row.0 {
        #[cfg(feature = "db-sqlite")]
        Rows::Sqlite(row) => Ok(row.try_get::<Option<i64>, _>(column)?.map(i128::from)),
        #[cfg(feature = "db-postgres")]
        Rows::Postgres(row) => match row.try_get::<Option<i64>, _>(column) {
            Ok(number) => Ok(number.map(i128::from)),
            Err(error) => {
                let middle = row.try_get::<Option<i32>, _>(column).map(|number| number.map(i128::from));
                let small = || row.try_get::<Option<i16>, _>(column).map(|number| number.map(i128::from));
                middle.or_else(|_| small()).map_err(|_| error.into())
            }
        },
        #[cfg(feature = "db-mysql")]
        Rows::MySql(row) => match row.try_get::<Option<i64>, _>(column) {
            Ok(number) => Ok(number.map(i128::from)),
            Err(error) => {
                let unsigned = row.try_get::<Option<u64>, _>(column).map(|number| number.map(i128::from));
                unsigned.map_err(|_| error.into())
            }
        },
        Rows::Values(values) => Ok(value::<i64>(values, column)?.map(i128::from)),
    }
}

impl Read for DateTime<FixedOffset> {
    fn read_or_null(row: &DbRow, column: &str) -> Result<Option<Self>, ReadError> {
        match &row.0 {
            #[cfg(feature = "db-sqlite")]
            Rows::Sqlite(row) => Ok(row.try_get(column)?),
            #[cfg(feature = "db-postgres")]
            Rows::Postgres(row) => Ok(row.try_get(column)?),
            #[cfg(feature = "db-mysql")]
            Rows::MySql(row) => Ok(row.try_get::<Option<DateTime<Utc>>, _>(column)?.map(Into::into)),
            Rows::Values(values) => value(values, column),
        }
    }
}

impl Read for Decimal {
    fn read_or_null(row: &DbRow, column: &str) -> Result<Option<Self>, ReadError> {
        match &row.0 {
            // SQLite stores decimals as floats.
            #[cfg(feature = "db-sqlite")]
            Rows::Sqlite(row) => {
                let Some(float) = row.try_get::<Option<f64>, _>(column)? else { return Ok(None) };
                let none = || ReadError::Other("the float is no decimal".to_owned());
                decimal_of(float).map(Some).ok_or_else(none)
            }
            #[cfg(feature = "db-postgres")]
            Rows::Postgres(row) => Ok(row.try_get(column)?),
            // MariaDB pads a decimal with zeros to 28 digits after the point.
            #[cfg(feature = "db-mysql")]
            Rows::MySql(row) => Ok(row.try_get::<Option<Decimal>, _>(column)?.map(|decimal| {
                if decimal.scale() == Decimal::MAX_SCALE { decimal.normalize() } else { decimal }
            })),
            Rows::Values(values) => value(values, column),
        }
    }
}

/// Returns the decimal with the fewest digits that converts to this float.
pub(crate) fn decimal_of(float: f64) -> Option<Decimal> {
    float.to_string().parse().ok()
}

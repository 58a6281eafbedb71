//! Types of columns, of primary keys, and of the operands of conditions.

use crate::backend::sqlx::{DbRow, Read, ReadError};
use crate::field::{FieldValue, ImageValue};
use crate::{FileField, ImageField};
use sea_query::{ColumnType, Nullable, Value, ValueType};
use std::fmt;
use uuid::Uuid;

/// A type that a column can hold: integers, floats, `bool`, `String`, `Decimal`, chrono's dates, `Uuid`, JSON,
/// `Vec<u8>`, [`FileField`], [`ImageField`], [`FileMeta`](crate::FileMeta), and `Option` of these.
///
/// Your own type can be a column if it implements sea-query's `ValueType` and `Into<Value>`, and [`Read`]. For `Option` of
/// it, implement sea-query's `Nullable` too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a column",
    label = "no column type is known for `{Self}`",
    note = "implement sea-query's `ValueType`, `Into<sea_query::Value>` and `filefield::db::Read` for it"
)]
pub trait ColumnValue: Clone + Send + Sync + 'static {
    /// Returns the SQL type.
    fn column_type() -> ColumnType;
    /// Returns whether `NULL` is allowed.
    fn nullable() -> bool;
    /// Returns the value as a parameter of a statement.
    fn to_value(&self) -> Value;
    /// Reads the value of `column` from a row.
    ///
    /// # Errors
    /// Returns a [`ReadError`] if the column is missing, `NULL` or of another type.
    fn read(row: &DbRow, column: &str) -> Result<Self, ReadError>;
}

/// A file field of a model with a table. It is a single bound, so that a wrong type causes one error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a file field",
    label = "expected `FileField` or `ImageField`, optionally inside `Option`",
    note = "remove `#[file]` if this field does not hold an uploaded file"
)]
pub trait FileColumn: FieldValue + ColumnValue {}

#[diagnostic::do_not_recommend]
impl<T: FieldValue + ColumnValue> FileColumn for T {}

/// A [`FileColumn`] that holds an image.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no dimensions",
    label = "only images have dimensions",
    note = "change the field's type to `ImageField`, or remove the key that needs an image"
)]
pub trait ImageColumn: ImageValue + ColumnValue {}

#[diagnostic::do_not_recommend]
impl<T: ImageValue + ColumnValue> ImageColumn for T {}

#[diagnostic::do_not_recommend]
impl<T> ColumnValue for T
where
    T: ValueType + Read + Into<Value> + Clone + Send + Sync + 'static,
{
    fn column_type() -> ColumnType {
        <T as ValueType>::column_type()
    }
    fn nullable() -> bool {
        <T as ValueType>::is_option()
    }
    fn to_value(&self) -> Value {
        parameter(self.clone().into())
    }
    fn read(row: &DbRow, column: &str) -> Result<Self, ReadError> {
        <T as Read>::read(row, column)
    }
}

/// A type that a primary key can have: an integer, which the database generates, or a `String` or `Uuid`, which you
/// set.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a primary key",
    label = "expected `i32`, `i64`, `u32`, `u64`, `String` or `Uuid`"
)]
pub trait KeyValue: ColumnValue + Default + PartialEq + fmt::Debug + Nullable + Into<Value> {
    /// Whether the database generates the key.
    const AUTO: bool;
    /// Converts a key that the database generated. Returns `None` if it does not fit.
    fn from_made(key: u64) -> Option<Self>;
}

macro_rules! keys {
    ($($key:ty, $auto:literal, $from_made:expr;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl KeyValue for $key {
            const AUTO: bool = $auto;
            fn from_made(key: u64) -> Option<Self> {
                let from_made: fn(u64) -> Option<Self> = $from_made;
                from_made(key)
            }
        }
    )*};
}
keys!(
    i32, true, |key| key.try_into().ok();
    i64, true, |key| key.try_into().ok();
    u32, true, |key| key.try_into().ok();
    u64, true, Some;
    String, false, |_| None;
    Uuid, false, |_| None;
);

/// A value that a column of `T` can be compared with: a `T`, a `&str` for text and files, and a `T` for a column of
/// `Option<T>`.
#[diagnostic::on_unimplemented(
    message = "a column of `{T}` cannot be compared with `{Self}`",
    label = "expected `{T}`"
)]
pub trait Operand<T> {
    /// Converts the value to a parameter.
    fn into_operand(self) -> Value;
}

impl<T: Into<Value>> Operand<T> for T {
    fn into_operand(self) -> Value {
        self.into()
    }
}

impl<T: Into<Value>> Operand<Option<T>> for T {
    fn into_operand(self) -> Value {
        self.into()
    }
}

/// Returns the value in a form that all databases accept:
///
/// * PostgreSQL's driver sends an 8-bit integer as a character.
/// * An integer above `i64::MAX` makes the drivers of PostgreSQL and SQLite panic. As a decimal it compares exactly with
///   every value of a column.
/// * MariaDB treats a time in UTC as a `timestamp`, and as `NULL` outside the range of that type.
pub(super) fn parameter(value: Value) -> Value {
    match value {
        Value::TinyInt(number) => Value::SmallInt(number.map(i16::from)),
        Value::BigUnsigned(Some(number)) if number > i64::MAX.unsigned_abs() => {
            Value::Decimal(Some(number.into()))
        }
        Value::ChronoDateTimeUtc(time) => Value::ChronoDateTimeWithTimeZone(time.map(Into::into)),
        Value::ChronoDateTimeLocal(time) => {
            Value::ChronoDateTimeWithTimeZone(time.map(|time| time.fixed_offset()))
        }
        value => value,
    }
}

macro_rules! text_operands {
    ($($ty:ty),*) => {$(
        impl Operand<$ty> for &str {
            fn into_operand(self) -> Value {
                self.into()
            }
        }
    )*};
}
text_operands!(String, Option<String>, FileField, ImageField, Option<FileField>, Option<ImageField>);

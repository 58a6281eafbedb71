//! Types that columns hold, keys have, and conditions compare with.

use crate::field::{FieldValue, ImageValue};
use crate::{FileField, ImageField};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{ArrayType, ColumnType, FromValueTuple, IntoValueTuple, Nullable, ValueType};
use sea_orm::{PrimaryKeyArity, QueryResult, TryFromU64, TryGetError, TryGetable, TryGetableMany, Value};
use std::fmt;

/// A type that a column can hold: integers, floats, `bool`, `String`, `Decimal`, chrono's dates, `Uuid`, JSON,
/// `Vec<u8>`, [`FileField`], [`ImageField`], [`FileMeta`](crate::FileMeta), `Option` of these, and whatever
/// implements sea-orm's `ValueType` and `TryGetable`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a column",
    label = "no column type is known for `{Self}`",
    note = "implement sea-orm's value traits for it, for instance with `#[derive(DeriveValueType)]`"
)]
pub trait ColumnValue: Clone + Send + Sync + 'static {
    /// The SQL type.
    fn column_type() -> ColumnType;
    /// Whether `NULL` is allowed.
    fn nullable() -> bool;
    /// The value as a statement's parameter.
    fn to_value(&self) -> Value;
    /// The value back from a parameter; `None` where it has another type.
    fn from_value(value: Value) -> Option<Self>;
    /// The type of an element, where the column is used in an array.
    fn array_type() -> ArrayType;
    /// Reads it from a row of a result.
    ///
    /// # Errors
    /// Those of sea-orm: no such column, `NULL`, another type.
    fn read(row: &QueryResult, column: &str) -> Result<Self, TryGetError>;
}

/// A file field of a model with a table. One bound, so that a wrong type is one error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a file field",
    label = "expected `FileField` or `ImageField`, optionally inside `Option`",
    note = "remove `#[file]` if this field does not hold an uploaded file"
)]
pub trait FileColumn: FieldValue + ColumnValue {}

#[diagnostic::do_not_recommend]
impl<T: FieldValue + ColumnValue> FileColumn for T {}

/// A [`FileColumn`] with an image.
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
    T: ValueType + TryGetable + Into<Value> + Clone + Send + Sync + 'static,
{
    fn column_type() -> ColumnType {
        <T as ValueType>::column_type()
    }
    fn nullable() -> bool {
        <T as ValueType>::is_option()
    }
    fn to_value(&self) -> Value {
        self.clone().into()
    }
    fn from_value(value: Value) -> Option<Self> {
        <T as ValueType>::try_from(value).ok()
    }
    fn array_type() -> ArrayType {
        <T as ValueType>::array_type()
    }
    fn read(row: &QueryResult, column: &str) -> Result<Self, TryGetError> {
        // SQLite's driver reads no `u64`.
        if <T as ValueType>::array_type() == ArrayType::BigUnsigned
            && let Ok(number) = <Option<i64> as TryGetable>::try_get_by(row, column)
            && let Ok(number) = number.map(<u64 as TryFrom<i64>>::try_from).transpose()
        {
            return <T as ValueType>::try_from(Value::BigUnsigned(number))
                .map_err(|_| TryGetError::Null(column.to_owned()));
        }
        <T as TryGetable>::try_get_by(row, column)
    }
}

/// A type that a primary key can have: an integer, which the database counts up, or a `String` or `Uuid`, which the
/// program sets.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a primary key",
    label = "expected `i32`, `i64`, `u32`, `u64`, `String` or `Uuid`"
)]
pub trait KeyValue:
    ColumnValue
    + Default
    + PartialEq
    + fmt::Debug
    + ValueType
    + Nullable
    + Into<Value>
    + TryGetable
    + TryGetableMany
    + TryFromU64
    + PrimaryKeyArity
    + IntoValueTuple
    + FromValueTuple
{
    /// Whether the database makes the key.
    const AUTO: bool;
}

#[diagnostic::do_not_recommend]
impl KeyValue for i32 {
    const AUTO: bool = true;
}

#[diagnostic::do_not_recommend]
impl KeyValue for i64 {
    const AUTO: bool = true;
}

#[diagnostic::do_not_recommend]
impl KeyValue for u32 {
    const AUTO: bool = true;
}

#[diagnostic::do_not_recommend]
impl KeyValue for u64 {
    const AUTO: bool = true;
}

#[diagnostic::do_not_recommend]
impl KeyValue for String {
    const AUTO: bool = false;
}

#[diagnostic::do_not_recommend]
impl KeyValue for Uuid {
    const AUTO: bool = false;
}

/// What a column that holds a `T` may be compared with: a `T`, for text and files a `&str`, for an optional column
/// its content.
#[diagnostic::on_unimplemented(
    message = "a column of `{T}` cannot be compared with `{Self}`",
    label = "expected `{T}`"
)]
pub trait Operand<T> {
    /// The parameter.
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

/// A value to compare with. An integer over 64 bits with a sign is in no column of SQLite, and its driver panics; as a
/// floating-point number it is still greater than all that are.
pub(super) fn comparable(value: Value) -> Value {
    match value {
        Value::BigUnsigned(Some(number)) if number > i64::MAX.unsigned_abs() => (number as f64).into(),
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

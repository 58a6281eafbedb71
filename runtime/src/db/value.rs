//! Types that columns hold, keys have, and conditions compare with.

use crate::field::{FieldValue, ImageValue};
use crate::{FileField, ImageField};
use sea_orm::prelude::{Decimal, Uuid};
use sea_orm::sea_query::{
    ArrayType, ColumnType, FromValueTuple, IntoValueTuple, Nullable, ValueType, ValueTypeErr,
};
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
        parameter(self.clone().into())
    }
    fn from_value(value: Value) -> Option<Self> {
        let original = before(&value);
        [Some(value), original].into_iter().flatten().find_map(|value| <T as ValueType>::try_from(value).ok())
    }
    fn array_type() -> ArrayType {
        <T as ValueType>::array_type()
    }
    fn read(row: &QueryResult, column: &str) -> Result<Self, TryGetError> {
        let read = <T as TryGetable>::try_get_by(row, column);
        match T::array_type() {
            ArrayType::Decimal => of_float(row, column).map_or_else(|| read.map(without_zeros), Ok),
            // SQLite's driver reads no `u64`, PostgreSQL's no unsigned integers and none of eight bits.
            ArrayType::TinyInt
            | ArrayType::TinyUnsigned
            | ArrayType::SmallUnsigned
            | ArrayType::Unsigned
            | ArrayType::BigUnsigned => read
                .or_else(|error| signed(row, column).and_then(|number| of_number(number).ok()).ok_or(error)),
            _ => read,
        }
    }
}

/// A decimal that SQLite keeps as a float; `None` elsewhere, and for `NULL`.
fn of_float<T: ValueType>(row: &QueryResult, column: &str) -> Option<T> {
    let float = <Option<f64> as TryGetable>::try_get_by(row, column).ok()??;
    T::try_from(Value::Decimal(Some(decimal_of(float)?))).ok()
}

/// The decimal with the fewest digits that this float stands for.
pub(super) fn decimal_of(float: f64) -> Option<Decimal> {
    float.to_string().parse().ok()
}

/// A decimal as MariaDB fills it up to 28 digits, without those that say nothing.
fn without_zeros<T: ValueType + Into<Value> + Clone>(decimal: T) -> T {
    match decimal.clone().into() {
        Value::Decimal(Some(number)) if number.scale() == Decimal::MAX_SCALE => {
            T::try_from(Value::Decimal(Some(number.normalize()))).unwrap_or(decimal)
        }
        _ => decimal,
    }
}

/// An integer column of whatever width; the inner `None` is `NULL`.
fn signed(row: &QueryResult, column: &str) -> Option<Option<i64>> {
    fn read<N: TryGetable + Into<i64>>(row: &QueryResult, column: &str) -> Option<Option<i64>> {
        <Option<N> as TryGetable>::try_get_by(row, column).ok().map(|number| number.map(Into::into))
    }
    read::<i64>(row, column).or_else(|| read::<i32>(row, column)).or_else(|| read::<i16>(row, column))
}

/// A `T` of this number, where it is one of those integers and the number fits.
fn of_number<T: ValueType>(number: Option<i64>) -> Result<T, ValueTypeErr> {
    fn fit<N: TryFrom<i64>>(number: Option<i64>) -> Result<Option<N>, ValueTypeErr> {
        number.map(N::try_from).transpose().map_err(|_| ValueTypeErr)
    }
    T::try_from(match T::array_type() {
        ArrayType::TinyInt => Value::TinyInt(fit(number)?),
        ArrayType::TinyUnsigned => Value::TinyUnsigned(fit(number)?),
        ArrayType::SmallUnsigned => Value::SmallUnsigned(fit(number)?),
        ArrayType::Unsigned => Value::Unsigned(fit(number)?),
        ArrayType::BigUnsigned => Value::BigUnsigned(fit(number)?),
        _ => return Err(ValueTypeErr),
    })
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

/// A value as all databases take it. For PostgreSQL's driver an integer of eight bits is a character. One over 64 bits
/// with a sign makes it and SQLite's panic; as a decimal it compares exactly with all that are in a column. MariaDB
/// takes a time in UTC for a `timestamp`, and for `NULL` where that does not reach.
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

/// What [`parameter`] may have made this value of.
fn before(value: &Value) -> Option<Value> {
    match value {
        Value::SmallInt(number) => {
            Some(Value::TinyInt(number.map(<i8 as TryFrom<i16>>::try_from).transpose().ok()?))
        }
        Value::Decimal(Some(number)) => {
            Some(Value::BigUnsigned(Some(<u64 as TryFrom<Decimal>>::try_from(*number).ok()?)))
        }
        Value::ChronoDateTimeWithTimeZone(time) => Some(Value::ChronoDateTimeUtc(time.map(Into::into))),
        _ => None,
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

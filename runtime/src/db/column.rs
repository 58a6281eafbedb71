//! Columns: typed for queries, type-erased for statements.

use super::value::parameter;
use super::{ColumnValue, KeyValue, Operand, Table};
use crate::backend::sqlx::{DbRow, ReadError};
use crate::model::Slot;
use crate::{FileField, ImageField};
use sea_query::{Alias, ColumnType, Expr, ExprTrait, Order, Value};
use std::any::TypeId;
use std::fmt;

/// The derive's description of a column.
#[derive(Clone, Copy, Debug)]
pub struct ColumnSpec {
    /// The name of the column.
    pub name: &'static str,
    /// The name of the field, without `r#`.
    pub field: &'static str,
    /// Whether the column is unique.
    pub unique: bool,
    /// The index of the model's file field, if the column holds a file.
    pub file: Option<usize>,
}

impl ColumnSpec {
    /// Describes a column with the name of its field that is not unique and holds no file.
    pub const fn new(field: &'static str) -> Self {
        ColumnSpec { name: field, field, unique: false, file: None }
    }
}

/// A column of the model `M` that holds a `T`. [`Table::columns`] returns all columns of a model:
/// `Car::columns().price.gt(Decimal::from(10))`. Conditions are sea-query expressions, so `and`, `or` and
/// `not` of [`ExprTrait`](crate::db::ExprTrait) combine them.
pub struct Column<M, T> {
    spec: ColumnSpec,
    slot: Slot<M, T>,
    functions: Functions<T>,
    key: Option<Key<T>>,
}

/// The functions of [`ColumnValue`], taken where the type meets that bound.
pub(crate) struct Functions<T> {
    column_type: fn() -> ColumnType,
    nullable: fn() -> bool,
    to_value: fn(&T) -> Value,
    read: fn(&DbRow, &str) -> Result<T, ReadError>,
    holds_file: fn() -> bool,
}

/// Whether a column of `T` holds a file. It compares types, so an alias of the type is recognised.
fn holds_file<T: 'static>() -> bool {
    [
        TypeId::of::<FileField>(),
        TypeId::of::<ImageField>(),
        TypeId::of::<Option<FileField>>(),
        TypeId::of::<Option<ImageField>>(),
    ]
    .contains(&TypeId::of::<T>())
}

impl<T: ColumnValue> Functions<T> {
    pub(crate) const fn new() -> Self {
        Functions {
            column_type: T::column_type,
            nullable: T::nullable,
            to_value: T::to_value,
            read: T::read,
            holds_file: holds_file::<T>,
        }
    }
}

struct Key<T> {
    auto: bool,
    is_unset: fn(&T) -> bool,
    from_made: fn(u64) -> Option<T>,
}

impl<M, T> Column<M, T> {
    /// Creates the column of the field behind `slot`. Called by the derive, once per column.
    #[doc(hidden)]
    pub const fn new(spec: ColumnSpec, slot: Slot<M, T>) -> Self
    where
        T: ColumnValue,
    {
        Column::of(spec, slot, Functions::new())
    }

    pub(crate) const fn of(spec: ColumnSpec, slot: Slot<M, T>, functions: Functions<T>) -> Self {
        Column { spec, slot, functions, key: None }
    }

    /// Creates the primary key's column. Called by the derive.
    #[doc(hidden)]
    pub const fn key(spec: ColumnSpec, slot: Slot<M, T>) -> Self
    where
        T: KeyValue,
    {
        let key = Key { auto: T::AUTO, is_unset: |key| *key == T::default(), from_made: T::from_made };
        Column { key: Some(key), ..Column::new(spec, slot) }
    }

    /// Returns the name of the column.
    pub fn name(&self) -> &'static str {
        self.spec.name
    }

    pub(super) fn read(&self, row: &DbRow) -> Result<T, ReadError> {
        (self.functions.read)(row, self.spec.name)
    }
}

/// A column of the model `M`, with its type erased.
pub trait AnyColumn<M>: Sync {
    /// The derive's description.
    fn spec(&self) -> &ColumnSpec;
    /// The SQL type.
    fn column_type(&self) -> ColumnType;
    /// Whether `NULL` is allowed.
    fn nullable(&self) -> bool;
    /// The value in `model`, as a parameter.
    fn value(&self, model: &M) -> Value;
    /// Whether it is the primary key.
    fn is_key(&self) -> bool;
    /// Whether the database makes the key.
    fn is_auto(&self) -> bool;
    /// Whether the key has its default value.
    fn is_unset(&self, model: &M) -> bool;
    /// Sets the primary key to one that the database made. Returns `false` if it does not fit.
    fn set_made(&self, model: &mut M, key: u64) -> bool;
    /// Whether it holds a file.
    fn holds_file(&self) -> bool;
    /// The address of the field in `model`. Two columns with one address are the same field.
    fn place(&self, model: &M) -> *const ();
}

impl<M, T> AnyColumn<M> for Column<M, T> {
    fn spec(&self) -> &ColumnSpec {
        &self.spec
    }
    fn column_type(&self) -> ColumnType {
        (self.functions.column_type)()
    }
    fn nullable(&self) -> bool {
        (self.functions.nullable)()
    }
    fn value(&self, model: &M) -> Value {
        (self.functions.to_value)((self.slot.get)(model))
    }
    fn is_key(&self) -> bool {
        self.key.is_some()
    }
    fn is_auto(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.auto)
    }
    fn is_unset(&self, model: &M) -> bool {
        self.key.as_ref().is_some_and(|key| (key.is_unset)((self.slot.get)(model)))
    }
    fn set_made(&self, model: &mut M, key: u64) -> bool {
        let key = self.key.as_ref().and_then(|own| (own.from_made)(key));
        let fits = key.is_some();
        if let Some(key) = key {
            *(self.slot.get_mut)(model) = key;
        }
        fits
    }
    fn holds_file(&self) -> bool {
        (self.functions.holds_file)()
    }
    fn place(&self, model: &M) -> *const () {
        std::ptr::from_ref((self.slot.get)(model)).cast()
    }
}

/// A column and a direction to sort by.
#[derive(Clone, Debug)]
pub struct Ordering {
    pub(super) expr: Expr,
    pub(super) order: Order,
}

impl Ordering {
    /// The smallest first.
    pub(crate) fn ascending(expr: Expr) -> Self {
        Ordering { expr, order: Order::Asc }
    }
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self, operand: impl Operand<T>) -> Expr {
            self.expr().$name(parameter(operand.into_operand()))
        }
    )*};
}

impl<M: Table, T> Column<M, T> {
    /// Returns the column as a sea-query expression, with all of its operators.
    #[must_use]
    pub fn expr(&self) -> Expr {
        Expr::col((Alias::new(M::TABLE), Alias::new(self.spec.name)))
    }

    comparisons!(
        /// Less than the operand.
        lt
        /// Less than or equal to the operand.
        lte
        /// Greater than the operand.
        gt
        /// Greater than or equal to the operand.
        gte
    );

    /// Equal to the operand. `None` means `IS NULL`.
    #[must_use]
    pub fn eq(&self, operand: impl Operand<T>) -> Expr {
        let value = operand.into_operand();
        if value == value.as_null() { self.is_null() } else { self.expr().eq(parameter(value)) }
    }

    /// Not equal to the operand. `None` means `IS NOT NULL`.
    #[must_use]
    pub fn ne(&self, operand: impl Operand<T>) -> Expr {
        let value = operand.into_operand();
        if value == value.as_null() { self.is_not_null() } else { self.expr().ne(parameter(value)) }
    }

    /// Equal to one of the operands.
    #[must_use]
    pub fn is_in<O: Operand<T>>(&self, operands: impl IntoIterator<Item = O>) -> Expr {
        self.expr().is_in(operands.into_iter().map(|operand| parameter(operand.into_operand())))
    }

    /// Is `NULL`.
    #[must_use]
    pub fn is_null(&self) -> Expr {
        self.expr().is_null()
    }

    /// Is not `NULL`.
    #[must_use]
    pub fn is_not_null(&self) -> Expr {
        self.expr().is_not_null()
    }

    /// Matches an SQL `LIKE` pattern; `%` and `_` are wild cards.
    #[must_use]
    pub fn like(&self, pattern: &str) -> Expr {
        self.expr().like(pattern)
    }

    /// Ascending order.
    #[must_use]
    pub fn asc(&self) -> Ordering {
        Ordering::ascending(self.expr())
    }

    /// Descending order.
    #[must_use]
    pub fn desc(&self) -> Ordering {
        Ordering { expr: self.expr(), order: Order::Desc }
    }
}

impl<M, T> fmt::Debug for Column<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Column").field(&self.spec.name).finish()
    }
}

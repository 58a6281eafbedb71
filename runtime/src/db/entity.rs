//! A sea-orm entity for every model with a table, generic in the model: the derive writes none of it, so its cost
//! is paid once, here, and the whole of sea-orm's query builder is there for models too.

use super::mark::mark_row;
use super::{AnyColumn, Row, Table};
use sea_orm::sea_query::{ArrayType, ColumnType};
use sea_orm::strum::IntoEnumIterator;
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ActiveValue, ColumnDef, ColumnTrait, ColumnTypeTrait, DbErr,
    EntityName, EntityTrait, FromQueryResult, Iden, IdenStatic, ModelTrait, PrimaryKeyToColumn,
    PrimaryKeyTrait, QueryResult, RelationDef, RelationTrait, TryGetError, Value,
};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// The sea-orm entity of the model `M`.
pub struct Entity<M>(PhantomData<fn() -> M>);

/// A column of [`Entity`], by its number among the model's fields.
pub struct EntityColumn<M>(usize, PhantomData<fn() -> M>);

/// The primary key of [`Entity`].
pub struct EntityKey<M>(PhantomData<fn() -> M>);

/// A model as sea-orm's queries give it; [`Instance::into_inner`] is the model.
#[derive(Clone)]
pub struct Instance<M>(M);

/// A row to be written by sea-orm's statements.
pub struct ActiveRow<M>(Vec<ActiveValue<Value>>, PhantomData<fn() -> M>);

/// Models have no relations of their own in sea-orm's sense; joins state theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRelation {}

macro_rules! marker {
    ($name:ident { $($new:tt)* } $text:expr) => {
        impl<M> Clone for $name<M> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<M> Copy for $name<M> {}
        impl<M> Default for $name<M> {
            fn default() -> Self {
                $($new)*
            }
        }
        impl<M: Table> fmt::Debug for $name<M> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl<M: Table> Iden for $name<M> {
            fn unquoted(&self) -> &str {
                self.as_str()
            }
        }
        impl<M: Table> IdenStatic for $name<M> {
            fn as_str(&self) -> &'static str {
                let text: fn(&Self) -> &'static str = $text;
                text(self)
            }
        }
    };
}

marker!(Entity { Entity(PhantomData) } |_| M::TABLE);
marker!(EntityColumn { EntityColumn(0, PhantomData) } |column| column.column().spec().name);
marker!(EntityKey { EntityKey(PhantomData) } |_| key_column::<M>().column().spec().name);

impl<M: Table> EntityColumn<M> {
    fn column(self) -> &'static dyn AnyColumn<M> {
        M::ALL[self.0]
    }
}

fn key_column<M: Table>() -> EntityColumn<M> {
    // The derive refuses a table without a primary key, so there always is one.
    EntityColumn(M::ALL.iter().position(|column| column.is_key()).unwrap_or(0), PhantomData)
}

impl<M: Table> EntityName for Entity<M> {
    fn table_name(&self) -> &'static str {
        M::TABLE
    }
}

impl<M: Table> EntityTrait for Entity<M> {
    type Model = Instance<M>;
    type ModelEx = Instance<M>;
    type ActiveModel = ActiveRow<M>;
    type ActiveModelEx = ActiveRow<M>;
    type Column = EntityColumn<M>;
    type Relation = NoRelation;
    type PrimaryKey = EntityKey<M>;
}

impl<M: Table> IntoEnumIterator for EntityColumn<M> {
    type Iterator = std::vec::IntoIter<Self>;
    fn iter() -> Self::Iterator {
        (0..M::ALL.len()).map(|index| EntityColumn(index, PhantomData)).collect::<Vec<_>>().into_iter()
    }
}

impl<M: Table> FromStr for EntityColumn<M> {
    type Err = sea_orm::ColumnFromStrErr;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::iter()
            .find(|column| column.as_str() == name)
            .ok_or_else(|| sea_orm::ColumnFromStrErr(name.to_owned()))
    }
}

impl<M: Table> ColumnTrait for EntityColumn<M> {
    type EntityName = Entity<M>;
    fn def(&self) -> ColumnDef {
        let column = self.column();
        let def = column_type(column).def();
        let def = if column.nullable() { def.nullable() } else { def };
        if column.spec().unique { def.unique() } else { def }
    }
}

/// The SQL type of a column; for a file, text of the field's `max_length`.
pub(super) fn column_type<M: Table>(column: &dyn AnyColumn<M>) -> ColumnType {
    match column.spec().file {
        Some(index) => {
            let length = M::FIELDS.at(index).def().spec().max_length;
            ColumnType::String(sea_orm::sea_query::StringLen::N(length))
        }
        None => column.column_type(),
    }
}

impl<M: Table> IntoEnumIterator for EntityKey<M> {
    type Iterator = std::array::IntoIter<Self, 1>;
    fn iter() -> Self::Iterator {
        [EntityKey(PhantomData)].into_iter()
    }
}

impl<M: Table> PrimaryKeyTrait for EntityKey<M> {
    type ValueType = M::Key;
    fn auto_increment() -> bool {
        key_column::<M>().column().is_auto()
    }
}

impl<M: Table> PrimaryKeyToColumn for EntityKey<M> {
    type Column = EntityColumn<M>;
    fn into_column(self) -> Self::Column {
        key_column()
    }
    fn from_column(column: Self::Column) -> Option<Self> {
        column.column().is_key().then_some(EntityKey(PhantomData))
    }
}

impl IntoEnumIterator for NoRelation {
    type Iterator = std::iter::Empty<Self>;
    fn iter() -> Self::Iterator {
        std::iter::empty()
    }
}

impl RelationTrait for NoRelation {
    fn def(&self) -> RelationDef {
        match *self {}
    }
}

impl<M> Instance<M> {
    /// The model.
    pub fn into_inner(self) -> M {
        self.0
    }
}

impl<M> std::ops::Deref for Instance<M> {
    type Target = M;
    fn deref(&self) -> &M {
        &self.0
    }
}

impl<M: Table> fmt::Debug for Instance<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct(M::MODEL);
        for column in M::ALL.iter().filter(|column| column.spec().file.is_none()) {
            out.field(column.spec().field, &column.value(&self.0));
        }
        out.finish_non_exhaustive()
    }
}

fn read<M: Table>(row: &QueryResult, prefix: &str) -> crate::Result<M> {
    let mut model = M::from_row(&Row::new::<M>(row, prefix))?;
    mark_row(&mut model);
    Ok(model)
}

/// An instance, or why its row cannot be read.
pub(super) struct Readable<M>(pub(super) crate::Result<M>);

impl<M: Table> FromQueryResult for Readable<M> {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        Ok(Readable(read(row, prefix)))
    }
    fn from_query_result_nullable(row: &QueryResult, prefix: &str) -> Result<Self, TryGetError> {
        Self::from_query_result(row, prefix).map_err(TryGetError::DbErr)
    }
}

impl<M: Table> FromQueryResult for Instance<M> {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        read(row, prefix).map(Instance).map_err(Into::into)
    }
    fn from_query_result_nullable(row: &QueryResult, prefix: &str) -> Result<Self, TryGetError> {
        Self::from_query_result(row, prefix).map_err(TryGetError::DbErr)
    }
}

impl<M: Table> ModelTrait for Instance<M> {
    type Entity = Entity<M>;
    fn get(&self, column: EntityColumn<M>) -> Value {
        column.column().value(&self.0)
    }
    fn get_value_type(column: EntityColumn<M>) -> ArrayType {
        column.column().array_type()
    }
    fn try_set(&mut self, column: EntityColumn<M>, value: Value) -> Result<(), DbErr> {
        if column.column().set(&mut self.0, value) {
            return Ok(());
        }
        Err(DbErr::Type(format!("a value of another type for column `{}`", column.as_str())))
    }
}

impl<M> Clone for ActiveRow<M> {
    fn clone(&self) -> Self {
        ActiveRow(self.0.clone(), PhantomData)
    }
}

impl<M: Table> fmt::Debug for ActiveRow<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(M::MODEL).field(&self.0).finish()
    }
}

impl<M: Table> ActiveModelTrait for ActiveRow<M> {
    type Entity = Entity<M>;
    fn take(&mut self, column: EntityColumn<M>) -> ActiveValue<Value> {
        std::mem::take(&mut self.0[column.0])
    }
    fn get(&self, column: EntityColumn<M>) -> ActiveValue<Value> {
        self.0[column.0].clone()
    }
    fn set_if_not_equals(&mut self, column: EntityColumn<M>, value: Value) {
        self.0[column.0].set_if_not_equals(value);
    }
    fn try_set(&mut self, column: EntityColumn<M>, value: Value) -> Result<(), DbErr> {
        self.0[column.0] = ActiveValue::Set(value);
        Ok(())
    }
    fn not_set(&mut self, column: EntityColumn<M>) {
        self.0[column.0] = ActiveValue::NotSet;
    }
    fn is_not_set(&self, column: EntityColumn<M>) -> bool {
        self.0[column.0].is_not_set()
    }
    fn default() -> Self {
        ActiveRow(vec![ActiveValue::NotSet; M::ALL.len()], PhantomData)
    }
    fn default_values() -> Self {
        <Self as ActiveModelTrait>::default()
    }
    fn reset(&mut self, column: EntityColumn<M>) {
        self.0[column.0].reset();
    }
}

impl<M: Table> ActiveModelBehavior for ActiveRow<M> {}

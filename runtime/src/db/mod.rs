//! Built-in persistence on sqlx, for models with `#[model(table = ..)]`.

#[cfg(feature = "db-sqlite")]
mod batch;
mod claim;
mod column;
mod connect;
mod held;
mod kinds;
mod mark;
mod migrate;
mod named;
mod objects;
mod row;
mod save;
mod stage;
mod table;
mod triggers;
mod upload;
mod value;
mod write;

pub use crate::backend::driver_error;
pub use claim::UploadClaim;
pub(crate) use column::Functions;
pub use column::{AnyColumn, Column, ColumnSpec, Ordering};
pub use connect::{accept_root, after_restore, connect, sweep};
pub use migrate::{create_indexes, create_table, forget_columns, migrate};
pub use objects::Objects;
pub use stage::{Stage, stage_all};
pub(crate) use write::{Change, FileChange, RowWrite};
#[doc = include_str!("../../docs/protocol.md")]
pub mod protocol {}
pub use crate::backend::sqlx::{
    Connection, Db, DbRow, Done, InTransaction, Queries, Read, ReadError, Transaction,
};
pub use crate::journal::Dialect;
pub use crate::journal::RestoreReport;
pub(crate) use held::Relocation;
pub use rust_decimal::Decimal;
pub use sea_query::{Expr, ExprTrait, Value};
pub use serde_json::Value as Json;
pub(crate) use table::enter;
pub use table::{Row, Table};
pub use triggers::{Script, adopt_sql, drop_trigger_sql, trigger_sql};
pub use upload::{NewUpload, UploadTicket};
pub use uuid::Uuid;
pub use value::{ColumnValue, FileColumn, ImageColumn, KeyValue, Operand};

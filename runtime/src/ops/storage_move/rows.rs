//! The rows, page by page, and which of their files are to be moved.

use super::one::{Job, Outcome, Whereabouts};
use crate::db::{ColumnValue, Db, DbRow, Queries, ReadError, Table, Value};
use crate::registry::{self, StorageHandle};
use crate::{Error, ErrorKind, FileMeta, Result, StorageExt};
use sea_query::{Alias, Expr, ExprTrait, Order, Query, SelectStatement};
use std::collections::HashMap;
use std::marker::PhantomData;

/// The relevant part of a row.
#[derive(Debug)]
pub(in crate::ops) struct Row {
    pub(in crate::ops) key: Value,
    /// The key for display.
    pub(in crate::ops) shown: String,
    pub(in crate::ops) name: String,
    pub(in crate::ops) meta: FileMeta,
    /// Why the recorded metadata cannot be read.
    pub(in crate::ops) unreadable: Option<String>,
}

impl Row {
    /// The outcome of the row, for the report.
    pub(super) fn outcome(self, outcome: Outcome) -> (String, String, Outcome) {
        (self.shown, self.name, outcome)
    }
}

/// The rows of a model with a file in one field.
#[derive(Debug)]
pub(in crate::ops) struct Rows<M> {
    pub(in crate::ops) db: Db,
    pub(in crate::ops) key: &'static str,
    column: &'static str,
    /// The column of the recorded metadata, if the field has one.
    meta: Option<&'static str>,
    model: PhantomData<fn() -> M>,
}

impl<M> Clone for Rows<M> {
    fn clone(&self) -> Self {
        Rows { db: self.db.clone(), ..*self }
    }
}

impl<M: Table> Rows<M> {
    pub(in crate::ops) fn new(db: &Db, column: &'static str, meta: Option<&'static str>) -> Self {
        let key = M::key_column().spec().name;
        Rows { db: db.clone(), key, column, meta, model: PhantomData }
    }

    fn select(&self) -> SelectStatement {
        let mut select = Query::select();
        select.from(Alias::new(M::TABLE)).and_where(Expr::col(Alias::new(self.column)).ne(""));
        select
    }

    fn columns(&self, select: &mut SelectStatement) {
        select.columns([self.key, self.column].into_iter().chain(self.meta).map(Alias::new));
    }

    /// Returns the number of rows.
    pub(in crate::ops) async fn count(&self) -> Result<u64> {
        let mut select = self.select();
        select.expr_as(Expr::col(Alias::new(self.key)).count(), Alias::new("n"));
        let rows = self.db.fetch(&select).await?;
        rows.first().map_or(Ok(0), |row| row.get("n"))
    }

    /// Returns the next rows in the order of their keys. Pages by key and not by offset, because rows are
    /// added and deleted during the run.
    pub(in crate::ops) async fn page(&self, after: Option<Value>, limit: u64) -> Result<Vec<Row>> {
        let key = || Expr::col(Alias::new(self.key));
        let mut select = self.select();
        self.columns(&mut select);
        if let Some(after) = after {
            select.and_where(key().gt(after));
        }
        select.order_by_expr(key(), Order::Asc).limit(limit);
        self.db.fetch(&select).await?.iter().map(|row| self.read(row)).collect()
    }

    /// Whether the row still names the same file.
    pub(super) async fn is_current(&self, row: &Row) -> Result<bool> {
        let mut select = self.select();
        self.columns(&mut select);
        select.and_where(Expr::col(Alias::new(self.key)).eq(row.key.clone()));
        let found = self.db.fetch(&select).await?.first().map(|row| self.read(row)).transpose()?;
        Ok(found.is_some_and(|found| {
            found.name == row.name && found.meta == row.meta && found.unreadable.is_none()
        }))
    }

    fn read(&self, row: &DbRow) -> Result<Row> {
        let key = M::Key::read(row, self.key).map_err(|error| match error {
            ReadError::Null => {
                let text = format!("the key `{}` is NULL", self.key);
                Error::new(ErrorKind::Database, text).with_model(M::MODEL)
            }
            error => error.into(),
        })?;
        // One such row must not stop the others.
        let meta: Result<Option<FileMeta>> = self.meta.map_or(Ok(None), |meta| row.get(meta));
        let (meta, unreadable) = match meta {
            Ok(meta) => (meta.unwrap_or_default(), None),
            Err(error) => (FileMeta::default(), Some(error.to_string())),
        };
        Ok(Row {
            unreadable,
            shown: format!("{key:?}"),
            key: key.to_value(),
            name: row.get(self.column)?,
            meta,
        })
    }
}

/// Resolves the storages that rows record. Each alias is looked up once.
pub(super) struct Homes<'a, M> {
    job: &'a Job<M>,
    formerly: Vec<String>,
    known: HashMap<String, Option<Whereabouts>>,
}

impl<'a, M: Table> Homes<'a, M> {
    pub(super) fn new(job: &'a Job<M>, formerly: Vec<String>) -> Self {
        Homes { job, formerly, known: HashMap::new() }
    }

    /// Returns where the file is, or `None` if it is not in the source storage.
    pub(super) fn of(&mut self, row: &Row) -> Result<Option<Whereabouts>> {
        if let Some(reason) = &row.unreadable {
            let text = format!("what the row says of its file cannot be read: {reason}");
            return Err(Error::new(ErrorKind::Database, text));
        }
        let Some(alias) = &row.meta.storage else {
            let own = self.job.def.storage()?;
            if is_same(&own, &self.job.to) {
                return Ok(Some(Whereabouts::Unsaid));
            }
            return Ok(is_same(&own, &self.job.from).then_some(Whereabouts::From));
        };
        if let Some(known) = self.known.get(alias) {
            return Ok(*known);
        }
        let found = if self.formerly.contains(alias) {
            Some(Whereabouts::From)
        } else {
            let home = registry::elsewhere(self.job.def.storage()?, alias)?;
            is_same(&home, &self.job.from).then_some(Whereabouts::From)
        };
        self.known.insert(alias.clone(), found);
        Ok(found)
    }
}

/// Whether two storages are the same, under any alias.
fn is_same(a: &StorageHandle<'_>, b: &StorageHandle<'_>) -> bool {
    let location = a.location();
    registry::is_same(a, b) || a.alias() == b.alias() || (location.is_some() && location == b.location())
}

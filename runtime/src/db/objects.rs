//! Queries for instances, built on sea-query's `SelectStatement`.

use super::mark::mark_row;
use super::{Ordering, Row, Table, kinds};
use crate::backend::sqlx::{DbRow, Target, build};
use crate::journal::Dialect;
use crate::{Error, ErrorKind, Result};
use sea_query::{
    Alias, Asterisk, Expr, ExprTrait, Func, IntoCondition, Order, Query, SelectStatement, Value,
};
use std::fmt;
use std::marker::PhantomData;

/// A query for the instances of a model, made by [`Table::objects`]: filter, sort and fetch them.
pub struct Objects<'c, M: Table> {
    db: Target<'c>,
    select: SelectStatement,
    ordered: bool,
    limit: Option<u64>,
    offset: u64,
    model: PhantomData<fn() -> M>,
}

impl<'c, M: Table> Objects<'c, M> {
    pub(super) fn new(db: Target<'c>) -> Self {
        let mut select = Query::select();
        select
            .from(Alias::new(M::TABLE))
            .columns(M::ALL.iter().map(|column| column_of::<M>(column.spec().name)));
        Objects { db, select, ordered: false, limit: None, offset: 0, model: PhantomData }
    }

    /// Keeps the instances for which `condition` is true.
    #[must_use]
    pub fn filter(mut self, condition: impl IntoCondition) -> Self {
        self.select.cond_where(condition.into_condition());
        self
    }

    /// Drops the instances for which `condition` is true. A condition that is unknown because of a `NULL` is not true, so
    /// the instance stays.
    #[must_use]
    pub fn exclude(mut self, condition: Expr) -> Self {
        let known = Expr::from(Func::coalesce([condition, Expr::val(false)]));
        self.select.cond_where(known.not());
        self
    }

    /// Sorts by `ordering`, after the orderings given before.
    #[must_use]
    pub fn order_by(mut self, ordering: Ordering) -> Self {
        self.select.order_by_expr(ordering.expr, ordering.order);
        self.ordered = true;
        self
    }

    /// Returns at most `count` instances.
    #[must_use]
    pub fn limit(mut self, count: u64) -> Self {
        self.limit = Some(count);
        self
    }

    /// Skips the first `count` instances.
    #[must_use]
    pub fn offset(mut self, count: u64) -> Self {
        self.offset = count;
        self
    }

    /// Fetches all instances.
    ///
    /// # Errors
    /// Returns [`Database`](ErrorKind::Database) if the query fails or a row cannot be read. The error then names the
    /// column and key of the row. [`all_results`](Self::all_results) returns the other rows.
    pub async fn all(self) -> Result<Vec<M>> {
        self.all_results().await?.into_iter().collect()
    }

    /// Fetches all instances, one result per row. A row that cannot be read, for example because another program wrote its
    /// `meta` column, is an error in its place.
    ///
    /// # Errors
    /// Returns [`Database`](ErrorKind::Database) if the query fails.
    pub async fn all_results(self) -> Result<Vec<Result<M>>> {
        let (sql, values) = self.checked()?;
        let rows = self.db.queries().query(&sql, values).await.map_err(blame::<M>)?;
        Ok(rows.iter().map(read).collect())
    }

    /// Fetches the first instance. Without an ordering, it is the one with the smallest primary key.
    ///
    /// # Errors
    /// Returns [`Database`](ErrorKind::Database) if the query fails or the row cannot be read.
    pub async fn first(mut self) -> Result<Option<M>> {
        if !self.ordered {
            let key = Expr::col(column_of::<M>(M::key_column().spec().name));
            self.select.order_by_expr(key, Order::Asc);
        }
        Ok(self.at_most(1).all().await?.pop())
    }

    /// Fetches the only instance for which `condition` is true.
    ///
    /// # Errors
    /// Returns [`DoesNotExist`](ErrorKind::DoesNotExist) if there is none,
    /// [`MultipleObjects`](ErrorKind::MultipleObjects) if there is more than one, and
    /// [`Database`](ErrorKind::Database) if the query fails or the row cannot be read.
    pub async fn get(self, condition: impl IntoCondition) -> Result<M> {
        let mut rows = self.filter(condition).at_most(2).all().await?;
        match (rows.pop(), rows.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(_), false) => Err(Error::new(ErrorKind::MultipleObjects, "more than one row matches")),
            (None, _) => Err(Error::new(ErrorKind::DoesNotExist, "no row matches")),
        }
        .map_err(|error| error.with_model(M::MODEL).with_operation("get"))
    }

    /// Counts the instances.
    ///
    /// # Errors
    /// Returns [`Database`](ErrorKind::Database) if the query fails.
    pub async fn count(self) -> Result<u64> {
        self.checked()?;
        let mut count = Query::select();
        count.expr_as(Expr::col(Asterisk).count(), Alias::new("n"));
        count.from_subquery(self.statement(), Alias::new("rows_of_the_query"));
        let rows = self.db.queries().fetch(&count).await.map_err(blame::<M>)?;
        rows.first().map_or(Ok(0), |row| row.get("n"))
    }

    /// Returns whether there is any instance.
    ///
    /// # Errors
    /// Returns [`Database`](ErrorKind::Database) if the query fails.
    pub async fn exists(self) -> Result<bool> {
        Ok(!self.at_most(1).all_results().await?.is_empty())
    }

    /// Returns the query as a statement of sea-query, to add joins, grouping or unions. [`Table::fetch`] runs the statement
    /// if it still selects the columns of the model. [`Queries::fetch`](crate::db::Queries) runs any statement.
    ///
    /// On MariaDB and MySQL, do not add a comparison with a date outside the years 0 to 65535. The queries of this type
    /// refuse such a date, but the driver does not: the protocol cannot hold the date, so the driver sends nothing and
    /// waits forever for an answer.
    pub fn into_select(self) -> SelectStatement {
        self.statement()
    }

    fn statement(&self) -> SelectStatement {
        // Both are signed in SQL, and an offset needs a limit.
        let signed = |count: u64| Ord::min(count, i64::MAX.unsigned_abs());
        let mut select = self.select.clone();
        match (self.limit, self.offset) {
            (None, 0) => {}
            (Some(limit), 0) => {
                select.limit(signed(limit));
            }
            (limit, offset) => {
                select.limit(signed(limit.unwrap_or(u64::MAX))).offset(signed(offset));
            }
        }
        select
    }

    /// Returns the SQL and its parameters.
    fn checked(&self) -> Result<(String, Vec<Value>)> {
        let dialect = self.db.queries().dialect();
        let (sql, values) = build(dialect, &self.statement());
        match values.iter().find_map(|value| kinds::out_of_time(dialect, value)) {
            // The driver would wait forever, or the answer would be wrong.
            Some(problem) if dialect == Dialect::MySql => {
                Err(Error::new(ErrorKind::Database, problem).with_model(M::MODEL))
            }
            _ => Ok((sql, values)),
        }
    }

    /// Lowers the limit to `count`.
    fn at_most(mut self, count: u64) -> Self {
        self.limit = Some(self.limit.map_or(count, |limit| Ord::min(limit, count)));
        self
    }
}

fn column_of<M: Table>(column: &'static str) -> (Alias, Alias) {
    (Alias::new(M::TABLE), Alias::new(column))
}

pub(super) fn read<M: Table>(row: &DbRow) -> Result<M> {
    let mut model = M::from_row(&Row::new::<M>(row))?;
    mark_row(&mut model);
    Ok(model)
}

fn blame<M: Table>(error: Error) -> Error {
    error.with_model(M::MODEL)
}

impl<M: Table> fmt::Debug for Objects<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").field("table", &M::TABLE).finish_non_exhaustive()
    }
}

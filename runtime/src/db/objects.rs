//! Queries for instances, Django's manager on top of sea-orm's `Select`.

use super::entity::{Entity, Readable};
use super::{Ordering, Table, kinds};
use crate::backend::database;
use crate::{Error, ErrorKind, Result};
use sea_orm::sea_query::{Expr, ExprTrait, Func, IntoCondition};
use sea_orm::{
    ConnectionTrait, DbBackend, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
};
use std::fmt;

/// The instances of a model in a database, to be narrowed, sorted and fetched. Made by [`Table::objects`].
pub struct Objects<'c, M: Table, C> {
    db: &'c C,
    select: Select<Entity<M>>,
    ordered: bool,
    limit: Option<u64>,
    offset: u64,
}

impl<'c, M: Table, C: ConnectionTrait> Objects<'c, M, C> {
    pub(super) fn new(db: &'c C) -> Self {
        Objects { db, select: Entity::<M>::find(), ordered: false, limit: None, offset: 0 }
    }

    /// Only those for which `condition` is true.
    #[must_use]
    pub fn filter(mut self, condition: impl IntoCondition) -> Self {
        self.select = self.select.filter(condition.into_condition());
        self
    }

    /// All but those for which `condition` is true. Where it is unknown because of a `NULL` it is not true, so those
    /// stay in.
    #[must_use]
    pub fn exclude(mut self, condition: Expr) -> Self {
        let known = Expr::from(Func::coalesce([condition, Expr::val(false)]));
        self.select = self.select.filter(known.not());
        self
    }

    /// Sorted by `ordering`, and after those given before.
    #[must_use]
    pub fn order_by(mut self, ordering: Ordering) -> Self {
        self.select = self.select.order_by(ordering.expr, ordering.order);
        self.ordered = true;
        self
    }

    /// At most `count`.
    #[must_use]
    pub fn limit(mut self, count: u64) -> Self {
        self.limit = Some(count);
        self
    }

    /// Without the first `count`.
    #[must_use]
    pub fn offset(mut self, count: u64) -> Self {
        self.offset = count;
        self
    }

    /// All of them.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database). For a row that cannot be read it says which column, and of which key; the others
    /// come with [`all_results`](Self::all_results).
    pub async fn all(self) -> Result<Vec<M>> {
        self.all_results().await?.into_iter().collect()
    }

    /// All of them, each by itself: a row that cannot be read, such as one with a `meta` that others have written wrongly, is
    /// an error in its place and keeps nobody from the others.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database) of the query; the same for a row that cannot be read.
    pub async fn all_results(self) -> Result<Vec<Result<M>>> {
        let db = self.db;
        let rows = self.checked()?.into_model::<Readable<M>>().all(db).await.map_err(blame::<M>)?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    /// The first of them, by the primary key where no order is given.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database).
    pub async fn first(mut self) -> Result<Option<M>> {
        if !self.ordered {
            let key = M::ALL.iter().find(|column| column.is_key()).map_or("id", |column| column.spec().name);
            let key =
                Expr::col((sea_orm::sea_query::Alias::new(M::TABLE), sea_orm::sea_query::Alias::new(key)));
            self.select = self.select.order_by(key, sea_orm::Order::Asc);
        }
        Ok(self.at_most(1).all().await?.pop())
    }

    /// The only one for which `condition` is true.
    ///
    /// # Errors
    /// [`DoesNotExist`](ErrorKind::DoesNotExist) for none, [`MultipleObjects`](ErrorKind::MultipleObjects) for more
    /// than one, [`Database`](ErrorKind::Database).
    pub async fn get(self, condition: impl IntoCondition) -> Result<M> {
        let mut rows = self.filter(condition).at_most(2).all().await?;
        match (rows.pop(), rows.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(_), false) => Err(Error::new(ErrorKind::MultipleObjects, "more than one row matches")),
            (None, _) => Err(Error::new(ErrorKind::DoesNotExist, "no row matches")),
        }
        .map_err(|error| error.with_model(M::MODEL).with_operation("get"))
    }

    /// How many there are.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database).
    pub async fn count(self) -> Result<u64> {
        let db = self.db;
        self.checked()?.count(db).await.map_err(blame::<M>)
    }

    /// Whether there is any.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database).
    pub async fn exists(self) -> Result<bool> {
        Ok(!self.at_most(1).all_results().await?.is_empty())
    }

    /// The query so far, for all that sea-orm can do and this cannot: joins, grouping, paging, partial models.
    ///
    /// On MariaDB no condition of it may compare with a date outside the years 0 to 65535, which the queries here refuse:
    /// for lack of room in the protocol the driver sends nothing, and waits for the answer.
    pub fn into_select(self) -> Select<Entity<M>> {
        // Both are signed in SQL, and there is no offset without a limit.
        let signed = |count: u64| Ord::min(count, i64::MAX.unsigned_abs());
        match (self.limit, self.offset) {
            (None, 0) => self.select,
            (limit, 0) => self.select.limit(limit.map(signed)),
            (limit, offset) => self.select.limit(signed(limit.unwrap_or(u64::MAX))).offset(signed(offset)),
        }
    }

    /// The query, unless it compares with a moment that MariaDB does not have: the driver would wait for ever, or the
    /// answer be wrong.
    fn checked(self) -> Result<Select<Entity<M>>> {
        let backend = self.db.get_database_backend();
        let select = self.into_select();
        if backend == DbBackend::MySql {
            let values = select.build(backend).values.into_iter().flatten();
            if let Some(problem) = values.into_iter().find_map(|value| kinds::out_of_time(backend, &value)) {
                return Err(Error::new(ErrorKind::Database, problem).with_model(M::MODEL));
            }
        }
        Ok(select)
    }

    /// No more than `count`, and no more than the limit given before.
    fn at_most(mut self, count: u64) -> Self {
        self.limit = Some(self.limit.map_or(count, |limit| Ord::min(limit, count)));
        self
    }
}

fn blame<M: Table>(error: sea_orm::DbErr) -> Error {
    database(error).with_model(M::MODEL)
}

impl<M: Table, C> fmt::Debug for Objects<'_, M, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").field("table", &M::TABLE).finish_non_exhaustive()
    }
}

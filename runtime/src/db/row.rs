//! The statements that write a row.

use super::write::RowWrite;
use crate::backend::sqlx::{Done, Queries, build};
use crate::journal::Dialect;
use crate::{Error, ErrorKind, Result};
use sea_query::{Alias, Expr, Query, QueryStatementBuilder, Value};

impl RowWrite {
    pub(super) async fn update(&self, queries: &dyn Queries, values: &[(&'static str, Value)]) -> Result<()> {
        let mut update = Query::update();
        update.table(Alias::new(self.table)).and_where(self.is_row());
        for (column, value) in values.iter().filter(|(column, _)| *column != self.key.0) {
            update.value(Alias::new(*column), value.clone());
        }
        if !update.get_values().is_empty() {
            taken(execute(queries, &update).await?.rows)?;
        }
        Ok(())
    }

    pub(super) async fn delete(&self, queries: &dyn Queries) -> Result<()> {
        let mut delete = Query::delete();
        delete.from_table(Alias::new(self.table)).and_where(self.is_row());
        taken(execute(queries, &delete).await?.rows)
    }

    /// Inserts the row. Returns the key if the database `makes` it.
    pub(super) async fn insert(
        &self,
        queries: &dyn Queries,
        values: &[(&'static str, Value)],
        makes: bool,
    ) -> Result<Option<u64>> {
        let mut insert = Query::insert();
        insert.into_table(Alias::new(self.table));
        insert.columns(values.iter().map(|(column, _)| Alias::new(*column)));
        insert.values(values.iter().map(|(_, value)| Expr::val(value.clone()))).map_err(|error| {
            Error::new(ErrorKind::Database, "the statement cannot be built").with_source(error)
        })?;
        if values.is_empty() {
            insert.or_default_values();
        }
        if !makes {
            return taken(execute(queries, &insert).await?.rows).map(|()| None);
        }
        // PostgreSQL returns the key only on request.
        if queries.dialect() != Dialect::Postgres {
            let done = execute(queries, &insert).await?;
            taken(done.rows)?;
            return u64::try_from(done.last_id).map(Some).map_err(|_| unreadable_key());
        }
        insert.returning(Query::returning().column(Alias::new(self.key.0)));
        let (sql, values) = build(queries.dialect(), &insert);
        // Reads all rows to the end of the statement: an error may follow the first row.
        let rows = queries.query(&sql, values).await?;
        taken(rows.len() as u64)?;
        let key = rows.first().and_then(|row| row.get::<u64>(self.key.0).ok());
        key.ok_or_else(unreadable_key).map(Some)
    }
}

async fn execute(queries: &dyn Queries, statement: &impl QueryStatementBuilder) -> Result<Done> {
    let (sql, values) = build(queries.dialect(), statement);
    queries.execute(&sql, values).await
}

/// Fails if no row was written: a trigger or `ON CONFLICT IGNORE` may drop it without an error.
fn taken(rows: u64) -> Result<()> {
    if rows == 0 { Err(dropped()) } else { Ok(()) }
}

/// The error for a row that is not what was written.
pub(super) fn dropped() -> Error {
    let text =
        "the database dropped the row or what was written to it, and says no reason; a trigger of the table?";
    Error::new(ErrorKind::Database, text)
}

/// The error for a key that does not fit the field of the instance.
pub(super) fn unreadable_key() -> Error {
    Error::new(ErrorKind::Database, "the database made a key that is no whole number from zero on")
}

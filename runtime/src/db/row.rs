//! The statements that write a row.

use super::write::RowWrite;
use crate::backend::database;
use crate::{Error, ErrorKind, Result};
use sea_orm::sea_query::{Alias, Expr, Query};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Value};

impl RowWrite {
    pub(super) async fn update(
        &self,
        tx: &DatabaseTransaction,
        values: &[(&'static str, Value)],
    ) -> Result<()> {
        let mut update = Query::update();
        update.table(Alias::new(self.table)).and_where(self.is_row());
        for (column, value) in values.iter().filter(|(column, _)| *column != self.key.0) {
            update.value(Alias::new(*column), value.clone());
        }
        if !update.get_values().is_empty() {
            taken(tx.execute(&update).await.map_err(database)?.rows_affected())?;
        }
        Ok(())
    }

    pub(super) async fn delete(&self, tx: &DatabaseTransaction) -> Result<()> {
        let mut delete = Query::delete();
        delete.from_table(Alias::new(self.table)).and_where(self.is_row());
        taken(tx.execute(&delete).await.map_err(database)?.rows_affected())
    }

    /// Inserts the row. Returns the key if the database `makes` it.
    pub(super) async fn insert(
        &self,
        tx: &DatabaseTransaction,
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
            let done = tx.execute(&insert).await.map_err(database)?;
            return taken(done.rows_affected()).map(|()| None);
        }
        // PostgreSQL returns the key only on request.
        if tx.get_database_backend() != DbBackend::Postgres {
            let done = tx.execute(&insert).await.map_err(database)?;
            return taken(done.rows_affected()).map(|()| Some(done.last_insert_id()));
        }
        insert.returning(Query::returning().column(Alias::new(self.key.0)));
        // Reads all rows to the end of the statement: an error may follow the first row.
        let rows = tx.query_all(&insert).await.map_err(database)?;
        taken(rows.len() as u64)?;
        let key = rows.first().and_then(|row| {
            let wide = row.try_get_by_index::<i64>(0);
            let key = wide.or_else(|_| row.try_get_by_index::<i32>(0).map(i64::from));
            key.or_else(|_| row.try_get_by_index::<i16>(0).map(i64::from)).ok()
        });
        key.and_then(|key| u64::try_from(key).ok()).ok_or_else(unreadable_key).map(Some)
    }
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

//! Creating the journal's tables.

use super::connection::{Connection, Param};
use super::identity;
use super::sql::{Dialect, ddl};
use super::statements::{any, execute, look, rows, sql};
use crate::field::FieldDef;
use crate::{Result, StorageExt};

/// Creates the journal's tables if they do not exist yet.
pub(crate) async fn create(db: &dyn Connection) -> Result<()> {
    for statement in ddl(db.dialect()) {
        db.run(&statement).await?;
    }
    look(db).await?;
    identity::create(db).await
}

/// Notes the columns of `table` that hold names of files, so that sweepers of other programs check them too.
/// A storage that is not known in this program is noted as the empty alias, which stands for any storage.
pub(crate) async fn note_columns(
    db: &dyn Connection,
    table: &'static str,
    fields: impl Iterator<Item = &'static FieldDef>,
) -> Result<()> {
    let sql = sql(db)?;
    for def in fields {
        let (storage, location) = match def.storage() {
            Ok(handle) => (handle.alias().to_owned(), handle.location()),
            Err(_) => (String::new(), None),
        };
        let column = || [Param::from(table), Param::from(def.spec().column)];
        let meta = def.spec().meta_column;
        let place = [Param::from(storage.as_str()), Param::from(location), Param::from(meta)];
        let known = if storage.is_empty() {
            u64::from(any(db, &sql.is_column, column().into()).await?)
        } else {
            execute(db, &sql.set_column, place.clone().into_iter().chain(column()).collect()).await?
        };
        if known == 0 {
            execute(db, &sql.add_column, column().into_iter().chain(place).collect()).await?;
        }
    }
    Ok(())
}

/// The columns of a table.
pub(crate) struct ColumnsOf {
    names: Vec<String>,
    any_case: bool,
}

impl ColumnsOf {
    pub(crate) fn has(&self, column: &str) -> bool {
        let same = |name: &String| match self.any_case {
            true => name.to_lowercase() == column.to_lowercase(),
            false => name == column,
        };
        self.names.iter().any(same)
    }
}

/// Returns the columns of `table`; none if it does not exist.
pub(crate) async fn columns_of(db: &dyn Connection, table: &str) -> Result<ColumnsOf> {
    let dialect = db.dialect();
    let found = rows(db, dialect.columns_of(), vec![table.into()]).await?;
    let names = found.iter().map(|row| row.text("name")).collect::<Result<_>>()?;
    Ok(ColumnsOf { names, any_case: dialect != Dialect::Postgres })
}

/// Forgets the noted columns of `table` that do not exist, and returns their names.
pub(crate) async fn forget_columns(db: &dyn Connection, table: &str) -> Result<Vec<String>> {
    let sql = sql(db)?;
    let there = columns_of(db, table).await?;
    let mut forgotten = Vec::new();
    for row in rows(db, &sql.columns, vec![]).await? {
        let column = row.text("model_column")?;
        if row.text("model_table")? == table && !there.has(&column) {
            execute(db, &sql.forget_column, vec![table.into(), column.as_str().into()]).await?;
            forgotten.push(column);
        }
    }
    Ok(forgotten)
}

/// Whether the column of a field has the triggers of `trigger_sql`.
pub(crate) async fn has_triggers(db: &dyn Connection, table: &str, def: &'static FieldDef) -> Result<bool> {
    any(db, &sql(db)?.has_triggers, vec![table.into(), def.spec().column.into()]).await
}

//! Connecting, and the tables that models and journal need.

use super::entity::column_type;
use super::{AnyColumn, Table};
use crate::journal::{JOURNAL_DDL, database};
use crate::{Result, SweepReport, Sweeper};
use sea_orm::sea_query::{
    Alias, ColumnDef, Index, IndexCreateStatement, Table as TableStatement, TableCreateStatement,
};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use std::time::Duration;

/// Connects to a database: `sqlite://garage.db?mode=rwc`.
///
/// SQLite is opened with write-ahead logging, `synchronous = FULL` (a commit survives a power cut), foreign keys, and
/// ten seconds of patience with other writers. Any other `sea_orm::DatabaseConnection` works as well.
///
/// # Errors
/// [`Database`](crate::ErrorKind::Database).
pub async fn connect(url: &str) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options.sqlx_logging(false);
    #[cfg(feature = "db-sqlite")]
    options.map_sqlx_sqlite_opts(|options| {
        options
            .pragma("journal_mode", "WAL")
            .pragma("synchronous", "FULL")
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
    });
    if url.starts_with("sqlite:") {
        // There is no server that could have gone away, and asking costs a round trip to the driver's thread.
        options.test_before_acquire(false);
    }
    if url.starts_with("sqlite::memory:") {
        // Every connection to a memory database is a database of its own.
        options.max_connections(1);
    }
    options.acquire_timeout(Duration::from_secs(30));
    Database::connect(options).await.map_err(database)
}

/// Makes the table of the model `M`, an index on every file column, and the journal, where they are not there yet. Tables that are there are left
/// as they are.
///
/// # Errors
/// [`Database`](crate::ErrorKind::Database); [`Registration`](crate::ErrorKind::Registration) where another model
/// has the same table.
pub async fn migrate<M: Table>(db: &impl ConnectionTrait) -> Result<()> {
    crate::registry::enter_model::<M>()?;
    for statement in JOURNAL_DDL {
        db.execute_unprepared(statement).await.map_err(database)?;
    }
    db.execute(&create_table::<M>()).await.map_err(database)?;
    for index in create_indexes::<M>() {
        db.execute(&index).await.map_err(database)?;
    }
    Ok(())
}

/// The statements that make an index on every file column of the model `M`, for migrations of one's own: before a file
/// is deleted its name is looked for in all of them (G2).
pub fn create_indexes<M: Table>() -> impl Iterator<Item = IndexCreateStatement> {
    M::FIELDS.iter().map(|field| {
        let column = field.def().spec().column;
        let mut statement = Index::create();
        statement.if_not_exists().name(format!("filefield.{}.{column}", M::TABLE));
        statement.table(Alias::new(M::TABLE)).col(Alias::new(column));
        statement
    })
}

/// The statement that makes the table of the model `M`, for migrations of one's own.
pub fn create_table<M: Table>() -> TableCreateStatement {
    let mut statement = TableStatement::create();
    statement.table(Alias::new(M::TABLE)).if_not_exists();
    for column in M::ALL {
        statement.col(column_def::<M>(*column));
    }
    statement
}

fn column_def<M: Table>(column: &dyn AnyColumn<M>) -> ColumnDef {
    let mut def = ColumnDef::new_with_type(Alias::new(column.spec().name), column_type(column));
    if !column.nullable() {
        def.not_null();
    }
    if column.spec().unique {
        def.unique_key();
    }
    if column.is_key() {
        def.primary_key();
    }
    if column.is_auto() {
        def.auto_increment();
    }
    def
}

/// Finishes what the journal says: deletes replaced files and what failed saves left behind. Run it now and then, in
/// any process; [`Sweeper`] has the knobs.
///
/// # Errors
/// Those of the database.
pub async fn sweep(db: &DatabaseConnection) -> Result<SweepReport> {
    Sweeper::new(db).run().await
}

//! Running the journal's statements through sea-orm.

use super::database;
use crate::{Error, ErrorKind, Result};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};

/// One entry, as the sweeper sees it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: i64,
    pub(super) storage: String,
    pub(super) name: String,
    pub(super) is_delete: bool,
    pub(super) is_tombstone: bool,
    pub(super) token: String,
    pub(super) attempts: i64,
    pub(super) table: String,
    pub(super) column: String,
}

impl Entry {
    fn from_row(row: &QueryResult) -> Result<Self> {
        let text = |column: &str| row.try_get::<String>("", column).map_err(database);
        Ok(Entry {
            id: row.try_get("", "id").map_err(database)?,
            storage: text("storage")?,
            name: text("name")?,
            is_delete: text("kind")? == "delete",
            is_tombstone: text("state")? == "tombstone",
            token: text("token")?,
            attempts: row.try_get("", "attempts").map_err(database)?,
            table: text("model_table")?,
            column: text("model_column")?,
        })
    }
}

/// Refuses databases whose statements are not written yet.
pub(super) fn check_backend(db: &impl ConnectionTrait) -> Result<()> {
    match db.get_database_backend() {
        DbBackend::Sqlite => Ok(()),
        other => Err(Error::new(
            ErrorKind::Unsupported,
            format!("the journal does not run on {other:?} yet, only on SQLite"),
        )),
    }
}

fn statement(sql: impl Into<String>, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}

/// Runs a statement and gives the number of rows it changed.
pub(super) async fn execute(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<u64> {
    Ok(db.execute_raw(statement(sql, values)).await.map_err(database)?.rows_affected())
}

/// Runs an insert into the journal that gives the entry's `id`, if it made one.
///
/// To its end: a driver that is asked for one row leaves the statement after it, so that the commit comes with the
/// reset of the statement, whose failure it does not tell.
pub(super) async fn insert(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<Option<i64>> {
    let rows = db.query_all_raw(statement(sql, values)).await.map_err(database)?;
    rows.first().map(|row| row.try_get::<i64>("", "id").map_err(database)).transpose()
}

/// Runs a statement that gives entries.
pub(super) async fn entries(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<Vec<Entry>> {
    let rows = db.query_all_raw(statement(sql, values)).await.map_err(database)?;
    rows.iter().map(Entry::from_row).collect()
}

/// Runs a query that gives a `token` or no row.
pub(super) async fn token(
    db: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<Option<String>> {
    let row = db.query_one_raw(statement(sql, values)).await.map_err(database)?;
    row.map(|row| row.try_get::<String>("", "token").map_err(database)).transpose()
}

/// Runs a query and says whether it gives a row.
pub(super) async fn any(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<bool> {
    Ok(db.query_one_raw(statement(sql, values)).await.map_err(database)?.is_some())
}

/// Runs a query that gives a number `n`.
pub(super) async fn count(db: &impl ConnectionTrait, sql: &str) -> Result<u64> {
    let row = db.query_one_raw(statement(sql, vec![])).await.map_err(database)?;
    let n: i64 = row.map_or(Ok(0), |row| row.try_get("", "n")).map_err(database)?;
    Ok(u64::try_from(n).unwrap_or(0))
}

//! Running the journal's statements through sea-orm.

use super::error::{database, is_duplicate};
use super::sql::{Dialect, Sql, VERSION};
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
    pub(super) multipart_id: Option<String>,
    pub(super) attempts: i64,
    pub(super) table: String,
    pub(super) column: String,
}

impl Entry {
    fn from_row(row: &QueryResult) -> Result<Self> {
        Ok(Entry {
            id: row.try_get("", "id").map_err(database)?,
            storage: text(row, "storage")?,
            name: text(row, "name")?,
            is_delete: text(row, "kind")? == "delete",
            is_tombstone: text(row, "state")? == "tombstone",
            token: text(row, "token")?,
            multipart_id: row.try_get("", "multipart_id").map_err(database)?,
            attempts: row.try_get("", "attempts").map_err(database)?,
            table: text(row, "model_table")?,
            column: text(row, "model_column")?,
        })
    }
}

/// A text, which MySQL keeps as bytes where it must compare bytewise.
pub(super) fn text(row: &QueryResult, column: &str) -> Result<String> {
    match row.try_get::<String>("", column) {
        Ok(text) => Ok(text),
        Err(error) => match row.try_get::<Vec<u8>>("", column).map(String::from_utf8) {
            Ok(Ok(text)) => Ok(text),
            _ => Err(database(error)),
        },
    }
}

/// The dialect of `db`.
pub(super) fn dialect(db: &impl ConnectionTrait) -> Result<Dialect> {
    Dialect::of(db.get_database_backend())
}

/// The statements for `db`.
pub(super) fn sql(db: &impl ConnectionTrait) -> Result<&'static Sql> {
    dialect(db).map(Sql::of)
}

fn statement(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), sql, values)
}

/// Runs a statement and gives the number of rows it changed.
pub(super) async fn execute(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<u64> {
    Ok(db.execute_raw(statement(db, sql, values)).await.map_err(database)?.rows_affected())
}

/// Runs an insert into the journal and gives the entry's `id`, if it made or changed one.
///
/// To its end: a driver that is asked for one row leaves the statement after it, so that the commit comes with the
/// reset of the statement, whose failure it does not tell.
pub(super) async fn insert(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<Option<i64>> {
    if db.get_database_backend() == DbBackend::MySql {
        return insert_last(db, sql, values).await;
    }
    let rows = db.query_all_raw(statement(db, sql, values)).await.map_err(database)?;
    rows.first().map(|row| row.try_get::<i64>("", "id").map_err(database)).transpose()
}

/// As [`insert`], for a statement that makes a new entry or none. What SQLite returns as a row takes another turn to its
/// thread and back.
pub(super) async fn insert_new(
    db: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<Option<i64>> {
    match db.get_database_backend() {
        DbBackend::Postgres => insert(db, sql, values).await,
        _ => insert_last(db, sql, values).await,
    }
}

/// An insert whose `id` the database tells without being asked.
async fn insert_last(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<Option<i64>> {
    match db.execute_raw(statement(db, sql, values)).await {
        Ok(done) if done.rows_affected() > 0 => Ok(i64::try_from(done.last_insert_id()).ok()),
        Ok(_) => Ok(None),
        Err(error) if is_duplicate(&error) => Ok(None),
        Err(error) => Err(database(error)),
    }
}

/// Runs a query.
pub(super) async fn rows(
    db: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<QueryResult>> {
    db.query_all_raw(statement(db, sql, values)).await.map_err(database)
}

/// Runs a statement that gives entries.
pub(super) async fn entries(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<Vec<Entry>> {
    rows(db, sql, values).await?.iter().map(Entry::from_row).collect()
}

/// Runs a query that gives a `token` or no row.
pub(super) async fn token(
    db: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<Option<String>> {
    rows(db, sql, values).await?.first().map(|row| text(row, "token")).transpose()
}

/// Runs a query and says whether it gives a row.
pub(super) async fn any(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<bool> {
    Ok(!rows(db, sql, values).await?.is_empty())
}

/// Runs a query that gives a number `n`.
pub(super) async fn count(db: &impl ConnectionTrait, sql: &str) -> Result<u64> {
    let found = rows(db, sql, vec![]).await?;
    let n: i64 = found.first().map_or(Ok(0), |row| row.try_get("", "n")).map_err(database)?;
    Ok(u64::try_from(n).unwrap_or(0))
}

/// Whether anything is due. Refuses tables that a newer version of this library has made.
pub(super) async fn look(db: &impl ConnectionTrait) -> Result<bool> {
    let found = rows(db, &sql(db)?.look, vec![]).await?;
    let Some(row) = found.first() else { return Ok(false) };
    let version: Option<i64> = row.try_get("", "version").map_err(database)?;
    match version {
        Some(VERSION) => Ok(row.try_get::<i64>("", "n").map_err(database)? > 0),
        version => {
            let version = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
            let text =
                format!("the journal's tables have version {version}, and this program knows {VERSION}");
            Err(Error::new(ErrorKind::Database, text))
        }
    }
}

/// What an insert that made no entry means where only newer tables can be the reason.
pub(super) async fn refused(db: &impl ConnectionTrait) -> Error {
    match look(db).await {
        Err(error) => error,
        Ok(_) => Error::new(ErrorKind::Database, "the journal took no entry").retryable(),
    }
}

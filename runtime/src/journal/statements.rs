//! Running the statements of the journal.

use super::connection::{Connection, Param, Row};
use super::sql::{Dialect, Sql, VERSION};
use crate::{Error, ErrorKind, Result};

/// An entry of the journal.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: i64,
    pub(crate) storage: String,
    pub(crate) name: String,
    pub(crate) is_delete: bool,
    pub(crate) is_tombstone: bool,
    pub(crate) token: String,
    pub(crate) multipart_id: Option<String>,
    pub(crate) attempts: i64,
    pub(crate) table: String,
    pub(crate) column: String,
}

impl Entry {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Entry {
            id: row.int("id")?,
            storage: row.text("storage")?,
            name: row.text("name")?,
            is_delete: row.text("kind")? == "delete",
            is_tombstone: row.text("state")? == "tombstone",
            token: row.text("token")?,
            multipart_id: row.text_or_null("multipart_id")?,
            attempts: row.int("attempts")?,
            table: row.text("model_table")?,
            column: row.text("model_column")?,
        })
    }
}

/// Returns the statements for `db`.
pub(crate) fn sql(db: &dyn Connection) -> Result<&'static Sql> {
    Ok(Sql::of(db.dialect()))
}

/// Runs a statement and returns the number of rows that it changed.
pub(crate) async fn execute(db: &dyn Connection, sql: &str, values: Vec<Param>) -> Result<u64> {
    db.execute(sql, values).await
}

/// Runs an insert into the journal and returns the `id` of the entry, if it created or changed one.
///
/// It reads all rows. A driver that is asked for one row stops after it, so that the commit happens when the
/// statement is reset, and the driver does not report if that fails.
pub(crate) async fn insert(db: &dyn Connection, sql: &str, values: Vec<Param>) -> Result<Option<i64>> {
    if db.dialect() == Dialect::MySql {
        return insert_last(db, sql, values).await;
    }
    db.query(sql, values).await?.first().map(|row| row.int("id")).transpose()
}

/// As [`insert`], for a statement that creates a new entry or none. On SQLite and MySQL it uses the last
/// insert's id: on SQLite a returned row would cost another round trip to the driver's thread.
pub(crate) async fn insert_new(db: &dyn Connection, sql: &str, values: Vec<Param>) -> Result<Option<i64>> {
    match db.dialect() {
        Dialect::Postgres => insert(db, sql, values).await,
        _ => insert_last(db, sql, values).await,
    }
}

/// Runs an insert whose `id` the database reports by itself.
async fn insert_last(db: &dyn Connection, sql: &str, values: Vec<Param>) -> Result<Option<i64>> {
    match db.insert(sql, values).await {
        Err(error) if error.kind() == ErrorKind::UniqueViolation => Ok(None),
        id => id,
    }
}

/// Runs a query.
pub(crate) async fn rows(db: &dyn Connection, sql: &str, values: Vec<Param>) -> Result<Vec<Row>> {
    db.query(sql, values).await
}

/// Runs a query for entries.
pub(crate) async fn entries(db: &dyn Connection, sql: &str, values: Vec<Param>) -> Result<Vec<Entry>> {
    rows(db, sql, values).await?.iter().map(Entry::from_row).collect()
}

/// Runs a query for a `token`, which may return no row.
pub(crate) async fn token(db: &dyn Connection, sql: &str, values: Vec<Param>) -> Result<Option<String>> {
    rows(db, sql, values).await?.first().map(|row| row.text("token")).transpose()
}

/// Whether a query returns a row.
pub(crate) async fn any(db: &dyn Connection, sql: &str, values: Vec<Param>) -> Result<bool> {
    Ok(!rows(db, sql, values).await?.is_empty())
}

/// Runs a query for a number `n`.
pub(crate) async fn count(db: &dyn Connection, sql: &str) -> Result<u64> {
    let found = rows(db, sql, vec![]).await?;
    let n = found.first().map_or(Ok(0), |row| row.int("n"))?;
    Ok(u64::try_from(n).unwrap_or(0))
}

/// Whether any entry is due. Fails if a newer version of this library has made the tables.
pub(crate) async fn look(db: &dyn Connection) -> Result<bool> {
    let found = rows(db, &sql(db)?.look, vec![]).await?;
    let Some(row) = found.first() else { return Ok(false) };
    match row.int_or_null("version")? {
        Some(VERSION) => Ok(row.int("n")? > 0),
        version => {
            let version = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
            let text =
                format!("the journal's tables have version {version}, and this program knows {VERSION}");
            Err(Error::new(ErrorKind::Database, text))
        }
    }
}

/// The error for an insert that created no entry, if newer tables are the only possible reason.
pub(crate) async fn refused(db: &dyn Connection) -> Error {
    match look(db).await {
        Err(error) => error,
        Ok(_) => Error::new(ErrorKind::Database, "the journal took no entry").retryable(),
    }
}

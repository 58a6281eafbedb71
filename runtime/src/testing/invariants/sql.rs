//! Queries in the SQL of SQLite, PostgreSQL and MariaDB. Text is compared byte by byte, whatever the
//! collation of the column.

use super::places::Place;
use crate::db::{Db, DbRow, Dialect, Queries, Value};
use crate::journal::is_missing_table;
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeSet;

/// Names per page.
const PAGE: usize = 1000;

/// A database to query. Every query is a separate statement, so it sees what is committed at that time.
#[derive(Clone, Debug)]
pub(super) struct Sql {
    db: Db,
}

/// An entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) storage: String,
    pub(super) kind: String,
    pub(super) state: String,
    pub(super) error: String,
}

impl Sql {
    pub(super) fn new(db: &Db) -> Self {
        Sql { db: db.clone() }
    }

    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    fn is_mysql(&self) -> bool {
        self.db.dialect() == Dialect::MySql
    }

    fn quoted(&self, identifier: &str) -> String {
        let quote = if self.is_mysql() { '`' } else { '"' };
        format!("{quote}{}{quote}", identifier.replace(quote, &format!("{quote}{quote}")))
    }

    /// The column with its table: SQLite treats a quoted identifier that names no column as text.
    fn column(&self, table: &str, column: &str) -> String {
        format!("{}.{}", self.quoted(table), self.quoted(column))
    }

    /// A text column that is compared and sorted by its bytes.
    fn exact(&self, column: &str) -> String {
        match self.db.dialect() {
            // Even its binary collations may ignore trailing blanks.
            Dialect::MySql => format!("CAST(CONVERT({column} USING utf8mb4) AS BINARY)"),
            Dialect::Postgres => format!("{column} COLLATE \"C\""),
            _ => format!("{column} COLLATE BINARY"),
        }
    }

    /// A parameter to compare with an exact column.
    fn bytes(&self, text: &str) -> Value {
        if self.is_mysql() { Value::from(text.as_bytes().to_vec()) } else { text.into() }
    }

    fn parameters(&self, count: usize) -> String {
        let postgres = self.db.dialect() == Dialect::Postgres;
        let parameter = |n: usize| if postgres { format!("${n}") } else { "?".to_owned() };
        (1..=count).map(parameter).collect::<Vec<_>>().join(", ")
    }

    async fn rows(&self, sql: String, values: Vec<Value>) -> Result<Vec<DbRow>> {
        self.db.query(&sql, values).await
    }

    /// The value of an exact column.
    fn text(&self, row: &DbRow, column: &str) -> Result<String> {
        if !self.is_mysql() {
            return row.get(column);
        }
        let bytes: Vec<u8> = row.get(column)?;
        String::from_utf8(bytes)
            .map_err(|_| Error::new(ErrorKind::Database, "the database gave a text that is not UTF-8"))
    }

    pub(super) async fn has_table(&self, table: &str) -> Result<bool> {
        match self.rows(format!("SELECT 1 FROM {} WHERE 1 = 0", self.quoted(table)), vec![]).await {
            Ok(_) => Ok(true),
            Err(error) if is_missing_table(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The next distinct names in a column after `after`, sorted by their bytes; empty at the end.
    pub(super) async fn page(&self, table: &str, column: &str, after: &str) -> Result<Vec<String>> {
        let exact = self.exact(&self.column(table, column));
        let (table, parameter) = (self.quoted(table), self.parameters(1));
        let sql = format!(
            "SELECT DISTINCT {exact} AS name FROM {table} WHERE {exact} > {parameter} ORDER BY 1 LIMIT {PAGE}"
        );
        let rows = self.rows(sql, vec![self.bytes(after)]).await?;
        rows.iter().map(|row| self.text(row, "name")).collect()
    }

    /// The values of a column that the database treats as equal to one of these names, each with the storages
    /// that rows record for it. The empty text stands for rows that record none.
    pub(super) async fn holding(
        &self,
        place: &Place,
        names: &[String],
    ) -> Result<BTreeSet<(String, String)>> {
        if names.is_empty() {
            return Ok(BTreeSet::new());
        }
        let column = self.column(place.table, place.column);
        let (exact, table, list) =
            (self.exact(&column), self.quoted(place.table), self.parameters(names.len()));
        let stated = match place.meta.map(|meta| self.column(place.table, meta)) {
            None => "''".to_owned(),
            Some(meta) => match self.db.dialect() {
                Dialect::MySql => format!("JSON_VALUE({meta}, '$.storage')"),
                Dialect::Postgres => format!("CAST({meta} AS jsonb) ->> 'storage'"),
                _ => format!("{meta} ->> '$.storage'"),
            },
        };
        let stated = self.exact(&format!("COALESCE({stated}, '')"));
        let sql = format!(
            "SELECT DISTINCT {exact} AS name, {stated} AS storage FROM {table} WHERE {column} IN ({list})"
        );
        let rows = self.rows(sql, names.iter().map(|name| name.as_str().into()).collect()).await?;
        rows.iter().map(|row| Ok((self.text(row, "name")?, self.text(row, "storage")?))).collect()
    }

    /// At most `most` entries of the journal. If `names` is not empty, only entries of these names.
    pub(super) async fn journal(&self, names: &[String], most: usize) -> Result<Vec<Entry>> {
        let exact = |column: &str| format!("{} AS {column}", self.exact(&self.column(JOURNAL, column)));
        let columns = ["name", "storage", "kind", "state"].map(exact).join(", ");
        let error = self.exact(&format!("COALESCE({}, '')", self.column(JOURNAL, "last_error")));
        let condition = match names.len() {
            0 => String::new(),
            count => format!(" WHERE {} IN ({})", self.column(JOURNAL, "name"), self.parameters(count)),
        };
        let journal = self.quoted(JOURNAL);
        let sql =
            format!("SELECT {columns}, {error} AS error FROM {journal}{condition} ORDER BY 1 LIMIT {most}");
        let rows = self.rows(sql, names.iter().map(|name| name.as_str().into()).collect()).await?;
        let entry = |row: &DbRow| {
            Ok(Entry {
                name: self.text(row, "name")?,
                storage: self.text(row, "storage")?,
                kind: self.text(row, "kind")?,
                state: self.text(row, "state")?,
                error: self.text(row, "error")?,
            })
        };
        rows.iter().map(entry).collect()
    }
}

/// The journal's table.
pub(super) const JOURNAL: &str = "filefield_journal";

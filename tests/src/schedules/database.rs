//! The database under the library's own code: SQLite with write-ahead logging, one statement per step, and a
//! clock that the schedule moves.
//!
//! It is a driver of the library, in the place of a pool of sqlx. A transaction has a separate connection, as in
//! the pool, so others see of it what SQLite lets them see.

use super::bugs::{self, Bug};
use super::{gate, lock};
use async_trait::async_trait;
use filefield::__private::{Driver, Session, driver_failure};
use filefield::Error;
use filefield::db::{Db, DbRow, Dialect, Done, Queries, Value};
use rusqlite::types::{ToSqlOutput, Value as Sql, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql, ffi, functions::FunctionFlags};
use std::any::Any;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::task;

/// The database's time, in seconds.
static CLOCK: AtomicI64 = AtomicI64::new(1_800_000_000);

static DB: Mutex<Option<Connections>> = Mutex::new(None);

/// Statements that were run.
pub(super) static STATEMENTS: AtomicU64 = AtomicU64::new(0);

/// A statement and its parameters.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

/// The names and values of the columns.
pub(super) type Row = Vec<(String, Value)>;
pub(super) type Answer = (Vec<Row>, Done);

struct Connections {
    path: PathBuf,
    auto: Connection,
    idle: Vec<Connection>,
    committed: Vec<Commit>,
}

struct Transaction {
    /// `None` after the end.
    connection: Option<Connection>,
    began: Option<u64>,
    texts: Vec<String>,
    depth: u32,
    writes: bool,
}

/// A transaction that wrote rows, and when it began.
pub(super) struct Commit {
    pub(super) began: u64,
    pub(super) texts: Vec<String>,
}

/// Statements outside transactions, and the transactions.
#[derive(Debug)]
struct Stepped;

pub(super) fn connect(path: &Path) -> super::Result<Db> {
    let auto = connection(path)?;
    *lock(&DB) = Some(Connections { path: path.to_owned(), auto, idle: Vec::new(), committed: Vec::new() });
    Ok(Db::from(Stepped))
}

fn connection(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.set_prepared_statement_cache_capacity(200);
    connection.busy_timeout(std::time::Duration::ZERO)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.create_scalar_function("unixepoch", 0, FunctionFlags::SQLITE_UTF8, |_| {
        Ok(CLOCK.load(Ordering::Relaxed))
    })?;
    Ok(connection)
}

/// Moves the database's clock, in seconds.
pub(super) fn advance(seconds: i64) {
    CLOCK.fetch_add(seconds, Ordering::Relaxed);
}

/// Empties the tables.
pub(super) fn reset(tables: &[&str]) -> super::Result {
    let mut db = lock(&DB);
    let db = db.as_mut().ok_or("no database")?;
    db.committed.clear();
    gate::WRITING.store(false, Ordering::Relaxed);
    db.auto.prepare_cached("BEGIN")?.execute([])?;
    for table in tables {
        db.auto.prepare_cached(&format!("DELETE FROM {table}"))?.execute([])?;
    }
    db.auto.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}

/// Gives the only row of a table the key 1.
pub(super) fn rename_key(table: &str, key: i64) -> super::Result {
    let db = lock(&DB);
    let db = db.as_ref().ok_or("no database")?;
    db.auto.prepare_cached(&format!("UPDATE {table} SET id = 1 WHERE id = ?"))?.execute([key])?;
    Ok(())
}

/// What the committed transactions wrote, oldest first.
pub(super) fn with_commits<T>(look: impl FnOnce(&[Commit]) -> T) -> T {
    look(lock(&DB).as_ref().map_or(&[], |db| &db.committed))
}

/// The texts in the one column that `sql` selects, of committed rows.
pub(super) fn texts(sql: &str, values: &[&str]) -> super::Result<Vec<String>> {
    let mut db = lock(&DB);
    let db = db.as_mut().ok_or("no database")?;
    let mut statement = db.auto.prepare_cached(sql)?;
    let rows = statement.query_map(rusqlite::params_from_iter(values), |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

struct Parameter<'a>(&'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(match self.0 {
            Value::Bool(value) => value.map_or(Sql::Null, |value| Sql::Integer(value.into())),
            Value::Int(value) => value.map_or(Sql::Null, |value| Sql::Integer(value.into())),
            Value::BigInt(value) => value.map_or(Sql::Null, Sql::Integer),
            Value::BigUnsigned(Some(value)) => Sql::Integer(value.cast_signed()),
            Value::String(Some(text)) => return Ok(ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))),
            Value::String(None) => Sql::Null,
            other => return Err(rusqlite::Error::ToSqlConversionFailure(format!("{other:?}").into())),
        }))
    }
}

enum Failure {
    /// Another transaction writes: retry when it has ended.
    Busy,
    Error(Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error() {
            // A transaction that has read and wants to write after another one has written. Waiting would not
            // help.
            Some(inner) if inner.extended_code == ffi::SQLITE_BUSY_SNAPSHOT => {}
            Some(inner) if inner.code == ErrorCode::DatabaseBusy => return Failure::Busy,
            _ => {}
        }
        Failure::Error(driver_failure(error.to_string()))
    }
}

fn run_on(connection: &Connection, statement: &Statement) -> Result<Answer, Failure> {
    let mut prepared = connection.prepare_cached(&statement.sql)?;
    let values = statement.values.iter().map(Parameter);
    let values = rusqlite::params_from_iter(values);
    let columns: Vec<String> = prepared.column_names().into_iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    if columns.is_empty() {
        prepared.execute(values)?;
    } else {
        let mut found = prepared.query(values)?;
        while let Some(row) = found.next()? {
            let mut values = Row::new();
            for (index, column) in columns.iter().enumerate() {
                let value = match row.get_ref(index)? {
                    ValueRef::Integer(number) => Value::BigInt(Some(number)),
                    ValueRef::Text(text) => Value::String(Some(String::from_utf8_lossy(text).into_owned())),
                    _ => Value::String(None),
                };
                values.push((column.clone(), value));
            }
            rows.push(values);
        }
    }
    Ok((rows, Done { rows: connection.changes(), last_id: connection.last_insert_rowid() }))
}

impl Transaction {
    fn run(&mut self, statement: &Statement) -> Result<Answer, Failure> {
        let connection = self.connection.as_ref().ok_or_else(no_transaction)?;
        let answer = run_on(connection, statement)?;
        // It sees what was there at its first statement.
        self.began.get_or_insert_with(gate::step);
        if !statement.sql.starts_with("SELECT") {
            if !self.writes {
                self.writes = true;
                gate::WRITING.store(true, Ordering::Relaxed);
            }
            if !statement.sql.contains("filefield_journal") {
                self.texts.extend(statement.values.iter().filter_map(|value| match value {
                    Value::String(Some(text)) => Some(text.clone()),
                    _ => None,
                }));
            }
        }
        Ok(answer)
    }

    fn end(&mut self, commit: bool) -> filefield::Result<()> {
        if self.depth > 0 {
            let (name, connection) = (self.depth, self.connection.as_ref());
            let undo = if commit { String::new() } else { format!("ROLLBACK TO s{name}; ") };
            let ended = connection.map(|on| on.execute_batch(&format!("{undo}RELEASE s{name}")));
            self.depth -= 1;
            return ended.unwrap_or(Ok(())).map_err(|error| driver_failure(error.to_string()));
        }
        // There is none if the transaction has ended.
        let Some(connection) = self.connection.take() else { return Ok(()) };
        let sql = if commit { "COMMIT" } else { "ROLLBACK" };
        gate::trace(|| sql.to_owned());
        let ended = connection.prepare_cached(sql).and_then(|mut end| end.execute([]));
        if self.writes {
            gate::WRITING.store(false, Ordering::Relaxed);
        }
        ended.map_err(|error| driver_failure(error.to_string()))?;
        if let Some(db) = lock(&DB).as_mut() {
            db.idle.push(connection);
            if commit {
                let began = self.began.unwrap_or_else(gate::step);
                db.committed.push(Commit { began, texts: std::mem::take(&mut self.texts) });
            }
        }
        Ok(())
    }
}

fn no_transaction() -> Failure {
    Failure::Error(driver_failure("no transaction".to_owned()))
}

/// Runs a statement as changed by the planted bugs.
async fn run(
    transaction: &mut Option<&mut Transaction>,
    sql: &str,
    values: Vec<Value>,
) -> filefield::Result<Answer> {
    let statement = Statement { sql: sql.to_owned(), values };
    if bugs::is_planted(Bug::ProbeBeforeWriter) && bugs::is_writer(&statement.sql) {
        // The rows are searched before the journal is asked, not after it.
        let mut early = HashMap::new();
        let name = statement.values.last().cloned();
        for sql in bugs::probes() {
            let values = [name.clone(), name.clone()].into_iter().flatten().collect();
            let rows = run_plain(transaction, &Statement { sql: sql.clone(), values }).await?.0;
            early.insert(sql, rows);
        }
        bugs::answer_early(task::try_id(), early);
    }
    if let Some(rows) = bugs::early_answer(task::try_id(), &statement.sql) {
        return Ok((rows, bugs::DONE));
    }
    let (statement, then) = bugs::spoil(statement);
    let answer = run_plain(transaction, &statement).await?;
    Ok(then(answer))
}

async fn run_plain(
    transaction: &mut Option<&mut Transaction>,
    statement: &Statement,
) -> filefield::Result<Answer> {
    STATEMENTS.fetch_add(1, Ordering::Relaxed);
    let mut needs_writer = false;
    loop {
        gate::pass(needs_writer).await;
        let answer = match transaction {
            Some(transaction) => transaction.run(statement),
            None => {
                let db = lock(&DB);
                db.as_ref().ok_or_else(no_transaction).and_then(|db| run_on(&db.auto, statement))
            }
        };
        match answer {
            Ok(answer) => {
                gate::trace(|| {
                    let Statement { sql, values } = statement;
                    format!("{sql} {values:?} -> {} {}", answer.0.len(), answer.1.rows)
                });
                return Ok(answer);
            }
            Err(Failure::Busy) if gate::is_closed() => needs_writer = true,
            Err(Failure::Busy) => return Err(driver_failure("database is locked".to_owned())),
            Err(Failure::Error(error)) => return Err(error),
        }
    }
}

fn try_begin(writes: bool) -> Result<Transaction, Failure> {
    let mut db = lock(&DB);
    let db = db.as_mut().ok_or_else(no_transaction)?;
    let connection = match db.idle.pop() {
        Some(connection) => connection,
        None => connection(&db.path)?,
    };
    let sql = if writes { "BEGIN IMMEDIATE" } else { "BEGIN" };
    let began = connection.prepare_cached(sql).and_then(|mut begin| begin.execute([]));
    if let Err(error) = began {
        db.idle.push(connection);
        return Err(error.into());
    }
    if writes {
        gate::WRITING.store(true, Ordering::Relaxed);
    }
    Ok(Transaction {
        connection: Some(connection),
        began: writes.then(gate::step),
        texts: Vec::new(),
        depth: 0,
        writes,
    })
}

#[async_trait]
impl Queries for Stepped {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }
    async fn run(&self, sql: &str) -> filefield::Result<u64> {
        Ok(run(&mut None, sql, Vec::new()).await?.1.rows)
    }
    async fn execute(&self, sql: &str, values: Vec<Value>) -> filefield::Result<Done> {
        Ok(run(&mut None, sql, values).await?.1)
    }
    async fn query(&self, sql: &str, values: Vec<Value>) -> filefield::Result<Vec<DbRow>> {
        Ok(run(&mut None, sql, values).await?.0.into_iter().map(DbRow::from).collect())
    }
}

#[async_trait]
impl Driver for Stepped {
    async fn begin(&self, writes: bool) -> filefield::Result<Box<dyn Session>> {
        let mut needs_writer = false;
        loop {
            gate::pass(needs_writer).await;
            match try_begin(writes) {
                Ok(transaction) => {
                    gate::trace(|| "BEGIN".to_owned());
                    return Ok(Box::new(transaction));
                }
                Err(Failure::Busy) if gate::is_closed() => needs_writer = true,
                Err(Failure::Busy) => return Err(driver_failure("database is locked".to_owned())),
                Err(Failure::Error(error)) => return Err(error),
            }
        }
    }

    async fn close(&self) {}

    fn shared(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }
}

#[async_trait]
impl Session for Transaction {
    async fn run(&mut self, sql: &str) -> filefield::Result<u64> {
        Ok(run(&mut Some(self), sql, Vec::new()).await?.1.rows)
    }

    async fn execute(&mut self, sql: &str, values: Vec<Value>) -> filefield::Result<Done> {
        Ok(run(&mut Some(self), sql, values).await?.1)
    }

    async fn query(&mut self, sql: &str, values: Vec<Value>) -> filefield::Result<Vec<DbRow>> {
        Ok(run(&mut Some(self), sql, values).await?.0.into_iter().map(DbRow::from).collect())
    }

    async fn savepoint(&mut self) -> filefield::Result<()> {
        gate::pass(false).await;
        self.depth += 1;
        let connection =
            self.connection.as_ref().ok_or_else(|| driver_failure("no transaction".to_owned()))?;
        let begun = connection.execute_batch(&format!("SAVEPOINT s{}", self.depth));
        begun.map_err(|error| driver_failure(error.to_string()))
    }

    async fn commit(&mut self) -> filefield::Result<()> {
        gate::pass(false).await;
        self.end(true)
    }

    async fn rollback(&mut self) -> filefield::Result<()> {
        gate::pass(false).await;
        self.end(false)
    }

    fn start_rollback(&mut self) {
        // Nobody can be told.
        let _ = self.end(false);
    }
}

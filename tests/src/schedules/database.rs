//! The database under the library's own code: SQLite with write-ahead logging, one statement per step, and a
//! clock that the schedule moves.
//!
//! sea-orm's proxy passes on each statement before it runs. A transaction has a separate connection, as in
//! the pool, so others see of it what SQLite lets them see.

use super::bugs::{self, Bug};
use super::{gate, lock};
use rusqlite::types::{ToSqlOutput, Value as Sql, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql, ffi, functions::FunctionFlags};
use sea_orm::{
    Database, DatabaseConnection, DbBackend, DbErr, ProxyDatabaseTrait, ProxyExecResult, ProxyRow, Statement,
    Value,
};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::task;

/// The database's time, in seconds.
static CLOCK: AtomicI64 = AtomicI64::new(1_800_000_000);

static DB: Mutex<Option<Db>> = Mutex::new(None);

/// Statements that were run.
pub(super) static STATEMENTS: AtomicU64 = AtomicU64::new(0);

type Owner = (u64, Option<task::Id>);
type Answer = (Vec<ProxyRow>, ProxyExecResult);

struct Db {
    path: PathBuf,
    auto: Connection,
    idle: Vec<Connection>,
    open: HashMap<Owner, Transaction>,
    committed: Vec<Commit>,
}

struct Transaction {
    connection: Connection,
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

#[derive(Debug)]
struct Proxy {
    id: u64,
    /// Whether transactions begin with `BEGIN IMMEDIATE`, as the library's do.
    immediate: bool,
}

/// The library's own connection, and one for the transactions of users.
pub(super) async fn connect(path: &Path) -> super::Result<(DatabaseConnection, DatabaseConnection)> {
    let auto = connection(path)?;
    *lock(&DB) = Some(Db {
        path: path.to_owned(),
        auto,
        idle: Vec::new(),
        open: HashMap::new(),
        committed: Vec::new(),
    });
    let proxy = async |id, immediate| {
        Database::connect_proxy(DbBackend::Sqlite, Arc::new(Box::new(Proxy { id, immediate }))).await
    };
    Ok((proxy(1, true).await?, proxy(2, false).await?))
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
    db.open.clear();
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
    Error(DbErr),
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
        Failure::Error(DbErr::Custom(error.to_string()))
    }
}

fn run_on(connection: &Connection, statement: &Statement) -> Result<Answer, Failure> {
    let mut prepared = connection.prepare_cached(&statement.sql)?;
    let values = statement.values.iter().flat_map(|values| values.iter()).map(Parameter);
    let values = rusqlite::params_from_iter(values);
    let columns: Vec<String> = prepared.column_names().into_iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    if columns.is_empty() {
        prepared.execute(values)?;
    } else {
        let mut found = prepared.query(values)?;
        while let Some(row) = found.next()? {
            let mut values = BTreeMap::new();
            for (index, column) in columns.iter().enumerate() {
                let value = match row.get_ref(index)? {
                    ValueRef::Integer(number) => Value::BigInt(Some(number)),
                    ValueRef::Text(text) => Value::String(Some(String::from_utf8_lossy(text).into_owned())),
                    _ => Value::String(None),
                };
                values.insert(column.clone(), value);
            }
            rows.push(ProxyRow::new(values));
        }
    }
    let inserted = connection.last_insert_rowid().cast_unsigned();
    Ok((rows, ProxyExecResult::new(inserted, connection.changes())))
}

impl Proxy {
    fn owner(&self) -> Owner {
        (self.id, task::try_id())
    }

    fn try_run(&self, statement: &Statement) -> Result<Answer, Failure> {
        let mut db = lock(&DB);
        let db = db.as_mut().ok_or_else(|| Failure::Error(DbErr::Custom("no database".to_owned())))?;
        let Some(transaction) = db.open.get_mut(&self.owner()) else {
            return run_on(&db.auto, statement);
        };
        let answer = run_on(&transaction.connection, statement)?;
        // It sees what was there at its first statement.
        transaction.began.get_or_insert_with(gate::step);
        if !statement.sql.starts_with("SELECT") {
            if !transaction.writes {
                transaction.writes = true;
                gate::WRITING.store(true, Ordering::Relaxed);
            }
            if !statement.sql.contains("filefield_journal") {
                let texts = statement.values.iter().flat_map(|values| values.iter());
                transaction.texts.extend(texts.filter_map(|value| match value {
                    Value::String(Some(text)) => Some(text.clone()),
                    _ => None,
                }));
            }
        }
        Ok(answer)
    }

    /// Runs a statement as changed by the planted bugs.
    async fn run(&self, statement: Statement) -> Result<Answer, DbErr> {
        if bugs::is_planted(Bug::ProbeBeforeWriter) && bugs::is_writer(&statement.sql) {
            // The rows are searched before the journal is asked, not after it.
            let mut early = HashMap::new();
            let name = statement.values.iter().flat_map(|values| values.iter()).last().cloned();
            for sql in bugs::probes() {
                let probe = Statement::from_sql_and_values(
                    DbBackend::Sqlite,
                    &sql,
                    [name.clone(), name.clone()].into_iter().flatten(),
                );
                early.insert(sql, self.run_plain(probe).await?.0);
            }
            bugs::answer_early(task::try_id(), early);
        }
        if let Some(rows) = bugs::early_answer(task::try_id(), &statement.sql) {
            return Ok((rows, ProxyExecResult::default()));
        }
        let (statement, then) = bugs::spoil(statement);
        let answer = self.run_plain(statement).await?;
        Ok(then(answer))
    }

    async fn run_plain(&self, statement: Statement) -> Result<Answer, DbErr> {
        STATEMENTS.fetch_add(1, Ordering::Relaxed);
        let mut needs_writer = false;
        loop {
            gate::pass(needs_writer).await;
            match self.try_run(&statement) {
                Ok(answer) => {
                    gate::trace(|| format!("{statement} -> {} {}", answer.0.len(), answer.1.rows_affected));
                    return Ok(answer);
                }
                Err(Failure::Busy) if gate::is_closed() => needs_writer = true,
                Err(Failure::Busy) => return Err(DbErr::Custom("database is locked".to_owned())),
                Err(Failure::Error(error)) => return Err(error),
            }
        }
    }

    fn try_begin(&self) -> Result<(), Failure> {
        let mut db = lock(&DB);
        let db = db.as_mut().ok_or_else(|| Failure::Error(DbErr::Custom("no database".to_owned())))?;
        if let Some(outer) = db.open.get_mut(&self.owner()) {
            outer.depth += 1;
            outer.connection.execute_batch(&format!("SAVEPOINT s{}", outer.depth))?;
            return Ok(());
        }
        let connection = match db.idle.pop() {
            Some(connection) => connection,
            None => connection(&db.path)?,
        };
        let sql = if self.immediate { "BEGIN IMMEDIATE" } else { "BEGIN" };
        let began = connection.prepare_cached(sql).and_then(|mut begin| begin.execute([]));
        if let Err(error) = began {
            db.idle.push(connection);
            return Err(error.into());
        }
        if self.immediate {
            gate::WRITING.store(true, Ordering::Relaxed);
        }
        let transaction = Transaction {
            connection,
            began: self.immediate.then(gate::step),
            texts: Vec::new(),
            depth: 0,
            writes: self.immediate,
        };
        db.open.insert(self.owner(), transaction);
        Ok(())
    }

    fn end(&self, commit: bool) {
        let mut db = lock(&DB);
        let Some(db) = db.as_mut() else { return };
        let owner = self.owner();
        // There is none if the task was dropped before its turn to begin.
        let Some(mut transaction) = db.open.remove(&owner) else { return };
        if transaction.depth > 0 {
            let name = transaction.depth;
            let undo = if commit { String::new() } else { format!("ROLLBACK TO s{name}; ") };
            transaction.connection.execute_batch(&format!("{undo}RELEASE s{name}")).ok();
            transaction.depth -= 1;
            db.open.insert(owner, transaction);
            return;
        }
        let sql = if commit { "COMMIT" } else { "ROLLBACK" };
        gate::trace(|| sql.to_owned());
        let ended = transaction.connection.prepare_cached(sql).and_then(|mut end| end.execute([]));
        if transaction.writes {
            gate::WRITING.store(false, Ordering::Relaxed);
        }
        if ended.is_ok() && commit {
            db.committed.push(Commit {
                began: transaction.began.unwrap_or_else(gate::step),
                texts: transaction.texts,
            });
        }
        if ended.is_ok() {
            db.idle.push(transaction.connection);
        }
    }
}

#[async_trait::async_trait]
impl ProxyDatabaseTrait for Proxy {
    async fn query(&self, statement: Statement) -> Result<Vec<ProxyRow>, DbErr> {
        Ok(self.run(statement).await?.0)
    }

    async fn execute(&self, statement: Statement) -> Result<ProxyExecResult, DbErr> {
        Ok(self.run(statement).await?.1)
    }

    async fn begin(&self) {
        let mut needs_writer = false;
        loop {
            gate::pass(needs_writer).await;
            match self.try_begin() {
                Err(Failure::Busy) if gate::is_closed() => needs_writer = true,
                Ok(()) => return gate::trace(|| "BEGIN".to_owned()),
                // The first statement then fails, because it would not be in a transaction.
                _ => return,
            }
        }
    }

    async fn commit(&self) {
        gate::pass(false).await;
        self.end(true);
    }

    async fn rollback(&self) {
        gate::pass(false).await;
        self.end(false);
    }

    fn start_rollback(&self) {
        self.end(false);
    }
}

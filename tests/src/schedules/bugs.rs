//! Negative controls: the protocol with one part removed. Each must be found within the count of the CI run;
//! otherwise a run without findings proves nothing.
//!
//! The controls change statements and answers between the library and the database, so the library needs no
//! switches for them. If a control never sees its statement, it has not fired, and the campaign fails. This
//! detects changes of the statements.

use super::database::{Answer, Row, Statement};
use super::{actors, lock};
use filefield::db::{Done, Value};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::task;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    /// A row is written although its entry was swept.
    NoFence,
    /// No column is searched before a deletion.
    NoProbe,
    /// Any file counts as the announced file.
    NoOwnership,
    /// A swept write is forgotten at once.
    NoSecondLook,
    /// The rows are searched before the journal is asked for a save that has taken the name.
    ProbeBeforeWriter,
    /// The journal is not asked for such a save at all.
    NoWriter,
    /// A name is given to a save while an entry holds it.
    ReuseReserved,
    /// A name that a sweeper is deleting may be written into a row.
    NameWhileGoing,
}

pub(super) const ALL: [Bug; 8] = [
    Bug::NoFence,
    Bug::NoProbe,
    Bug::NoOwnership,
    Bug::NoSecondLook,
    Bug::ProbeBeforeWriter,
    Bug::NoWriter,
    Bug::ReuseReserved,
    Bug::NameWhileGoing,
];

const NONE: usize = usize::MAX;

static PLANTED: AtomicUsize = AtomicUsize::new(NONE);

/// How often the planted bug changed a statement or an answer.
static FIRED: AtomicU64 = AtomicU64::new(0);

type Early = HashMap<Option<task::Id>, HashMap<String, Vec<Row>>>;

/// Answers of probes that were run too early, by task.
static EARLY: Mutex<Option<Early>> = Mutex::new(None);

/// What a statement did that was not run.
pub(super) const DONE: Done = Done { rows: 0, last_id: 0 };

/// Plants a bug, or removes it with `None`.
pub(super) fn plant(bug: Option<Bug>) {
    let index = bug.and_then(|bug| ALL.iter().position(|known| *known == bug));
    PLANTED.store(index.unwrap_or(NONE), Ordering::Relaxed);
    FIRED.store(0, Ordering::Relaxed);
    forget();
}

/// Resets between two schedules.
pub(super) fn forget() {
    *lock(&EARLY) = None;
}

pub(super) fn is_planted(bug: Bug) -> bool {
    ALL.get(PLANTED.load(Ordering::Relaxed)) == Some(&bug)
}

pub(super) fn fired() -> u64 {
    FIRED.load(Ordering::Relaxed)
}

/// Whether `bug` acts now. Counts it.
pub(super) fn fires(bug: Bug) -> bool {
    let planted = is_planted(bug);
    FIRED.fetch_add(planted.into(), Ordering::Relaxed);
    planted
}

/// A save holds the entry of its file before it writes the row.
fn is_hold(sql: &str) -> bool {
    sql.starts_with("UPDATE filefield_journal SET due_at = ")
        && sql.contains("kind = 'write' AND state = 'pending'")
}

fn is_attach(sql: &str) -> bool {
    sql.starts_with("DELETE FROM filefield_journal") && sql.contains("state = 'pending'")
}

/// Whether this is the query for the token of a save that has taken a name.
pub(super) fn is_writer(sql: &str) -> bool {
    sql.starts_with("SELECT token FROM filefield_journal")
}

fn is_probe(sql: &str) -> bool {
    sql.starts_with("SELECT DISTINCT ") && sql.contains(" AS stated FROM ")
}

fn is_going(sql: &str) -> bool {
    sql.starts_with("SELECT 1 AS n FROM filefield_journal")
}

fn is_reserve(sql: &str) -> bool {
    sql.contains("NOT EXISTS (SELECT 1 FROM filefield_journal WHERE")
}

fn is_bury(sql: &str) -> bool {
    sql.starts_with("UPDATE filefield_journal SET state = 'tombstone'")
}

/// The probes of all columns.
pub(super) fn probes() -> impl Iterator<Item = String> {
    actors::TABLES.into_iter().map(|table| {
        format!("SELECT DISTINCT '' AS stated FROM \"{table}\" WHERE \"{table}\".\"image\" IN (?, ?) LIMIT 1")
    })
}

pub(super) fn answer_early(task: Option<task::Id>, answers: HashMap<String, Vec<Row>>) {
    lock(&EARLY).get_or_insert_default().insert(task, answers);
}

pub(super) fn early_answer(task: Option<task::Id>, sql: &str) -> Option<Vec<Row>> {
    if !is_planted(Bug::ProbeBeforeWriter) || !is_probe(sql) {
        return None;
    }
    let answer = lock(&EARLY).as_mut()?.get_mut(&task)?.remove(sql)?;
    fires(Bug::ProbeBeforeWriter);
    Some(answer)
}

fn same(answer: Answer) -> Answer {
    answer
}

fn nothing(_: Answer) -> Answer {
    (Vec::new(), DONE)
}

fn one((rows, mut result): Answer) -> Answer {
    result.rows = 1;
    (rows, result)
}

/// The statement as changed by the planted bug, and the bug's change of its answer.
pub(super) fn spoil(mut statement: Statement) -> (Statement, fn(Answer) -> Answer) {
    let Some(bug) = ALL.get(PLANTED.load(Ordering::Relaxed)) else { return (statement, same) };
    let sql = statement.sql.as_str();
    let then = match bug {
        Bug::NoFence if is_hold(sql) || is_attach(sql) => one,
        Bug::NoProbe if is_probe(sql) => nothing,
        Bug::NoWriter if is_writer(sql) => nothing,
        Bug::NameWhileGoing if is_going(sql) => nothing,
        Bug::ReuseReserved if is_reserve(sql) => {
            for value in &mut statement.values {
                if matches!(value, Value::String(Some(text)) if text.starts_with('[')) {
                    *value = "[]".into();
                }
            }
            same
        }
        Bug::NoSecondLook if is_bury(sql) => {
            let id = statement.values.get(1).cloned();
            statement = delete(id);
            same
        }
        _ => return (statement, same),
    };
    fires(*bug);
    (statement, then)
}

fn delete(id: Option<Value>) -> Statement {
    Statement {
        sql: "DELETE FROM filefield_journal WHERE id = ?".to_owned(),
        values: id.into_iter().collect(),
    }
}

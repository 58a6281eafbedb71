//! Faults of the database. On PostgreSQL and MariaDB, connections are ended, requests and answers are lost
//! (mostly those of a `COMMIT`), servers are restarted and killed, and others hold locks. On SQLite, another
//! program holds the lock at every step, or the file is read-only. Then the world settles over new
//! connections, everything must agree, and the failed operation is done once more.
//!
//! `database [--db postgres] [--count 300] [--operations create,replace]`

mod cancelled;
mod locks;
mod proxy;
mod servers;
mod sqlite;
mod wire;

use super::Result;
use super::options::Options;
use super::report::Report;
use super::world::{Change, Order, Outcome, Settled};
use filefield_tests::databases::Kind;

pub(crate) fn run(options: &Options) -> Result<Report> {
    match options.db {
        Kind::Sqlite => sqlite::run(options),
        _ => servers::run(options),
    }
}

/// An operation may fail, but only with an error that a program can match on.
fn judge_outcome(report: &mut Report, outcome: &Outcome, tried: &str) {
    let Outcome::Failed { kind, uncertain, text, .. } = outcome else {
        report.add("done all the same", 1);
        return;
    };
    report.add(if *uncertain { "failed, nobody knows how" } else { "failed, nothing was done" }, 1);
    if kind != "Database" {
        report.violation("typed", format!("{kind}: {text}; after {tried}"));
    }
}

/// Whether `order` can be repeated in this world.
pub(super) fn can_be_repeated(order: &Order, settled: &Settled) -> bool {
    let is_there = settled.rows.contains_key(&order.row);
    match order.change {
        Change::Create(_) => !is_there,
        Change::Sweep => true,
        _ => is_there,
    }
}

//! Locks that others hold too long.

use super::servers::Stage;
use super::{Outcome, judge_outcome};
use crate::campaign::Result;
use crate::campaign::child::End;
use crate::campaign::options::Options;
use crate::campaign::report::Report;
use crate::campaign::scenario;
use crate::campaign::world::Random;
use filefield::db::Queries;
use filefield_tests::databases::{Kind, Server};
use std::sync::Arc;

/// From now on, lock waits are as short as MariaDB allows (one second); on PostgreSQL they are shorter.
pub(super) fn shorten_waits(server: &Arc<Server>, url: &str) -> Result {
    let name = url.split(['/', '?']).nth(3).unwrap_or_default();
    let statement = match server.kind() {
        Kind::MariaDb => "SET GLOBAL innodb_lock_wait_timeout = 1".to_owned(),
        _ => format!("ALTER DATABASE \"{name}\" SET lock_timeout = '200ms'"),
    };
    runtime()?.block_on(async { server.admin().await?.run(&statement).await })?;
    Ok(())
}

/// What is locked, and by which statement.
fn holds(kind: Kind) -> [(&'static str, &'static str); 3] {
    match kind {
        Kind::MariaDb => [
            ("rows", "SELECT * FROM cars FOR UPDATE"),
            ("journal", "SELECT * FROM filefield_journal WHERE id >= 0 FOR UPDATE"),
            ("names", "SELECT * FROM filefield_journal FORCE INDEX (name) WHERE name >= '' FOR UPDATE"),
        ],
        _ => [
            ("rows", "SELECT * FROM cars FOR UPDATE"),
            ("journal", "LOCK TABLE filefield_journal IN EXCLUSIVE MODE"),
            ("names", "LOCK TABLE cars IN SHARE MODE"),
        ],
    }
}

/// Every operation against every lock, repeated up to a twentieth of the count.
pub(super) fn run(
    report: &mut Report,
    server: &Arc<Server>,
    options: &Options,
    random: &mut Random,
) -> Result {
    let runtime = runtime()?;
    let wanted = options.text("operations", "all");
    let count = (options.count.unwrap_or(300) / 10).max(3);
    let mut stage = Stage::new(server)?;
    let mut fired = 0;
    for round in 0..count {
        let (what, hold) = holds(server.kind())[usize::try_from(round % 3).unwrap_or(0)];
        let scenarios = scenario::some(wanted, round, random);
        let scenario = random.pick(&scenarios).clone();
        let tried =
            format!("{} against a lock on {what}, round {round} of --seed {}", scenario.name, options.seed);
        stage.prepare(&scenario)?;
        let db = runtime.block_on(filefield::db::connect(stage.database.url()))?;
        let lock = runtime.block_on(async {
            let tx = db.begin().await?;
            tx.run(hold).await?;
            Ok::<_, crate::campaign::Error>(tx)
        })?;
        let end = stage.child.perform(&scenario.order, &mut stage.expected)?;
        runtime.block_on(async {
            lock.rollback().await?;
            db.close().await;
            Ok::<_, crate::campaign::Error>(())
        })?;
        if let End::Told(outcome @ Outcome::Failed { retryable, uncertain, text, .. }) = &end {
            fired += 1;
            if !retryable && !uncertain {
                report.violation("typed", format!("not said to be worth another try: {text}; after {tried}"));
            }
            judge_outcome(report, outcome, &tried);
        }
        stage.settle(report, &scenario, &tried)?;
    }
    report.fired += fired;
    report.add("fault: lock held", fired);
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}

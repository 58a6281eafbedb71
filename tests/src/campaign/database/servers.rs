//! PostgreSQL and MariaDB, behind a proxy.

use super::proxy::{Fault, Proxy};
use super::{can_be_repeated, cancelled, judge_outcome, locks, wire};
use crate::campaign::child::{Child, Durable, End, Setup};
use crate::campaign::kill::{judge, panics};
use crate::campaign::options::Options;
use crate::campaign::place::in_memory;
use crate::campaign::report::Report;
use crate::campaign::scenario::{self, Scenario};
use crate::campaign::world::{Expected, Random};
use crate::campaign::{Result, shuffle};
use filefield_tests::databases::{Database, Server};
use std::collections::BTreeSet;
use std::sync::Arc;
use tempfile::TempDir;

/// One request of one operation, and its fault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    operation: &'static str,
    fault: &'static str,
    at: u64,
    /// Whether only commits are counted.
    commit: bool,
}

const FAULTS: [(&str, Fault); 6] = [
    ("never arrives", Fault::NeverArrives),
    ("answer lost", Fault::AnswerLost),
    ("ended", Fault::Ended),
    ("ended meanwhile", Fault::EndedMeanwhile),
    ("restarted", Fault::Restarted),
    ("killed", Fault::Killed),
];

/// A world behind a proxy.
pub(super) struct Stage {
    pub(super) child: Child,
    pub(super) expected: Expected,
    pub(super) proxy: Proxy,
    pub(super) database: Database,
    _folder: TempDir,
}

impl Stage {
    pub(super) fn new(server: &Arc<Server>) -> Result<Stage> {
        let folder = in_memory()?;
        std::fs::create_dir(folder.path().join("temp"))?;
        let database = Database::on(server.clone());
        locks::shorten_waits(server, database.url())?;
        let proxy = Proxy::new(server, database.url(), folder.path())?;
        let setup = Setup {
            folder: folder.path().to_owned(),
            url: proxy.url().to_owned(),
            judge: Some(database.url().to_owned()),
            durable: Durable::Never,
            counted: false,
        };
        let child = Child::ready(&setup)?;
        Ok(Stage { child, expected: Expected::default(), proxy, database, _folder: folder })
    }

    pub(super) fn prepare(&mut self, scenario: &Scenario) -> Result {
        for order in &scenario.prepare {
            self.child.perform(order, &mut self.expected)?;
        }
        self.proxy.asked();
        Ok(())
    }

    /// Runs the operation that must fail, and checks its outcome. Returns what was broken, if anything.
    pub(super) fn fail(
        &mut self,
        report: &mut Report,
        scenario: &Scenario,
        tried: &str,
    ) -> Result<Option<String>> {
        let end = self.child.perform(&scenario.order, &mut self.expected)?;
        let fired = self.proxy.fired();
        if let (End::Told(outcome), Some(_)) = (&end, &fired) {
            judge_outcome(report, outcome, tried);
        }
        if matches!(end, End::Killed) {
            report.violation("crash", format!("the process ended in {tried}"));
        }
        panics(report, &mut self.child, tried);
        Ok(fired)
    }

    /// Everything must agree, and the failed operation can be repeated.
    pub(super) fn settle(&mut self, report: &mut Report, scenario: &Scenario, tried: &str) -> Result {
        let Some(mut settled) = self.child.settle()? else {
            report.violation("crash", format!("the process ended in a sweep after {tried}"));
            return Ok(());
        };
        // While the server is down, it is unknown whether a deleted name was referenced (R5). The check of
        // the rows decides.
        let found = settled.violations.len();
        settled
            .violations
            .retain(|(_, seen)| !(seen.contains("may be referenced") && seen.contains("Error:")));
        report.add("deletions that nobody could judge", (found - settled.violations.len()) as u64);
        judge(report, &mut self.expected, &settled, tried);
        if can_be_repeated(&scenario.order, &settled) {
            report.add("repeated", 1);
            if let End::Told(super::Outcome::Failed { text, .. }) =
                self.child.perform(&scenario.order, &mut self.expected)?
            {
                report.violation("retry", format!("{text}; again after {tried}"));
            }
        }
        panics(report, &mut self.child, tried);
        Ok(())
    }
}

pub(super) fn run(options: &Options) -> Result<Report> {
    let (mut report, mut random) = (Report::default(), Random::new(options.seed));
    let server = Arc::new(Server::start(options.db)?);
    let wanted = options.text("operations", "all");
    let count = options.count.unwrap_or(300);
    let targets = targets(&server, wanted, &mut random)?;
    report.add("requests of operations", targets.iter().map(|(_, requests, _)| requests).sum());
    let mut left = plan(&targets, count, &mut random);
    let (mut visited, mut tries) = (BTreeSet::new(), 0_u64);
    let mut stage = Stage::new(&server)?;
    while report.fired < count {
        let Some(target) = left.pop() else { break };
        tries += 1;
        let scenario = scenario::some(target.operation, tries, &mut random).remove(0);
        stage.prepare(&scenario)?;
        let mut tried = format!("{target:?}, try {tries} of --seed {}", options.seed);
        let Some((_, fault)) = FAULTS.iter().find(|(name, _)| *name == target.fault) else { continue };
        stage.proxy.arm(*fault, target.at, target.commit);
        match stage.fail(&mut report, &scenario, &tried)? {
            Some(text) => {
                report.fired += 1;
                report.add(&format!("fault: {}", target.fault), 1);
                if wire::is_commit(&text) {
                    let lost = matches!(fault, Fault::AnswerLost | Fault::NeverArrives);
                    report.add(if lost { "lost commit answers" } else { "commits otherwise broken" }, 1);
                }
                tried = format!("{tried}, in `{text}`");
                visited.insert(target);
            }
            None => report.add("armed and not reached", 1),
        }
        stage.settle(&mut report, &scenario, &tried)?;
        if tries % 25 == 24 {
            stage = Stage::new(&server)?;
        }
    }
    report.points = visited.len() as u64;
    drop(stage);
    locks::run(&mut report, &server, options, &mut random)?;
    cancelled::run(&mut report, &server, options, &mut random)?;
    Ok(report)
}

/// The requests and commits of every operation, counted in one warm run.
fn targets(server: &Arc<Server>, wanted: &str, random: &mut Random) -> Result<Vec<(&'static str, u64, u64)>> {
    let (mut stage, mut targets) = (Stage::new(server)?, Vec::new());
    for round in 0..2 {
        targets.clear();
        for scenario in scenario::some(wanted, 1_000_000 + round, random) {
            stage.prepare(&scenario)?;
            stage.child.perform(&scenario.order, &mut stage.expected)?;
            let asked = stage.proxy.asked();
            let commits = asked.iter().filter(|text| wire::is_commit(text)).count();
            targets.push((scenario.name, asked.len() as u64, commits as u64));
        }
    }
    Ok(targets)
}

/// The faults, last one first. Two in five are commits, a few are servers, and the rest are requests of every
/// operation in turn.
fn plan(targets: &[(&'static str, u64, u64)], count: u64, random: &mut Random) -> Vec<Target> {
    let of = |operation, fault: usize, at, commit| Target { operation, fault: FAULTS[fault].0, at, commit };
    let (mut commits, mut servers, mut requests) = (Vec::new(), Vec::new(), Vec::new());
    for (operation, asked, committed) in targets.iter().copied() {
        commits.extend((1..=committed).flat_map(|at| [0, 1].map(|fault| of(operation, fault, at, true))));
        servers.extend((1..=asked).flat_map(|at| [4, 5].map(|fault| of(operation, fault, at, false))));
        requests.extend((1..=asked).flat_map(|at| [0, 1, 2, 3].map(|fault| of(operation, fault, at, false))));
    }
    let mut plan = Vec::new();
    let mut take = |from: &[Target], count: u64, random: &mut Random| {
        let mut left = Vec::new();
        for _ in 0..count {
            if left.is_empty() {
                left = from.to_vec();
                shuffle(&mut left, random);
            }
            plan.extend(left.pop());
        }
    };
    take(&commits, count * 2 / 5, random);
    take(&servers, (count / 25).max(1), random);
    // More than needed, because some are not reached.
    take(&requests, count, random);
    let at = plan.len() - usize::try_from(count).unwrap_or(0);
    let more = plan.split_off(at + usize::try_from(count * 3 / 5).unwrap_or(0));
    shuffle(&mut plan, random);
    more.into_iter().chain(plan).collect()
}

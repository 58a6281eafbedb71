//! Power cuts. A workload runs on a separate file system. Then every state that a power cut could have left
//! is mounted, one after the other. What was acknowledged before the cut must be there.
//!
//! `power [--fs ext4|xfs|btrfs] [--rig PATH] [--operations N] [--subsets N] [--controls BUG,BUG] [--plant
//! BUG]`
//!
//! A rig makes, writes and cuts the file systems. It is a Python program outside this repository: `--rig`,
//! the environment variable `CRASH_STATES`, or `../shared/hostile/crash_states.py` beside the workspace. It
//! needs root, loop devices, FUSE, `qemu-storage-daemon` and the tools of the file system.

mod check;
mod plan;
mod rig;
mod tally;
mod workload;

pub(crate) use check::main as check;
pub(crate) use workload::main as workload;

use super::Result;
use super::options::Options;
use super::report::Report;
use filefield_tests::databases::Kind;
use rig::Rig;
use serde_json::{Map, Value};
use tally::{Tally, read};

/// The hidden sub-commands that the rig runs.
pub(crate) const WORKLOAD: &str = "__power-workload";
pub(crate) const CHECK: &str = "__power-check";

/// Planted bugs that lose what was acknowledged. If they are not found, this campaign has shown nothing.
fn controls(fs: &str) -> &'static str {
    match fs {
        // It logs the new name of a synced file, and the commit of the row writes that log.
        "btrfs" => "no-fsync",
        _ => "no-fsync,no-directory-fsync",
    }
}

/// Number of states per planted bug. A few dozen of them are bad.
const CONTROL_STATES: u64 = 160;
/// The maximum number of workloads per planted bug.
const CONTROL_WORKLOADS: u64 = 5;

pub(super) fn run(options: &Options) -> Result<Report> {
    if options.db != Kind::Sqlite {
        return Err("power cuts are tried with SQLite, whose files are on the same file system".into());
    }
    let rig = Rig::new(options)?;
    let mut report = Report::default();
    let wanted = options.count.unwrap_or(200);
    let jobs = options.text("jobs", "2").parse::<u64>()?.max(1);
    let planted = options.text("plant", "");
    let mut workloads = 0;
    while report.points < wanted {
        let most = (wanted - report.points).div_ceil(jobs);
        let seeds: Vec<_> = (0..jobs).map(|job| options.seed.wrapping_add((workloads + job) << 32)).collect();
        let runs = seeds.iter().map(|seed| (*seed, planted, most)).collect();
        for (states, seed) in rig.run_all(runs).into_iter().zip(seeds) {
            judge(&mut report, &states?, &format!("--fs {} --seed {seed} --jobs 1", rig.fs));
        }
        workloads += jobs;
    }
    report.more.insert("fs".to_owned(), rig.fs.clone().into());
    report.add("workloads", workloads);
    let bugs = options.text("controls", controls(&rig.fs)).split(',').filter(|bug| *bug != "none");
    let mut bugs: Vec<_> = bugs.filter(|_| planted.is_empty()).collect();
    let mut controls = Map::new();
    // Which moments are cut also depends on the machine's pace, so one workload may miss them all.
    for workload in 0..CONTROL_WORKLOADS {
        let seed = options.seed.wrapping_add(workload << 16);
        let runs = bugs.iter().map(|bug| (seed, *bug, CONTROL_STATES)).collect();
        let mut missed = Vec::new();
        for (states, bug) in rig.run_all(runs).into_iter().zip(bugs) {
            let mut control = Report { is_quiet: true, ..Report::default() };
            judge(&mut control, &states?, bug);
            if control.violations.is_empty() {
                missed.push(bug);
            }
            controls.insert(bug.to_owned(), serde_json::to_value(control.violations)?);
        }
        bugs = missed;
        if bugs.is_empty() {
            break;
        }
    }
    for bug in bugs {
        report.violation("control", format!("the planted bug `{bug}` was not found on {}", rig.fs));
    }
    if !controls.is_empty() {
        report.more.insert("controls".to_owned(), Value::Object(controls));
    }
    Ok(report)
}

/// Adds the findings of a run of the rig to the report.
fn judge(report: &mut Report, states: &rig::States, tried: &str) {
    report.points += states.count;
    let mut bad = 0;
    for (number, state) in states.tallies.iter().enumerate() {
        // If nothing was acknowledged, nothing could be lost.
        report.fired += u64::from(!state.acknowledged.is_empty());
        report.add("operations found acknowledged", state.acknowledged.values().sum());
        report.add("operations found ahead of their acknowledgement", state.ahead);
        report.add("files deleted by sweeps", state.deleted);
        bad += u64::from(!state.violations.is_empty());
        for (invariant, seen) in &state.violations {
            let acknowledged = &state.acknowledged;
            report.violation(invariant, format!("{seen}; state {number}, {acknowledged:?} of {tried}"));
        }
    }
    let unreadable = states.findings.get("does not mount").copied().unwrap_or(0);
    if unreadable > 0 {
        report.violation("mount", format!("{unreadable} states cannot be mounted; {tried}"));
    }
    let findings: u64 = states.findings.values().sum();
    if findings != bad + unreadable || states.tallies.len() as u64 + unreadable != states.count {
        let (seen, tallies) = (&states.findings, states.tallies.len());
        report
            .violation("checker", format!("{tallies} of {} states judged: {seen:?}; {tried}", states.count));
    }
    report.add("operations", states.acknowledged);
}

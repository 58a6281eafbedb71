//! `SIGKILL` at every step of the library, before every system call, and at random times. Then a new process
//! settles the world, and everything must agree.
//!
//! `kill --mode points|calls|random [--operations create,replace] [--durability full|file|never]`

mod calls;
mod points;
mod random;

use super::child::{Child, Durable, Setup};
use super::options::Options;
use super::report::Report;
use super::world::{Expected, Settled};
use super::{Result, place};

pub(crate) fn run(options: &Options) -> Result<Report> {
    match options.text("mode", "points") {
        "points" => points::run(options),
        "calls" => calls::run(options),
        "random" => random::run(options),
        other => Err(format!("no mode `{other}`; there are points, calls, random").into()),
    }
}

pub(crate) fn durability(options: &Options) -> Result<Durable> {
    match options.text("durability", "full") {
        "full" => Ok(Durable::Full),
        "file" => Ok(Durable::File),
        "never" => Ok(Durable::Never),
        other => Err(format!("no durability `{other}`; there are full, file, never").into()),
    }
}

/// Adds the state of a settled world to the report. `tried` says how to reproduce it.
pub(crate) fn judge(report: &mut Report, expected: &mut Expected, settled: &Settled, tried: &str) {
    for (invariant, seen) in &settled.violations {
        report.violation(invariant, format!("{seen}; after {tried}"));
    }
    for seen in expected.compare(&settled.rows) {
        report.violation("R6", format!("{seen}; after {tried}"));
    }
    report.add("files deleted by sweeps", settled.deleted);
}

/// The same for panics.
pub(crate) fn panics(report: &mut Report, child: &mut Child, tried: &str) {
    for panic in child.panics.drain(..) {
        report.violation("panic", format!("{panic}; in {tried}"));
    }
}

/// A child in a world that it has settled.
pub(crate) fn settled_child(
    report: &mut Report,
    setup: &Setup,
    expected: &mut Expected,
    tried: &str,
) -> Result<Child> {
    let mut child = Child::ready(setup)?;
    match child.settle()? {
        Some(settled) => judge(report, expected, &settled, tried),
        None => report.violation("crash", format!("the sweeping process died; after {tried}")),
    }
    panics(report, &mut child, tried);
    Ok(child)
}

/// Kills a child that has settled its world, and checks with another one that what was acknowledged survives
/// a restart.
pub(crate) fn restarted(
    report: &mut Report,
    place: &Place,
    child: Child,
    expected: &mut Expected,
    tried: &str,
) -> Result {
    child.kill(expected)?;
    let tried = format!("{tried}, and a restart");
    drop(settled_child(report, &place.setup(Durable::Full, false), expected, &tried)?);
    Ok(())
}

/// Uses a new place from time to time, so that worlds are seen both with and without leftovers of others.
pub(crate) fn is_time_for_a_new_place(kills: u64) -> bool {
    kills % 25 == 24
}

use place::Place;

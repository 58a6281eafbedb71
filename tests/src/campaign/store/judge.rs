//! The allowed outcomes of an operation, and its allowed time.

use super::Unharmed;
use super::fault::{Ask, Fault};
use super::operation::Operation;
use super::proxy::{Armed, Seen};
use super::stage::{BACK_OFF, Habits};
use crate::campaign::report::Report;
use crate::campaign::world::Outcome;
use std::time::Duration;

/// Time for scheduling and the work itself on a busy machine.
pub(super) const ROOM: Duration = Duration::from_secs(10);

/// An error must have a kind that says what happened, and be uncertain only if something may have happened.
pub(super) fn outcome(
    report: &mut Report,
    outcome: &Outcome,
    operation: Operation,
    armed: &Armed,
    seen: &Seen,
    habits: Habits,
    tried: &str,
) {
    let Outcome::Failed { kind, uncertain, retryable, text } = outcome else {
        report.add("done all the same", 1);
        return;
    };
    report.add(if *uncertain { "failed, nobody knows how" } else { "failed, nothing was done" }, 1);
    let is_fitting = match kind.as_str() {
        "Io" => *retryable,
        "PermissionDenied" => armed.fault == Fault::Skewed && !retryable,
        // A retry finds the name taken, and it is unknown by whom.
        "AlreadyExists" => *uncertain,
        // The bytes that were read of the copy do not have the declared hash.
        "NotAsStated" => operation.is_claim() && armed.fault == Fault::Corrupt,
        _ => false,
    };
    if !is_fitting {
        report.violation("typed", format!("{kind}, retryable: {retryable}: {text}; after {tried}"));
    }
    // A request that the client retried by itself may have been carried out the first time. An upload that
    // could not be aborted must be uncertain. A copy that already exists may stay.
    let before = seen.asked.iter().take(usize::try_from(armed.at).unwrap_or(0).saturating_sub(1));
    let has_copied = (operation.is_copy() || operation.is_rename() || operation.is_claim())
        && before.into_iter().any(|(ask, _)| matches!(ask, Ask::Put | Ask::Copy));
    let is_known = armed.fault.is_undone()
        && !operation.is_large()
        && !has_copied
        && !armed.extent.loses_an_answer()
        && (habits.retries == 0 || !armed.fault.is_tried_again());
    if *uncertain && (is_known || operation.is_reading()) {
        report.violation("typed", format!("uncertain: {text}; after {tried}"));
    }
}

/// Wrong bytes without an error. If the service sends other bytes, or declares a length that is too small for
/// a complete file, nothing in its answer shows it.
pub(super) fn wrong(
    report: &mut Report,
    operation: Operation,
    seen: &Seen,
    len: usize,
    wanted: usize,
    tried: &str,
) {
    let is_corrupt = len == wanted && seen.fired.contains(&(Fault::Corrupt, Ask::Get));
    let is_short =
        len < wanted && operation != Operation::OpenRange && seen.fired.contains(&(Fault::Short, Ask::Get));
    match (is_corrupt, is_short) {
        (true, _) => report.add("corrupt bytes that a read does not notice", 1),
        (_, true) => report.add("missing bytes that a read does not notice", 1),
        _ => report.violation("R1", format!("{len} bytes were read that are not the file's; after {tried}")),
    }
}

/// Each request may take as long as its client's time-out, and there may not be many more requests.
pub(super) fn time(
    report: &mut Report,
    took: Duration,
    seen: &Seen,
    unharmed: &Unharmed,
    habits: Habits,
    tried: &str,
) {
    let requests = seen.asked.len().max(1);
    // A read resumes where its answer broke off, as long as bytes arrive. Here each answer halves the rest.
    let resumed = 2 * seen.fired.iter().filter(|(_, ask)| *ask == Ask::Get).count();
    let most = 3 * unharmed.asks.len() + 12 + resumed.min(60);
    if requests > most {
        report.violation("time", format!("{requests} requests, {most} may be; after {tried}"));
    }
    let bound =
        (habits.patience + BACK_OFF) * u32::try_from(requests).unwrap_or(u32::MAX) + unharmed.took + ROOM;
    if took > bound {
        report.violation("time", format!("{took:?}, {bound:?} may be; after {tried}"));
    }
}

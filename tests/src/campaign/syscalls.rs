//! Every system call on a file fails once, in every operation. The operation ends in the right error, or
//! succeeds. Then file and row agree, and a retry works.
//!
//! Locks (`fcntl`) are not tried: a lock that is kept because strace kept the call from the kernel is not a
//! fault that happens.
//!
//! With `--mode order` no call fails. Every name that is made or removed must be synced by the end, and every
//! byte before it is visible.
//!
//! `syscalls [--operations create,replace] [--on media|database|all] [--errors EIO,ENOSPC] [--durability
//! full]`

mod order;

use super::child::{Durable, End};
use super::kill::{durability, judge, panics, restarted};
use super::options::Options;
use super::report::Report;
use super::traced::{Traced, wanted};
use super::tracer::{Call, On, Tracer};
use super::world::{Outcome, Random};
use super::{Result, shuffle};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The errors, and the kinds that the library maps them to.
const ERRORS: [(&str, &str); 7] = [
    ("ENOSPC", "StorageFull"),
    ("EDQUOT", "StorageFull"),
    ("EIO", "Io"),
    ("EMFILE", "TooManyOpenFiles"),
    ("EACCES", "PermissionDenied"),
    ("EROFS", "ReadOnly"),
    ("EINTR", "Io"),
];

pub(super) fn run(options: &Options) -> Result<Report> {
    let mut report = Report::default();
    let durable = durability(options)?;
    if options.text("mode", "faults") == "order" {
        return order::run(options);
    }
    let mut faults = Vec::new();
    for name in wanted(options) {
        for call in Traced::calls(options, durable, name)? {
            // A lock that stays because the unlock was not carried out is not a fault of a kernel.
            if call.name == "fcntl" {
                continue;
            }
            if !matches!(
                (options.text("on", "all"), call.on),
                ("all", _) | ("media", On::Media) | ("database", On::Database)
            ) {
                continue;
            }
            for (error, kind) in ERRORS {
                if options.text("errors", error).split(',').any(|wanted| wanted == error) {
                    faults.push((name, call.clone(), error, kind));
                }
            }
        }
    }
    report.add("faults of operations", faults.len() as u64);
    shuffle(&mut faults, &mut Random::new(options.seed));
    faults.truncate(options.count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX)));
    let (mut visited, mut ends) = (BTreeSet::new(), BTreeMap::<String, u64>::new());
    for (name, call, error, kind) in faults {
        visited.insert((name, call.clone()));
        let tried = format!("{error} at {call:?} of `{name}`, --seed {}", options.seed);
        match fault(options, durable, (name, &call, error, kind), &mut report, &tried) {
            Ok(end) => *ends.entry(end).or_default() += 1,
            Err(problem) => report.violation("hang or crash", format!("{problem}; after {tried}")),
        }
    }
    report.points = visited.len() as u64;
    report.more.insert("ends".to_owned(), serde_json::to_value(ends)?);
    Ok(report)
}

/// Makes one call fail. Returns how the operation ended.
fn fault(
    options: &Options,
    durable: Durable,
    (name, call, error, kind): (&str, &Call, &str, &str),
    report: &mut Report,
    tried: &str,
) -> Result<String> {
    // Whether a thread must wake another one is a matter of timing, and waking is a `write` too. The call
    // then has another number.
    for shift in [0, 1, -1, 2, -2] {
        let Some(nth) = call.nth.checked_add_signed(shift).filter(|nth| *nth > 0) else { continue };
        let mut traced = Traced::new(options, durable, name)?;
        let tampered = Call { nth, ..call.clone() };
        let tracer = Tracer::tamper(&mut traced.child, &tampered, &format!("error={error}"))?;
        traced.child.patience = Duration::from_secs(5);
        let end = traced.perform();
        let (here, others) = tracer.tampered(traced.place.path())?;
        if here == 0 && (others > 0 || call.name == "write") {
            continue;
        }
        report.fired += here;
        return judge_end(report, traced, end?, (call, kind), (here, tried));
    }
    Ok("not reached".to_owned())
}

fn judge_end(
    report: &mut Report,
    mut traced: Traced,
    end: End,
    (call, kind): (&Call, &str),
    (tampered, tried): (u64, &str),
) -> Result<String> {
    panics(report, &mut traced.child, tried);
    let End::Told(outcome) = end else { return Err("the process died".into()) };
    if tampered == 0 {
        return Ok("not reached".to_owned());
    }
    if let Outcome::Failed { kind: found, text, .. } = &outcome
        && !is_right(call, kind, found)
    {
        report.violation("error", format!("{found}, not {kind}: {text}; after {tried}"));
    }
    settle(report, &mut traced, call, tried)?;
    let Outcome::Failed { kind: found, uncertain, .. } = outcome else {
        if is_needed(&traced, call, tried) {
            report.violation("R1", format!("acknowledged, and nobody knows whether it lasts; after {tried}"));
        }
        restarted(report, &traced.place, traced.child, &mut traced.expected, tried)?;
        return Ok("done".to_owned());
    };
    // What may already have happened is refused the second time, or nothing is left to do.
    let again = traced.perform()?;
    let refused = |kind: &str| uncertain && matches!(kind, "UniqueViolation" | "DoesNotExist");
    match again {
        End::Told(Outcome::Done) => {}
        End::Told(Outcome::Failed { kind, .. }) if refused(&kind) => {}
        End::Told(Outcome::Failed { text, .. }) => {
            report.violation("retry", format!("{text}; after {tried}"));
        }
        End::Killed => return Err("the process died at the retry".into()),
    }
    settle(report, &mut traced, call, &format!("a retry after {tried}"))?;
    restarted(report, &traced.place, traced.child, &mut traced.expected, tried)?;
    Ok(if uncertain { format!("{found}, uncertain") } else { found })
}

fn settle(report: &mut Report, traced: &mut Traced, call: &Call, tried: &str) -> Result {
    let mut settled = traced.child.settle()?.ok_or("the process died while it settled")?;
    if call.name == "close" {
        // A call that is made to fail is not carried out, whereas the kernel closes a file whatever it
        // returns.
        settled.violations.retain(|(_, seen)| !seen.contains("descriptors are open"));
    }
    judge(report, &mut traced.expected, &settled, tried);
    panics(report, &mut traced.child, tried);
    Ok(())
}

/// Whether an operation that makes files cannot succeed without this call. An interrupted call can be
/// repeated.
fn is_needed(traced: &Traced, call: &Call, tried: &str) -> bool {
    let syncs = call.name == "fsync" && call.on == On::Media && !tried.starts_with("EINTR");
    syncs && traced.scenario.name.starts_with("create")
}

/// Whether the kind of an error says what happened. Problems of the database's own files are database errors.
/// A database on a full disk may say so, and says less at some calls.
fn is_right(call: &Call, kind: &str, found: &str) -> bool {
    match call.on {
        On::Database => found == "Database" || (kind == "StorageFull" && found == kind),
        _ => found == kind,
    }
}

//! Kills before every system call on a file, in every operation. Other calls change nothing that outlives the
//! process, so a kill before one of them equals a kill before the next call on a file.

use super::{Result, durability, settled_child};
use crate::campaign::child::End;
use crate::campaign::options::Options;
use crate::campaign::report::Report;
use crate::campaign::traced::{Traced, wanted};
use crate::campaign::tracer::Tracer;
use std::collections::BTreeMap;

pub(super) fn run(options: &Options) -> Result<Report> {
    let mut report = Report::default();
    let durable = durability(options)?;
    let (mut operations, mut missed) = (BTreeMap::new(), Vec::new());
    'all: for name in wanted(options) {
        let calls = Traced::calls(options, durable, name)?;
        operations.insert(name, calls.len());
        for call in calls {
            if options.count.is_some_and(|count| report.points >= count) {
                break 'all;
            }
            report.points += 1;
            let mut traced = Traced::new(options, durable, name)?;
            let tracer = Tracer::tamper(&mut traced.child, &call, "signal=KILL")?;
            let end = traced.perform()?;
            drop(tracer);
            match end {
                End::Killed => report.fired += 1,
                End::Told(_) => missed.push(format!("{name}: {call:?}")),
            }
            let tried = format!("kill before {call:?} of `{name}`, --seed {}", options.seed);
            let Traced { place, child, mut expected, .. } = traced;
            drop(child);
            drop(settled_child(&mut report, &place.setup(durable, false), &mut expected, &tried)?);
        }
    }
    report.more.insert("calls of operations".to_owned(), serde_json::to_value(operations)?);
    report.more.insert("not reached".to_owned(), missed.into());
    Ok(report)
}

//! Kills at every step of the library in every operation, and in the sweep after it.

use super::{Place, Result, durability, is_time_for_a_new_place, judge, panics};
use crate::campaign::child::{Child, Command, End, Reply};
use crate::campaign::options::Options;
use crate::campaign::report::Report;
use crate::campaign::scenario::{self, Scenario};
use crate::campaign::shuffle;
use crate::campaign::world::{Expected, Random};
use std::collections::{BTreeMap, BTreeSet};

/// A step of one scenario, and how often it is reached before the kill.
type Target = (&'static str, String, u64);

pub(super) fn run(options: &Options) -> Result<Report> {
    let mut report = Report::default();
    let mut random = Random::new(options.seed);
    let wanted = options.text("operations", "all");
    let targets = targets(options, wanted, &mut random)?;
    let steps: BTreeSet<_> = targets.iter().map(|(_, step, _)| step.clone()).collect();
    report.add("steps", steps.len() as u64);
    report.add("steps of operations", targets.len() as u64);

    let (mut place, mut expected) = (Place::new(options)?, Expected::default());
    let setup = |place: &Place| Ok::<_, crate::campaign::Error>(place.setup(durability(options)?, false));
    // Steps that sweeps reached after a kill.
    let mut sweeping: Vec<String> = Vec::new();
    let (mut visited, mut missed, mut tries) = (BTreeSet::new(), 0_u64, 0_u64);
    let mut left = shuffled(&targets, &mut random);
    let mut child = Child::ready(&setup(&place)?)?;
    while report.fired < options.count.unwrap_or(300) && !targets.is_empty() {
        tries += 1;
        let target = left.pop().unwrap_or_else(|| {
            left = shuffled(&targets, &mut random);
            left.pop().unwrap_or_else(|| targets[0].clone())
        });
        let scenario = scenario_of(target.0, tries, &mut random)?;
        for order in &scenario.prepare {
            child.perform(order, &mut expected)?;
        }
        child.send(&Command::Arm { step: target.1.clone(), hit: target.2 })?;
        let end = child.perform(&scenario.order, &mut expected)?;
        let mut tried = format!("{target:?}, try {tries} of --seed {}", options.seed);
        panics(&mut report, &mut child, &tried);
        match end {
            End::Killed => {
                report.fired += 1;
                visited.insert(target);
            }
            End::Told(_) => missed += 1,
        }
        drop(child);
        // Every third time, the process that sweeps is killed as well.
        if let (0, Some(step)) =
            (random.below(3), (!sweeping.is_empty()).then(|| random.pick(&sweeping).clone()))
        {
            let mut sweeper = Child::ready(&setup(&place)?)?;
            sweeper.send(&Command::Arm { step: step.clone(), hit: 1 + random.below(2) })?;
            tried = format!("{tried}, then in the sweep at {step}");
            match sweeper.settle()? {
                None => {
                    report.fired += 1;
                    visited.insert(("settle", step, 1));
                }
                Some(settled) => judge(&mut report, &mut expected, &settled, &tried),
            }
        }
        child = Child::ready(&setup(&place)?)?;
        child.send(&Command::Record)?;
        match child.settle()? {
            Some(settled) => judge(&mut report, &mut expected, &settled, &tried),
            None => report.violation("crash", format!("the sweeping process died; after {tried}")),
        }
        for step in noted(&mut child)? {
            if !sweeping.contains(&step) {
                sweeping.push(step);
            }
        }
        panics(&mut report, &mut child, &tried);
        if is_time_for_a_new_place(tries) {
            drop(child);
            (place, expected) = (Place::new(options)?, Expected::default());
            child = Child::ready(&setup(&place)?)?;
        }
    }
    report.points = visited.len() as u64;
    report.add("armed and not reached", missed);
    Ok(report)
}

/// Every step that each scenario reaches, found by running it once.
fn targets(options: &Options, wanted: &str, random: &mut Random) -> Result<Vec<Target>> {
    let place = Place::new(options)?;
    let mut child = Child::ready(&place.setup(durability(options)?, false))?;
    let (mut expected, mut targets) = (Expected::default(), Vec::new());
    for scenario in scenario::some(wanted, 0, random) {
        for order in &scenario.prepare {
            child.perform(order, &mut expected)?;
        }
        child.send(&Command::Record)?;
        child.perform(&scenario.order, &mut expected)?;
        let mut hits: BTreeMap<String, u64> = BTreeMap::new();
        for step in noted(&mut child)? {
            let hit = hits.entry(step.clone()).or_default();
            *hit += 1;
            targets.push((scenario.name, step, *hit));
        }
    }
    Ok(targets)
}

fn noted(child: &mut Child) -> Result<Vec<String>> {
    child.send(&Command::Steps)?;
    match child.reply()? {
        Some(Reply::Steps(steps)) => Ok(steps),
        other => Err(format!("no steps: {other:?}").into()),
    }
}

fn scenario_of(name: &str, number: u64, random: &mut Random) -> Result<Scenario> {
    let mut found = scenario::some(name, number, random);
    found.pop().ok_or_else(|| format!("no operation `{name}`").into())
}

fn shuffled(targets: &[Target], random: &mut Random) -> Vec<Target> {
    let mut shuffled = targets.to_vec();
    shuffle(&mut shuffled, random);
    shuffled
}

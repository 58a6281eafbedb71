//! Kills at random times under load.

use super::{Place, Result, durability, is_time_for_a_new_place, settled_child};
use crate::campaign::child::Command;
use crate::campaign::options::Options;
use crate::campaign::report::Report;
use crate::campaign::world::{Expected, Random};
use filefield_tests::databases::Kind;
use std::time::Duration;

pub(super) fn run(options: &Options) -> Result<Report> {
    let mut report = Report::default();
    let mut random = Random::new(options.seed);
    let longest = options
        .text("milliseconds", if options.db == Kind::Sqlite { "60" } else { "200" })
        .parse::<u64>()?
        .max(1);
    let (mut place, mut expected) = (Place::new(options)?, Expected::default());
    let mut tried = "the beginning".to_owned();
    for kill in 0..options.count.unwrap_or(50) {
        let mut child =
            settled_child(&mut report, &place.setup(durability(options)?, false), &mut expected, &tried)?;
        let (load, tasks) = (random.next(), 1 + random.below(6));
        let after = Duration::from_micros(500 + random.below(longest * 1000));
        child.send(&Command::Load { seed: load, tasks })?;
        std::thread::sleep(after);
        child.kill(&mut expected)?;
        report.points += 1;
        report.fired += 1;
        tried = format!("kill {kill} of --seed {}: {tasks} tasks of seed {load}, {after:?}", options.seed);
        if is_time_for_a_new_place(kill) {
            drop(settled_child(
                &mut report,
                &place.setup(durability(options)?, false),
                &mut expected,
                &tried,
            )?);
            report.add("operations acknowledged", expected.acknowledged());
            (place, expected) = (Place::new(options)?, Expected::default());
        }
    }
    drop(settled_child(&mut report, &place.setup(durability(options)?, false), &mut expected, &tried)?);
    report.add("operations acknowledged", expected.acknowledged());
    Ok(report)
}

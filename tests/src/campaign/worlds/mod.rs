//! What the library stands on disappears, is replaced by something else, and comes back, while files are
//! saved and swept. Then everything must agree, and files of others must be unchanged.
//!
//! `world [--worlds renamed,unmounted,..]`: each world in turn, until `--count` are done. A new kind of world
//! is a line in `WORLDS`.

mod owners;
mod roots;

use super::options::Options;
use super::report::Report;
use super::world::Random;
use super::{Result, full};

/// Set in the process that runs in the namespace.
const INSIDE: &str = "CAMPAIGN_WORLDS";

/// One try: the world is made, disturbed, settled and checked. Returns whether the disturbance really
/// happened.
type World = fn(&mut Try<'_>) -> Result<bool>;

const WORLDS: [(&str, World); 11] = [
    ("renamed", |tried| roots::comes_and_goes(tried, roots::Instead::Nothing)),
    ("empty", |tried| roots::comes_and_goes(tried, roots::Instead::EmptyFolder)),
    ("foreign", |tried| roots::comes_and_goes(tried, roots::Instead::FilesOfOthers)),
    ("another", |tried| roots::comes_and_goes(tried, roots::Instead::AnotherRoot)),
    ("unmounted", |tried| roots::comes_and_goes(tried, roots::Instead::Unmounted)),
    ("another-disk", |tried| roots::comes_and_goes(tried, roots::Instead::AnotherDisk)),
    ("copied", roots::is_copied),
    ("swapped", roots::is_swapped_before_a_deletion),
    ("no-attributes", owners::keeps_no_attributes),
    ("shared", owners::is_shared_by_two_databases),
    ("restored", owners::is_a_restored_database),
];

/// The data of a try.
struct Try<'a> {
    options: &'a Options,
    report: &'a mut Report,
    random: Random,
    /// How to reproduce it.
    what: String,
}

pub(crate) fn run(options: &Options) -> Result<Report> {
    if std::env::var_os(INSIDE).is_none() {
        let worlds = options.text("worlds", "all");
        return full::in_namespace(options, INSIDE, &["world", "--worlds", worlds], 16);
    }
    let worlds: Vec<_> = WORLDS.iter().filter(|(name, _)| options.wants("worlds", name)).collect();
    let mut report = Report::default();
    for (number, (name, world)) in (0..options.count.unwrap_or(16)).zip(worlds.into_iter().cycle()) {
        report.points += 1;
        let what = format!("`{name}`, number {number} of --seed {}", options.seed);
        let random = Random::new(options.seed.wrapping_add(number << 32));
        let mut tried = Try { options, report: &mut report, random, what };
        match world(&mut tried) {
            Ok(true) => report.fired += 1,
            Ok(false) => {}
            Err(problem) => {
                report.violation("hang or crash", format!("{problem}; in {name}, number {number}"));
            }
        }
    }
    Ok(report)
}

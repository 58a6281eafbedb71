//! The sub-commands. Each prints one line of JSON last. It fails if it injected nothing or found a violation.

/// A list of things with their names on the command line.
macro_rules! named {
    ($(#[$what:meta])* $type:ident $($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        $(#[$what])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum $type {
            $($(#[$doc])* $variant,)*
        }

        impl $type {
            pub(super) const ALL: &[$type] = &[$($type::$variant),*];

            pub(super) fn name(self) -> &'static str {
                match self {
                    $($type::$variant => $name,)*
                }
            }
        }
    };
}

mod child;
mod clock;
mod database;
mod drop;
mod full;
mod kill;
mod links;
mod model;
mod options;
mod parts;
mod place;
mod planted;
mod power;
mod race;
mod report;
mod scenario;
mod schedules;
mod store;
mod syscalls;
mod traced;
mod tracer;
mod world;
mod worlds;

use options::Options;
use report::Report;

type Error = Box<dyn std::error::Error + Send + Sync>;

type Result<T = ()> = std::result::Result<T, Error>;

type Campaign = fn(&Options) -> Result<Report>;

/// Name and function of every campaign.
const CAMPAIGNS: [(&str, Campaign); 14] = [
    ("kill", kill::run),
    ("syscalls", syscalls::run),
    ("full", full::run),
    ("database", database::run),
    ("store", store::run),
    ("links", links::links),
    ("model", model::model),
    ("schedules", schedules::schedules),
    ("clock", clock::run),
    ("power", power::run),
    ("drop", drop::run),
    ("race", race::run),
    ("world", worlds::run),
    ("planted", planted::run),
];

/// Runs the campaign of the command line. Returns whether it passed.
pub(crate) fn run(mut arguments: impl Iterator<Item = String>) -> Result<bool> {
    planted::plant()?;
    let name = arguments.next().unwrap_or_default();
    if name == child::NAME {
        child::main(&arguments.next().unwrap_or_default())?;
        return Ok(true);
    }
    match name.as_str() {
        power::WORKLOAD => return power::workload(arguments).map(|()| true),
        power::CHECK => return power::check(arguments),
        race::CHILD => return race::child(&arguments.next().unwrap_or_default()).map(|()| true),
        _ => {}
    }
    let Some((name, campaign)) = CAMPAIGNS.iter().find(|(known, _)| *known == name) else {
        let names: Vec<_> = CAMPAIGNS.iter().map(|(name, _)| *name).collect();
        return Err(format!("no campaign `{name}`; there are {}", names.join(", ")).into());
    };
    let options = Options::parse(arguments)?;
    let began = std::time::Instant::now();
    let report = campaign(&options)?;
    println!("{}", report.to_json(name, &options, began.elapsed()));
    Ok(report.is_passed())
}

/// Shuffles `items` by the seed of `random`.
fn shuffle<T>(items: &mut [T], random: &mut world::Random) {
    for index in (1..items.len()).rev() {
        let other = usize::try_from(random.below(index as u64 + 1)).unwrap_or(0);
        items.swap(index, other);
    }
}

/// A runtime with one thread, for work that is deterministic except for its faults.
fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

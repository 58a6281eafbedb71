//! Random operations with faults, beside a reference model. Rows, bytes and files must be equal after each
//! operation.
//!
//! The seed alone determines a sequence. A violation names seed and step. `--count 1 --seed SEED` repeats it,
//! and `--steps N` runs only the first N steps. `--plant BUG` plants a bug of the library.

mod act;
mod late;
mod others;
mod reference;

use super::options::Options;
use super::report::Report;
use super::{Result, runtime};
use act::World;
use filefield::db::migrate;
use filefield_tests::databases::Database;
use reference::Reference;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// Random numbers from a seed (SplitMix64).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap_or(0)
    }

    pub(super) fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }
}

/// `--count` sequences of `--steps` operations.
pub(super) fn model(options: &Options) -> Result<Report> {
    let count = options.count.unwrap_or(2_000);
    let steps: usize = options.text("steps", "30").parse()?;
    let jobs: u64 = options.text("jobs", "2").parse()?;
    if jobs > 1 {
        return super::parts::run("model", options, count, jobs, &["steps", "plant"]);
    }
    super::parts::plant(options)?;
    let database = Database::fresh(options.db).map_err(|missing| format!("{missing:?}"))?;
    let mut report = Report::default();
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    runtime()?.block_on(async {
        let db = filefield::db::connect(database.url()).await?;
        migrate::<act::Lot>(&db).await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let idle = act::tasks();
        for sequence in 0..count {
            let seed = options.seed.wrapping_add(sequence);
            let mut world = World::new(&db, Random::new(seed), sequence % 50 == 49, idle)?;
            let mut reference = Reference::default();
            for step in 0..=steps {
                // The last step also checks that nothing is left.
                let found = world.step(&mut reference, step == steps).await;
                report.points += 1;
                if let Err(error) = found {
                    report.violation(
                        invariant(&error.to_string()),
                        format!("seed {seed}, step {step}: {error}"),
                    );
                    break;
                }
            }
            report.fired += world.faults();
            for (what, times) in world.take_seen() {
                *seen.entry(what).or_default() += times;
            }
            world.clear().await?;
            if report.violations.values().sum::<u64>() > 20 {
                break;
            }
        }
        Ok::<_, super::Error>(())
    })?;
    report.more.insert("operations".to_owned(), json!(seen));
    report.more.insert("sequences".to_owned(), json!(count));
    Ok(report)
}

/// The invariant that a text begins with. `model` stands for whatever stops the model.
fn invariant(text: &str) -> &str {
    match text.split_once(':') {
        Some((name, _)) if name.len() == 2 && name.starts_with('R') => name,
        _ => "model",
    }
}

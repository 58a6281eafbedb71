//! Checks one state after a cut: the database recovers, what was acknowledged is there and complete, and a
//! sweep leaves nothing else.

use super::plan::Plan;
use super::tally::Tally;
use super::workload::folder;
use crate::campaign::Result;
use crate::campaign::world::{Rows, World};
use filefield::storage::Durability;
use filefield::testing::Baseline;
use filefield::{FileName, StorageExt};
use std::ffi::OsString;
use std::path::Path;

/// `MOUNT ACKNOWLEDGED PLAN`: fails if an invariant is broken.
pub(crate) fn main(mut arguments: impl Iterator<Item = String>) -> Result<bool> {
    let mut next = || arguments.next().unwrap_or_default();
    let (mount, lines, plan) = (next(), next(), next());
    let plan: Plan = serde_json::from_str(&plan)?;
    let mut tally = Tally::default();
    let lines = std::fs::read_to_string(lines)?;
    for line in lines.lines() {
        if let Some((task, done)) = line.split_once(' ') {
            tally.acknowledged.insert(task.parse()?, done.parse()?);
        }
    }
    // Before the world was ready, there was nothing to agree.
    if !lines.is_empty() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        if let Err(error) = runtime.block_on(look(&mount, &plan, &mut tally)) {
            let there = names(&folder(&mount));
            tally.violations.push(("R6".to_owned(), format!("the world does not open: {error}; {there:?}")));
        }
    }
    tally.append(&plan.tally)?;
    for (invariant, seen) in &tally.violations {
        println!("{invariant}: {seen}");
    }
    Ok(tally.violations.is_empty())
}

/// What is in a folder, and how large.
fn names(folder: &Path) -> Vec<(OsString, u64)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| (entry.file_name(), entry.metadata().map_or(0, |file| file.len()))).collect()
}

async fn look(mount: &str, plan: &Plan, tally: &mut Tally) -> Result {
    let folder = folder(mount);
    // Without `mode=rwc`, because a missing database must not be created.
    let url = format!("sqlite://{}", folder.join("garage.db").display());
    let world = World::open(&folder, &url, Durability::Full, true).await?;
    let settled = world
        .enter(async {
            // What stays open is open from here on.
            filefield::db::sweep(&world.db).await?;
            world.storage.exists(FileName::new("warm")?).await?;
            world.settle(&Baseline::take(&world.db).await?).await
        })
        .await?;
    world.close().await?;
    tally.deleted = settled.deleted;
    tally.violations.extend(settled.violations);
    let mut found = settled.rows;
    for task in 0..plan.tasks {
        let prefix = format!("task {task}, ");
        let (own, others): (Rows, Rows) = found.into_iter().partition(|(row, _)| row.starts_with(&prefix));
        found = others;
        let states = plan.states(task);
        let least = usize::try_from(tally.acknowledged.get(&task).copied().unwrap_or(0))?;
        match states.iter().skip(least).position(|rows| *rows == own) {
            Some(ahead) => tally.ahead += ahead as u64,
            None => {
                let expected = states.get(least);
                tally.violations.push((
                    "R6".to_owned(),
                    format!("the rows of task {task} are {own:?}, and were acknowledged as {expected:?}"),
                ));
            }
        }
    }
    if !found.is_empty() {
        tally.violations.push(("R6".to_owned(), format!("nobody has made {found:?}")));
    }
    Ok(())
}

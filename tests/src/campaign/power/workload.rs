//! The workload that is cut off: tasks that change rows, and report every operation once it has succeeded.

use super::plan::Plan;
use crate::campaign::Result;
use crate::campaign::world::World;
use filefield::db;
use filefield::storage::{Durability, FileSystemStorage};
use filefield::testing::{failpoints, spawn};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// How long a task waits after a report, so that the rig can record the line in its log of blocks. A late
/// record would only make the check weaker.
const PAUSE: Duration = Duration::from_millis(4);

/// The world below the mount point.
pub(super) fn folder(mount: &str) -> PathBuf {
    Path::new(mount).join("world")
}

/// `MOUNT PLAN`
pub(crate) fn main(mut arguments: impl Iterator<Item = String>) -> Result {
    let (mount, plan) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let plan: Plan = serde_json::from_str(&plan)?;
    if !plan.planted.is_empty() {
        failpoints::cfg(format!("planted:{}", plan.planted), "return")?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(work(&folder(&mount), plan))
}

async fn work(folder: &Path, plan: Plan) -> Result {
    make(folder).await?;
    let storage = FileSystemStorage::builder(folder.join("media")).base_url("/media/").build()?;
    let db = db::connect(&World::sqlite(folder)).await?;
    let world =
        World { folder: folder.to_owned(), db, storage: Arc::new(storage), recording: None, beside: None };
    // One flush for all of it, so that it adds no states.
    world.execute("PRAGMA synchronous = OFF").await?;
    grow_log(&world).await?;
    rustix::fs::sync();
    world.execute("PRAGMA synchronous = FULL").await?;
    tell("ready")?;
    let tasks: Vec<_> = (0..plan.tasks)
        .map(|task| {
            let (world, orders) = (world.clone(), plan.orders(task));
            async move {
                for (number, order) in orders.iter().enumerate() {
                    let done = world.perform(order).await;
                    done.map_err(|error| format!("{order:?}: {error}"))?;
                    tell(&format!("{task} {}", number + 1))?;
                    tokio::time::sleep(PAUSE).await;
                }
                Result::Ok(())
            }
        })
        .collect();
    world
        .enter(async {
            let running: Vec<_> = tasks.into_iter().map(spawn).collect();
            for task in running {
                task.await??;
            }
            Result::Ok(())
        })
        .await
    // The world stays open: the cut comes while it is in use.
}

/// Tables and foreign files are made elsewhere, because cuts before the first operation show nothing.
async fn make(folder: &Path) -> Result {
    let elsewhere = tempfile::tempdir()?;
    let url = World::sqlite(elsewhere.path());
    World::open(elsewhere.path(), &url, Durability::None, false).await?.close().await?;
    let copied = Command::new("cp").arg("-a").args([elsewhere.path(), folder]).status()?;
    if copied.success() { Ok(()) } else { Err("the world cannot be copied".into()) }
}

/// Brings the database's log into its state after some hours: at full size, and overwritten from its
/// beginning. While a log grows, every commit also writes the whole journal of the file system to the disk,
/// and directories with it.
async fn grow_log(world: &World) -> Result {
    world.execute("CREATE TABLE ballast AS SELECT randomblob(3000000) AS bytes").await?;
    world.execute("DROP TABLE ballast").await?;
    world.execute("PRAGMA wal_checkpoint(RESTART)").await
}

/// One line, one write.
fn tell(line: &str) -> Result {
    Ok(std::io::stdout().lock().write_all(format!("{line}\n").as_bytes())?)
}

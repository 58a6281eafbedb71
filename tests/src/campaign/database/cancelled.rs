//! A `BEGIN` of the application that is cancelled at any poll. The connection must not return to the pool
//! inside a transaction, where a reservation would not be committed (R10).

use crate::campaign::Result;
use crate::campaign::kill::judge;
use crate::campaign::options::Options;
use crate::campaign::place::in_memory;
use crate::campaign::report::Report;
use crate::campaign::world::{Change, Expected, Files, Order, Outcome, Random, World};
use filefield::storage::Durability;
use filefield::testing::Baseline;
use filefield_tests::databases::{Database, Server};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

pub(super) fn run(
    report: &mut Report,
    server: &Arc<Server>,
    options: &Options,
    random: &mut Random,
) -> Result {
    let count = (options.count.unwrap_or(300) / 5).max(4);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let database = Database::on(server.clone());
    let folder = in_memory()?;
    runtime.block_on(async {
        let other = World::open(folder.path(), database.url(), Durability::None, false).await?;
        let world = other.with(filefield::db::connect(database.url()).await?);
        let mut expected = Expected::default();
        world
            .enter(async {
                for number in 0..count {
                    let polls = random.below(5);
                    {
                        let mut begin = pin!(world.db.begin());
                        for _ in 0..=polls {
                            let poll = std::future::poll_fn(|context| {
                                Poll::Ready(begin.as_mut().poll(context).is_ready())
                            });
                            if poll.await {
                                break;
                            }
                            tokio::time::sleep(Duration::from_micros(random.below(300))).await;
                        }
                    }
                    report.fired += 1;
                    report.add("fault: begin cancelled", 1);
                    let order = Order::new(format!("cancelled {number}"), Change::Create(Files::all(random)));
                    expected.begin(&order);
                    let outcome = Outcome::of(world.perform(&order).await);
                    expected.end(&order, &outcome);
                    if let Outcome::Failed { text, .. } = outcome {
                        report
                            .violation("retry", format!("{text}; after begin was cancelled at poll {polls}"));
                    }
                }
                // First as another process sees it, then over the same connections.
                for world in [&other, &world] {
                    let settled = world.settle(&Baseline::take(&world.db).await?).await?;
                    judge(report, &mut expected, &settled, "begin was cancelled");
                }
                Ok(())
            })
            .await
    })
}

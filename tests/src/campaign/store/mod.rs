//! Faults of the store. The files of the rows are in a bucket of an S3 service in this process. A proxy
//! between the two breaks every request of every operation in every way: 12 kinds of fault, which happen
//! once, from then on, or to a second try. Then the world settles with a healthy store, everything must
//! agree, and the failed operation is done once more. Errors must have the right kind, say that a retry is
//! safe if it is, and be uncertain only if the request may have been carried out. No operation may take
//! longer than the time-outs of its client. No upload may stay open, except one that its client cannot know of.
//!
//! A quarter of the faults hit moves of a field into the bucket and out of it.
//!
//! `store [--count 900] [--operations save,sweep] [--faults stall] [--extents
//! once,onward,second-try,after-second-try] [--retries 1] [--show yes]`: the last option prints the requests
//! of every operation.

mod claim;
mod exchange;
mod fault;
mod http;
mod judge;
mod moving;
mod operation;
mod proxy;
mod stage;

use super::options::Options;
use super::report::Report;
use super::world::{Outcome, Random};
use super::{Result, database, shuffle};
use fault::{Ask, Extent, Fault};
use filefield::testing::with_storage;
use moving::Yard;
use operation::{End, Operation, Subject};
use proxy::Armed;
use stage::{Habits, Stage};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Handle};

/// The minimum time that a client waits for an answer. If operations take long, it is more than one takes.
const LEAST_PATIENCE: Duration = Duration::from_millis(300);

/// The default number of faults.
const COUNT: u64 = 900;

/// The number of faults per world.
const FAULTS_A_STAGE: usize = 25;

/// A request of an operation, and its fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    operation: Operation,
    /// Counted from 1.
    at: u64,
    ask: Ask,
    fault: Fault,
}

/// An operation without faults.
#[derive(Debug, Clone, Default)]
struct Unharmed {
    asks: Vec<Ask>,
    took: Duration,
}

pub(crate) fn run(options: &Options) -> Result<Report> {
    let back = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let front = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let report = front.block_on(campaign(options, back.handle()));
    back.shutdown_background();
    report
}

async fn campaign(options: &Options, back: &Handle) -> Result<Report> {
    let (mut report, mut random) = (Report::default(), Random::new(options.seed));
    super::parts::plant(options)?;
    let count = options.count.unwrap_or(COUNT);
    let yard = Yard::new(back, claim::app()?).await?;
    if Yard::is_wanted(options) {
        yard.run(count / 4, options, &mut report, &mut random).await?;
    }
    let unharmed = unharmed(options, back, &mut random).await?;
    for (operation, unharmed) in &unharmed {
        report.add(&format!("requests: {}", operation.name()), unharmed.asks.len() as u64);
    }
    let patience = |is_large: bool| {
        let slowest = unharmed.iter().filter(|(operation, _)| operation.is_large() <= is_large);
        LEAST_PATIENCE.max(2 * slowest.map(|(_, unharmed)| unharmed.took).max().unwrap_or_default())
    };
    let patience = [patience(false), patience(true)];
    let mut left = plan(&unharmed, options, &mut random);
    let (mut visited, mut tries, mut longest) = (BTreeSet::new(), 0, (Duration::ZERO, String::new()));
    let (mut decks, mut stages) = (Decks::default(), 0);
    while report.fired < count && !left.is_empty() {
        // Operations on large files need long time-outs, which would prolong the stalls of the others.
        let is_large = left.last().is_some_and(|target| target.operation.is_large());
        // Two clients in three retry.
        stages += 1;
        let retries = match options.text("retries", "any") {
            "any" => usize::from(!(stages + options.seed).is_multiple_of(3)),
            retries => retries.parse()?,
        };
        let habits = Habits { patience: patience[usize::from(is_large)], retries };
        let mut stage = Stage::new(back, habits).await?;
        let world = stage.world.clone();
        let run = async {
            let mut used = 0;
            let found = report.violations.clone();
            // What went wrong in a world must not be counted again.
            while used < FAULTS_A_STAGE && report.fired < count && report.violations == found {
                let Some(target) = left.pop_if(|target| target.operation.is_large() == is_large) else {
                    break;
                };
                let Some((extent, detail)) = decks.deal(target, options, &mut random) else { continue };
                (tries, used) = (tries + 1, used + 1);
                let (seed, unharmed) = (options.seed, &unharmed[&target.operation]);
                let broken = Broken { target, extent, detail, tries, seed, unharmed };
                let took = broken.run(&mut stage, &mut report, &mut random, &mut visited).await?;
                longest = longest.clone().max((took, target.operation.name().to_owned()));
            }
            Ok::<_, super::Error>(())
        };
        world.enter(run).await?;
        drop(world);
        stage.close().await?;
    }
    report.points += visited.len() as u64;
    report.add("longest operation, ms", u64::try_from(longest.0.as_millis())?);
    report.more.insert("longest operation".to_owned(), longest.1.into());
    report.add("patience of clients, ms", u64::try_from(patience[0].as_millis())?);
    report.add("patience with large files, ms", u64::try_from(patience[1].as_millis())?);
    Ok(report)
}

/// Runs every operation once, without faults and after a warm-up.
async fn unharmed(
    options: &Options,
    back: &Handle,
    random: &mut Random,
) -> Result<BTreeMap<Operation, Unharmed>> {
    let habits = Habits { patience: Duration::from_secs(30), retries: 1 };
    let mut stage = Stage::new(back, habits).await?;
    let (world, mut report) = (stage.world.clone(), Report::default());
    let run = async {
        let mut all = BTreeMap::new();
        for _ in 0..2 {
            for operation in Operation::ALL.iter().copied() {
                if !options.wants("operations", operation.name()) {
                    continue;
                }
                let subject = prepared(operation, &mut stage, random).await?;
                stage.settled_tasks().await;
                stage.warm().await?;
                stage.proxy.arm(None).await;
                let began = Instant::now();
                let end = operation.perform(&mut stage, &subject).await?;
                stage.settled_tasks().await;
                let took = began.elapsed();
                let seen = stage.proxy.disarm().await?;
                let End::Told(outcome @ Outcome::Done) = end else {
                    return Err(format!("{} fails unharmed: {end:?}", operation.name()).into());
                };
                stage.mend(operation, &subject, &outcome, &seen, &mut report, "nothing").await?;
                stage.settle(&mut report, operation.name()).await?;
                stage.tidy(&subject.order.row, &mut report, "nothing").await;
                if options.text("show", "no") == "yes" {
                    eprintln!("{}: {:?} in {took:?}", operation.name(), seen.asked);
                }
                let asks = seen.asked.into_iter().map(|(ask, _)| ask).collect();
                all.insert(operation, Unharmed { asks, took });
            }
        }
        Ok(all)
    };
    let all = world.enter(run).await;
    drop(world);
    stage.close().await?;
    if report.violations.is_empty() { all } else { Err("not everything agrees unharmed".into()) }
}

/// The faults, last one first: every pair of a request and a possible fault, in an order that the seed
/// decides, with the kinds of faults in turn; and then all of them again.
fn plan(unharmed: &BTreeMap<Operation, Unharmed>, options: &Options, random: &mut Random) -> Vec<Target> {
    let count = options.count.unwrap_or(COUNT);
    let mut kinds = Vec::new();
    for fault in Fault::ALL.iter().copied() {
        if !options.wants("faults", fault.name()) {
            continue;
        }
        let mut pairs = Vec::new();
        for (operation, unharmed) in unharmed {
            let asks = (1..).zip(&unharmed.asks).filter(|(_, ask)| fault.befalls(**ask));
            pairs.extend(asks.map(|(at, ask)| Target { operation: *operation, at, ask: *ask, fault }));
        }
        shuffle(&mut pairs, random);
        // In a short run, the large files would take most of the time.
        let (large, mut small): (Vec<_>, Vec<_>) = pairs.iter().partition(|pair| pair.operation.is_large());
        let most = if count < COUNT && !small.is_empty() { small.len() / 10 + 1 } else { large.len() };
        small.extend(large.into_iter().take(most));
        shuffle(&mut small, random);
        kinds.push(small);
    }
    let mut plan = Vec::new();
    let most = kinds.iter().map(Vec::len).max().unwrap_or(0);
    // More than needed, because some are not reached. Kinds that few requests allow repeat.
    for turn in 0..2 * most.max(usize::try_from(count).unwrap_or(0) / kinds.len().max(1) + 1) {
        plan.extend(kinds.iter().filter_map(|pairs| pairs.get(turn % pairs.len().max(1))));
    }
    plan.reverse();
    // Groups those that use one kind of world.
    for group in plan.rchunks_mut(2 * FAULTS_A_STAGE) {
        group.sort_by_key(|target: &Target| target.operation.is_large());
    }
    plan
}

/// An operation whose row exists, made by a storage without faults.
async fn prepared(operation: Operation, stage: &mut Stage, random: &mut Random) -> Result<Subject> {
    with_storage(stage.patient.clone(), operation.prepare(stage, random)).await
}

/// Number of variants of a fault, by [`Armed::detail`]: four, and three codes.
const DETAILS: u64 = 12;

/// How each fault hits each request. The seed decides the order. In twelve times as many tries as there are
/// extents, each extent comes with each detail, and each extent comes in every few tries.
#[derive(Debug, Default)]
struct Decks(BTreeMap<Target, Vec<(Extent, u64)>>);

impl Decks {
    /// The next variant; `None` if no wanted extent applies to such a request.
    fn deal(&mut self, target: Target, options: &Options, random: &mut Random) -> Option<(Extent, u64)> {
        let deck = self.0.entry(target).or_default();
        if deck.is_empty() {
            let wanted = |extent: &&Extent| options.wants("extents", extent.name());
            let mut details: Vec<(Extent, Vec<u64>)> = Extent::of(target.ask)
                .iter()
                .filter(wanted)
                .map(|extent| (*extent, (0..DETAILS).collect()))
                .collect();
            for (_, details) in &mut details {
                shuffle(details, random);
            }
            for _ in 0..DETAILS {
                shuffle(&mut details, random);
                deck.extend(details.iter_mut().filter_map(|(extent, left)| Some((*extent, left.pop()?))));
            }
        }
        let (extent, detail) = deck.pop()?;
        // The rest decides where something is cut.
        Some((extent, (random.next() >> 8) / DETAILS * DETAILS + detail))
    }
}

/// One fault.
struct Broken<'a> {
    target: Target,
    extent: Extent,
    detail: u64,
    tries: u64,
    seed: u64,
    unharmed: &'a Unharmed,
}

impl Broken<'_> {
    /// Breaks the request, and then checks everything. Returns how long the operation took.
    async fn run(
        &self,
        stage: &mut Stage,
        report: &mut Report,
        random: &mut Random,
        visited: &mut BTreeSet<(Operation, u64, Fault)>,
    ) -> Result<Duration> {
        let Target { operation, at, ask, fault } = self.target;
        let armed = Armed { fault, extent: self.extent, at, detail: self.detail };
        let tried = format!(
            "{} of {}, request {at} ({ask:?}), {:?}, detail {}, {} retries, try {} of --seed {}",
            fault.name(),
            operation.name(),
            armed.extent,
            armed.detail,
            stage.habits.retries,
            self.tries,
            self.seed
        );
        let found = report.violations.clone();
        let subject = prepared(operation, stage, random).await?;
        stage.settled_tasks().await;
        stage.warm().await?;
        stage.proxy.arm(Some(armed)).await;
        let began = Instant::now();
        let end = operation.perform(stage, &subject).await?;
        if !stage.settled_tasks().await {
            report.violation("R9", format!("a task goes on for ever; after {tried}"));
        }
        let took = began.elapsed();
        let seen = stage.proxy.disarm().await?;
        if seen.fired.is_empty() {
            report.add("armed and not reached", 1);
        } else {
            report.fired += 1;
            report.add(&format!("fault: {}", fault.name()), 1);
            visited.insert((operation, at, fault));
        }
        let outcome = match end {
            End::Told(outcome) => outcome,
            End::Wrong { read, wanted } => {
                judge::wrong(report, operation, &seen, read, wanted, &tried);
                Outcome::Done
            }
        };
        judge::outcome(report, &outcome, operation, &armed, &seen, stage.habits, &tried);
        judge::time(report, took, &seen, self.unharmed, stage.habits, &tried);
        stage.mend(operation, &subject, &outcome, &seen, report, &tried).await?;
        let settled = stage.settle(report, &tried).await?;
        if report.violations != found {
            // This world is given up.
            return Ok(took);
        }
        if database::can_be_repeated(&subject.order, &settled) {
            report.add("repeated", 1);
            self.again(stage, &subject, report, &tried).await?;
        }
        with_storage(stage.patient.clone(), stage.tidy(&subject.order.row, report, &tried)).await;
        Ok(took)
    }

    /// Repeats what failed, with the same storage.
    async fn again(&self, stage: &mut Stage, subject: &Subject, report: &mut Report, tried: &str) -> Result {
        let (operation, mut tries) = (self.target.operation, 0);
        loop {
            tries += 1;
            let subject = subject.again(stage).await?;
            let outcome = match operation.perform(stage, &subject).await? {
                End::Told(outcome) => outcome,
                End::Wrong { read, .. } => {
                    return Err(format!("{read} wrong bytes; again after {tried}").into());
                }
            };
            stage.mend(operation, &subject, &outcome, &proxy::Seen::default(), report, tried).await?;
            match outcome {
                Outcome::Failed { text, .. } if text.contains("timed out") && tries < stage::TRIES => {}
                Outcome::Failed { text, .. } => {
                    report.violation("retry", format!("{text}; again after {tried}"));
                    return Ok(());
                }
                Outcome::Done => return Ok(()),
            }
        }
    }
}

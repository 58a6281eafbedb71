//! A world whose files are in a bucket, behind a proxy.

use super::claim::Sent;
use super::fault::Fault;
use super::operation::{Operation, Subject};
use super::proxy::{Proxy, Seen};
use crate::campaign::Result;
use crate::campaign::kill::judge;
use crate::campaign::place::in_memory;
use crate::campaign::report::Report;
use crate::campaign::world::{Change, Expected, Order, Outcome, Settled, World, put_foreign_files};
use filefield::object_store::aws::S3CopyIfNotExists;
use filefield::object_store::{BackoffConfig, ClientOptions, RetryConfig};
use filefield::prelude::*;
use filefield::storage::ObjectStorage;
use filefield::testing::Baseline;
use filefield::{FileName, SaveOptions, SharedStorage, Storage};
use filefield_tests::buckets::s3::{Server, client_at, over};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Handle;

/// The minimum size of a part in S3.
pub(super) const PART_SIZE: u64 = 5 << 20;

/// The longest pause between two tries of a client.
pub(super) const BACK_OFF: Duration = Duration::from_millis(50);

/// How long tasks may run that an operation has left behind.
const PATIENCE: Duration = Duration::from_secs(60);

/// Number of tries for what a short time-out on a busy machine may have spoiled.
pub(super) const TRIES: usize = 5;

/// The bucket is the media folder of the world.
pub(super) const BUCKET: &str = "media";

/// How a client behaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    /// How long it waits for an answer.
    pub(super) patience: Duration,
    /// How often it retries.
    pub(super) retries: usize,
}

pub(super) struct Stage {
    pub(super) world: World,
    /// A storage that copies in the bucket.
    pub(super) in_bucket: SharedStorage,
    /// A storage that bypasses the proxy and waits as long as a busy machine may need, for everything that
    /// must not be broken.
    pub(super) patient: SharedStorage,
    pub(super) proxy: Proxy,
    pub(super) habits: Habits,
    /// Distinguishes rows.
    pub(super) number: u64,
    expected: Expected,
    before: Option<Baseline>,
    tasks: usize,
    server: Server,
    _folder: TempDir,
}

impl Stage {
    /// The service and the proxy use the threads of `back`, so that they are not counted as ours (R9).
    pub(super) async fn new(back: &Handle, habits: Habits) -> Result<Stage> {
        let server = back.spawn(Server::start()).await?;
        put_foreign_files(&server.root().join(BUCKET))?;
        let proxy = Proxy::start(back, &server.endpoint, server.root().to_owned()).await?;
        let folder = in_memory()?;
        let url = World::sqlite(folder.path());
        let storage = Arc::new(storage_of(&proxy.endpoint(), habits, None)?);
        storage.check().await?;
        let world = World::over(server.root(), &url, storage, true).await?;
        let copying = S3CopyIfNotExists::Header("if-none-match".to_owned(), "*".to_owned());
        let in_bucket = Arc::new(storage_of(&proxy.endpoint(), habits, Some(copying))?);
        let unhurried = Habits { patience: PATIENCE, retries: 3 };
        let patient: SharedStorage = Arc::new(storage_of(&server.endpoint, unhurried, None)?);
        // Requests that it makes only once.
        let exact = SaveOptions { exact: true, ..SaveOptions::default() };
        let copied =
            in_bucket.copy(FileName::new("readme.txt")?, FileName::new("copied.txt")?, &exact).await?;
        in_bucket.delete(FileName::new(&copied.name)?).await?;
        let expected = Expected::default();
        let (number, before, tasks) = (0, None, usize::MAX);
        Ok(Stage {
            world,
            in_bucket,
            patient,
            proxy,
            habits,
            number,
            expected,
            before,
            tasks,
            server,
            _folder: folder,
        })
    }

    /// Records what is held after the warm-up, when nothing is running.
    pub(super) async fn warm(&mut self) -> Result {
        self.before = Some(Baseline::take(&self.world.db).await?);
        self.tasks = Handle::current().metrics().num_alive_tasks();
        Ok(())
    }

    /// A storage that has not tested the bucket yet.
    pub(super) fn fresh(&self) -> Result<ObjectStorage> {
        storage_of(&self.proxy.endpoint(), self.habits, None)
    }

    /// Performs an operation on a row, and records what the row may hold then.
    pub(super) async fn order(&mut self, order: &Order) -> Outcome {
        self.expected.begin(order);
        let outcome = Outcome::of(self.world.perform(order).await);
        self.expected.end(order, &outcome);
        outcome
    }

    /// Claims an upload for a new row, which is also what `order` describes.
    pub(super) async fn claim(&mut self, order: &Order, sent: &Sent) -> Outcome {
        self.expected.begin(order);
        let outcome = Outcome::of(sent.claim(&self.world, &order.row).await);
        self.expected.end(order, &outcome);
        outcome
    }

    /// Waits for background work. Returns whether it ended.
    pub(super) async fn settled_tasks(&self) -> bool {
        let (began, metrics) = (Instant::now(), Handle::current().metrics());
        while metrics.num_alive_tasks() > self.tasks {
            if began.elapsed() > PATIENCE {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        true
    }

    /// The path of a file in the service's folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.server.root().join(BUCKET).join(name)
    }

    /// What the caller does after an accessor: the row follows the file. Nothing of a copy is kept. Both
    /// report what is wrong with the files themselves.
    pub(super) async fn mend(
        &mut self,
        operation: Operation,
        subject: &Subject,
        outcome: &Outcome,
        seen: &Seen,
        report: &mut Report,
        tried: &str,
    ) -> Result {
        if !operation.is_rename() && !operation.is_copy() {
            return Ok(());
        }
        let certain = matches!(outcome, Outcome::Failed { uncertain: false, .. });
        let done = *outcome == Outcome::Done;
        let (from, to) = (std::fs::read(self.path(&subject.from)), std::fs::read(self.path(&subject.to)));
        let is_whole =
            |read: &std::io::Result<Vec<u8>>| read.as_ref().is_ok_and(|read| *read == subject.wanted);
        if to.is_ok() && certain {
            report.violation("R6", format!("what certainly failed has left a file; after {tried}"));
        }
        let stays = operation.is_copy() || (certain && from.is_ok());
        if done && to.is_err() || !is_whole(&from) && stays || from.is_err() && to.is_err() {
            report.violation("R1", format!("the file is gone, {outcome:?}; after {tried}"));
        }
        if to.is_ok() && !is_whole(&to) {
            // Nothing in the transfer says what the bytes should be.
            if seen.fired.iter().any(|(fault, _)| *fault == Fault::Corrupt) {
                report.add("copies of what arrived damaged", 1);
            } else {
                report.violation("R1", format!("the copy is not whole; after {tried}"));
            }
            std::fs::write(self.path(&subject.to), &subject.wanted)?;
        }
        if operation.is_copy() || !done && from.is_ok() {
            self.patient.delete(FileName::new(&subject.to)?).await?;
        } else if !done {
            let mut car = subject.car()?;
            car.photo_mut().set_name(&subject.to)?;
            car.save(&self.world.db).await?;
        }
        // An accessor moves a file that its row still names.
        if let Some(recording) = &self.world.recording {
            recording.clear();
        }
        Ok(())
    }

    /// Everything becomes due and is swept, and then everything must agree.
    pub(super) async fn settle(&mut self, report: &mut Report, tried: &str) -> Result<Settled> {
        let before = match &self.before {
            Some(before) => before.clone(),
            None => Baseline::take(&self.world.db).await?,
        };
        // A storage must abort what it has left open.
        for _ in 0..TRIES {
            self.world.execute("UPDATE filefield_journal SET due_at = 0").await?;
            let swept = filefield::db::sweep(&self.world.db).await?;
            report.add("files deleted by sweeps", swept.deleted);
            if swept.failed == 0 {
                break;
            }
        }
        let patient = World { storage: self.patient.clone(), ..self.world.clone() };
        let settled = patient.enter(patient.settle(&before)).await;
        let settled = settled.map_err(|error| format!("{error}; after {tried}"))?;
        judge(report, &mut self.expected, &settled, tried);
        for upload in self.open_uploads()? {
            if self.proxy.is_unknown(&upload) {
                report.add("uploads that nobody can know of", 1);
            } else {
                report.violation("upload", format!("{upload} is open; after {tried}"));
            }
            std::fs::remove_file(self.server.root().join(format!(".upload-{upload}.json")))?;
        }
        Ok(settled)
    }

    /// Whether such a row exists.
    pub(super) fn is_expected(&self, row: &str) -> bool {
        self.expected.is_there(row)
    }

    /// Deletes the row of an operation.
    pub(super) async fn tidy(&mut self, row: &str, report: &mut Report, tried: &str) {
        if self.is_expected(row)
            && let Outcome::Failed { text, .. } = self.order(&Order::new(row, Change::Delete)).await
        {
            report.violation("retry", format!("the row cannot be deleted: {text}; after {tried}"));
        }
    }

    /// The service keeps one file per open upload.
    fn open_uploads(&self) -> Result<Vec<String>> {
        let mut open = Vec::new();
        for entry in std::fs::read_dir(self.server.root())? {
            let name = entry?.file_name();
            let id = name.to_str().and_then(|name| name.strip_prefix(".upload-")?.strip_suffix(".json"));
            open.extend(id.map(str::to_owned));
        }
        Ok(open)
    }

    pub(super) async fn close(self) -> Result {
        self.proxy.stop().await;
        self.world.close().await
    }
}

pub(super) fn storage_of(
    endpoint: &str,
    habits: Habits,
    copying: Option<S3CopyIfNotExists>,
) -> Result<ObjectStorage> {
    let mut client = client_at(endpoint, BUCKET)
        .with_retry(RetryConfig {
            max_retries: habits.retries,
            retry_timeout: 2 * habits.patience,
            backoff: BackoffConfig {
                init_backoff: BACK_OFF / 5,
                max_backoff: BACK_OFF,
                ..BackoffConfig::default()
            },
        })
        // One connection per request: what is refused or left open does not depend on earlier requests.
        .with_client_options(
            ClientOptions::new()
                .with_allow_http(true)
                .with_timeout(habits.patience)
                .with_pool_max_idle_per_host(0),
        );
    if let Some(copying) = copying {
        client = client.with_copy_if_not_exists(copying);
    }
    Ok(over(client.build()?).part_size(PART_SIZE).build()?)
}

//! Saving a stream. The task that awaits the save polls the stream, and a blocking thread writes the bytes
//! that have arrived. A stalled stream holds no thread, and no descriptor before its first bytes are written.

use super::cancel::Cancel;
use super::copy::Output;
use super::directories::Target;
use super::disk::Disk;
use super::save::{split, taken};
use super::stage::Staged;
use super::write::{self, Written};
use super::{FileSystemStorage, located};
use crate::content::{Alarm, Chunks, Part};
use crate::{Content, Error, FileName, Result, SaveOptions, Saved, Storage};
use bytes::Bytes;
use rustix::process::{Resource, getrlimit};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The maximum number of bytes gathered while earlier bytes are written.
const MOST: usize = 1024 * 1024;
/// This many bytes are written at once even if more may come.
const ENOUGH: usize = 64 * 1024;

/// The maximum number of streams that have a file open while waiting for more bytes, per process: a quarter
/// of the process's descriptor limit, at least 64 and at most 4096.
static OPEN: LazyLock<Semaphore> = LazyLock::new(|| {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX) / 4;
    Semaphore::new(usize::try_from(limit).unwrap_or(usize::MAX).clamp(64, 4096))
});

/// A file that has some of its bytes.
struct Begun {
    target: Target,
    staged: Staged,
    output: Output,
    early: bool,
}

/// The parameters of a save, for each step of its work.
struct Job {
    disk: Arc<Disk>,
    name: String,
    options: SaveOptions,
    len: Option<u64>,
    cancel: Cancel,
}

/// The result of a step.
enum Turn {
    Begun(Box<Begun>),
    Saved(Saved),
}

type Writing = Pin<Box<dyn Future<Output = Result<Turn>> + Send>>;

impl FileSystemStorage {
    /// Saves a stream.
    pub(super) async fn save_arriving(
        &self,
        name: FileName<'_>,
        mut content: Content,
        options: &SaveOptions,
    ) -> Result<Saved> {
        let text = name.as_str();
        let blame = |error| located(error, "save", Some(text));
        // Rejects a name that is not available before reading a byte, if that needs no I/O.
        self.disk.names(text, options).map_err(blame)?;
        if options.exact && self.knows(name) {
            return Err(blame(taken()));
        }
        let cancel = Cancel::default();
        let _gives_up = cancel.on_drop();
        let job = Job {
            disk: self.disk.clone(),
            name: text.to_owned(),
            options: options.clone(),
            len: content.len(),
            cancel,
        };
        let alarm = Alarm::new(content.clock());
        let arriving = Arriving { chunks: content.chunks(), part: Part::default(), ended: false };
        let mut save = Save { job: Arc::new(job), alarm, place: None, arriving, writing: None, begun: None };
        let saved = save.run().await;
        if saved.is_err() {
            save.give_up().await;
        }
        saved.map_err(blame)
    }
}

/// The bytes that have arrived from a stream.
struct Arriving {
    chunks: Chunks,
    part: Part,
    ended: bool,
}

impl Arriving {
    /// Ready if there is enough to write. Collects more while the stream has it.
    fn poll_enough(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        while !self.ended && self.part.len() < MOST {
            match self.chunks.poll_chunk(cx)? {
                Poll::Ready(Some(chunk)) => self.part.push(chunk),
                Poll::Ready(None) => self.ended = true,
                Poll::Pending if self.part.len() >= ENOUGH => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// A running save. If it is dropped, a blocking thread cleans up.
struct Save {
    job: Arc<Job>,
    alarm: Alarm,
    place: Option<SemaphorePermit<'static>>,
    arriving: Arriving,
    /// Earlier bytes are being written.
    writing: Option<Writing>,
    begun: Option<Box<Begun>>,
}

impl Save {
    async fn run(&mut self) -> Result<Saved> {
        loop {
            if let Some(saved) = poll_fn(|cx| self.poll_turn(cx)).await? {
                return Ok(saved);
            }
            let (pieces, ended) =
                (std::mem::take(&mut self.arriving.part).into_pieces(), self.arriving.ended);
            if !ended && self.place.is_none() {
                self.place = Some(self.wait_for_place().await?);
            }
            let (job, begun) = (self.job.clone(), self.begun.take());
            self.writing = Some(Box::pin(super::disk::write_hop(move || job.turn(begun, &pieces, ended))));
        }
    }

    /// Ready when the next step can start, or the file is saved.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Saved>>> {
        if let Some(writing) = &mut self.writing
            && let Poll::Ready(turn) = writing.as_mut().poll(cx)
        {
            self.writing = None;
            match turn? {
                Turn::Begun(begun) => self.begun = Some(begun),
                Turn::Saved(saved) => return Poll::Ready(Ok(Some(saved))),
            }
        }
        ready!(self.arriving.poll_enough(cx))?;
        match self.writing {
            Some(_) => Poll::Pending,
            None => Poll::Ready(Ok(None)),
        }
    }

    /// Waits for a permit to open a file. Nothing else polls the stream during the wait, so its time limit is
    /// checked here.
    async fn wait_for_place(&mut self) -> Result<SemaphorePermit<'static>> {
        if let Ok(place) = OPEN.try_acquire() {
            return Ok(place);
        }
        self.alarm.clock().wait();
        let place = self.alarm.guard(OPEN.acquire()).await?;
        self.alarm.clock().moved();
        place.map_err(|_| Error::new(crate::ErrorKind::Io, "no more files are opened"))
    }

    /// After an error: waits for running work and cleans up.
    async fn give_up(&mut self) {
        if let Some(writing) = self.writing.take()
            && let Ok(Turn::Begun(begun)) = writing.await
        {
            self.begun = Some(begun);
        }
        if let Some(begun) = self.begun.take() {
            let job = self.job.clone();
            // If this fails, the first error matters more.
            let _ = super::disk::hop(move || {
                job.abandon(*begun);
                Ok(())
            })
            .await;
        }
    }
}

impl Drop for Save {
    fn drop(&mut self) {
        let Some(begun) = self.begun.take() else { return };
        let job = self.job.clone();
        // Freeing a large file takes time.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || job.abandon(*begun))),
            Err(_) => job.abandon(*begun),
        }
    }
}

impl Job {
    /// Writes `pieces`, and publishes the file if they are the last.
    fn turn(&self, begun: Option<Box<Begun>>, pieces: &[Bytes], ended: bool) -> Result<Turn> {
        self.cancel.check()?;
        let mut begun = match begun {
            Some(begun) => begun,
            None => Box::new(self.begin()?),
        };
        let written = pieces.iter().try_for_each(|piece| {
            self.cancel.check()?;
            begun.output.write(begun.staged.file(), piece)
        });
        match written {
            Ok(()) if ended => self.end(*begun).map(Turn::Saved),
            Ok(()) => Ok(Turn::Begun(begun)),
            Err(error) => {
                self.abandon(*begun);
                Err(error)
            }
        }
    }

    fn begin(&self) -> Result<Begun> {
        let Job { disk, options, .. } = self;
        let (_, wanted) = disk.names(&self.name, options)?;
        let (directory, leaf) = split(&wanted);
        let mut target = disk.make_target(directory)?;
        let mut open = || {
            let early = write::begin(&target, leaf, options)?;
            Ok((early, disk.open_staged(&mut target, options.owner.as_deref())?))
        };
        match open() {
            Ok((early, staged)) => Ok(Begun { target, staged, output: Output::new(self.len), early }),
            Err(error) => {
                disk.settle(target);
                Err(error)
            }
        }
    }

    fn end(&self, begun: Begun) -> Result<Saved> {
        let Job { disk, options, cancel, .. } = self;
        let Begun { mut target, staged, output, early } = begun;
        let publish = |target: &mut Target| -> Result<Saved> {
            let size = output.end(staged.file())?;
            let written: Written = disk.written(staged, size, early, options)?;
            let (names, wanted) = disk.names(&self.name, options)?;
            disk.publish_written(target, names, wanted, written, options, cancel)
        };
        let saved = publish(&mut target);
        disk.settled(target, saved)
    }

    fn abandon(&self, begun: Begun) {
        let Begun { target, staged, .. } = begun;
        drop(staged);
        self.disk.settle(target);
    }
}

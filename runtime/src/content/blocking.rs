//! Reading a [`Content`] on a blocking thread.

use super::open::open_regular;
use super::stream::{Stream, caught};
use super::watch::Watch;
use super::{Content, Source, TempFile};
use crate::Result;
use bytes::{Buf, Bytes};
use rustix::fs::OFlags;
use std::fmt;
use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;
use tokio::runtime::Handle;

/// The maximum number of consecutive interruptions reported by a reader.
const MOST_INTERRUPTED: u32 = 10_000;

/// A blocking reader of a [`Content`], for use on a blocking thread.
///
/// Every byte passes the content's inspector. End of file is reported only after the inspector has accepted
/// the whole content and its length matches the declared one, if any. A storage that publishes a file at end
/// of file therefore never publishes content that breaks a rule. Errors of filefield travel inside the
/// [`io::Error`] and are recovered by [`Error::from`](crate::Error). After an error, every read fails.
///
/// Waiting for a stream parks the thread, so do not use it on a thread that runs asynchronous tasks. A stream
/// fails when the content's [time limits](Content::with_idle_timeout) expire. A blocked reader cannot be
/// woken: its limits are checked after each read returns.
///
/// ```
/// use filefield::Content;
/// use std::io::Read;
///
/// let mut text = String::new();
/// Content::from("new content").blocking().read_to_string(&mut text)?;
/// assert_eq!(text, "new content");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct BlockingContent {
    feed: Feed,
    /// Whether the source is a reader that may block indefinitely.
    waits: bool,
    watch: Watch,
    ended: bool,
}

enum Feed {
    Bytes(Bytes),
    Read(Box<dyn Read + Send>),
    Stream(Streamed),
}

struct Streamed {
    stream: Stream,
    /// Bytes that arrived and were not returned yet.
    rest: Bytes,
    runtime: Option<Handle>,
}

impl BlockingContent {
    pub(super) fn new(mut content: Content) -> Self {
        let (clock, waits) = (content.clock(), content.may_wait());
        let watch = Watch::new(content.inspector, content.stated, content.guarded, clock);
        let feed = match content.source {
            Source::Bytes(bytes) => Feed::Bytes(bytes),
            Source::Path(path) => Feed::Read(Box::new(PathReader { path, file: None })),
            Source::Temp(temp) => Feed::Read(Box::new(TempReader { temp, file: None })),
            Source::File(file) => Feed::Read(Box::new(FromStart::new(file))),
            Source::Read(read) => Feed::Read(read),
            Source::Stream(stream) => {
                let runtime = Handle::try_current().ok();
                Feed::Stream(Streamed { stream: Stream::new(stream), rest: Bytes::new(), runtime })
            }
        };
        BlockingContent { feed, waits, watch, ended: false }
    }

    /// Whether it may block indefinitely and needs a thread that can wait.
    pub(super) fn may_wait(&self) -> bool {
        self.waits
    }

    /// Restarts the wait for the next byte: the time so far was spent waiting for another content.
    pub(crate) fn start_waiting(&self) {
        if self.waits {
            self.watch.clock().wait();
        }
    }

    /// Returns the next bytes, at most `max`, or `None` at the end. Fills the chunk, regardless of the size
    /// of the source's pieces.
    ///
    /// # Errors
    /// Propagates errors of the source and of the inspector.
    pub fn next_chunk(&mut self, max: usize) -> Result<Option<Bytes>> {
        // Larger chunks grow as bytes arrive.
        let mut chunk = Vec::with_capacity(max.min(64 * 1024));
        self.take(max.max(1) as u64).read_to_end(&mut chunk)?;
        Ok((!chunk.is_empty()).then(|| chunk.into()))
    }

    fn fill(&mut self, buf: &mut [u8]) -> Result<usize> {
        let mut interrupted = 0;
        let got = loop {
            self.watch.check()?;
            if self.waits {
                self.watch.clock().go_on_waiting();
            }
            match self.feed.read(buf, &mut self.watch) {
                Err(error)
                    if error.kind() == io::ErrorKind::Interrupted && interrupted < MOST_INTERRUPTED =>
                {
                    interrupted += 1;
                }
                result => break self.watch.note(result.map_err(Into::into))?,
            }
        };
        if got > 0 {
            // A reader that reports more bytes than the buffer holds is an error, not a panic.
            let bytes = buf.get(..got).ok_or_else(|| io::Error::other("a reader claims more than it read"));
            let bytes = self.watch.note(bytes.map_err(Into::into))?;
            self.watch.pass(bytes)?;
        } else {
            self.watch.end()?;
            self.ended = true;
        }
        Ok(got)
    }
}

impl Read for BlockingContent {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() || self.ended {
            return Ok(0);
        }
        Ok(self.fill(buf)?)
    }
}

impl fmt::Debug for BlockingContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingContent").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Feed {
    fn read(&mut self, buf: &mut [u8], watch: &mut Watch) -> io::Result<usize> {
        match self {
            Feed::Bytes(bytes) => Ok(hand_out(bytes, buf)),
            Feed::Read(read) => caught(|| read.read(buf))?,
            Feed::Stream(stream) => match stream.wait(watch)? {
                true => Ok(hand_out(&mut stream.rest, buf)),
                false => Ok(0),
            },
        }
    }
}

impl Streamed {
    /// Waits for bytes. Returns `false` at the end.
    fn wait(&mut self, watch: &mut Watch) -> Result<bool> {
        if self.rest.is_empty() {
            // Timers and sockets of the stream look up the runtime on the polling thread.
            let _entered = self.runtime.as_ref().map(Handle::enter);
            let clock = watch.clock().clone();
            let next = block_on(poll_fn(|cx| self.stream.poll_piece(cx, watch)), || clock.left());
            match next? {
                Some(chunk) => self.rest = chunk,
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}

fn hand_out(bytes: &mut Bytes, buf: &mut [u8]) -> usize {
    let count = bytes.len().min(buf.len());
    bytes.copy_to_slice(&mut buf[..count]);
    count
}

/// Reads a stream from its start, or from its current position if it cannot seek.
pub(crate) struct FromStart<S> {
    inner: S,
    rewound: bool,
}

impl<S> FromStart<S> {
    pub(crate) fn new(inner: S) -> Self {
        FromStart { inner, rewound: false }
    }
}

impl<S: Read + Seek> Read for FromStart<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.rewound {
            rewind(&mut self.inner)?;
            self.rewound = true;
        }
        self.inner.read(buf)
    }
}

/// Seeks to the start. A stream that cannot seek stays at its position.
pub(crate) fn rewind<S: Seek + ?Sized>(stream: &mut S) -> io::Result<()> {
    match stream.seek(SeekFrom::Start(0)) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotSeekable | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        result => result.map(drop),
    }
}

/// Reads a temporary file and keeps it until the reader is dropped.
struct TempReader {
    temp: TempFile,
    file: Option<File>,
}

impl Read for TempReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.temp.open()?),
        };
        file.read(buf)
    }
}

/// Reads the file at a path. Opens it at the first read.
struct PathReader {
    path: PathBuf,
    file: Option<File>,
}

impl Read for PathReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(open_regular(&self.path, OFlags::empty())?.0),
        };
        file.read(buf)
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs `future` on this thread, which sleeps while it waits and wakes after the time returned by `limit`.
/// Needs no runtime and, unlike a runtime's `block_on`, may be called inside one.
pub(crate) fn block_on<F: Future>(future: F, limit: impl Fn() -> Option<Duration>) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => match limit() {
                Some(limit) => thread::park_timeout(limit),
                None => thread::park(),
            },
        }
    }
}

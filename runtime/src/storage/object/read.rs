//! Reading an object as its bytes arrive.

use super::ObjectStorage;
use super::error::{Effect, convert};
use super::save::Facts;
use crate::storage::reader::ReadSource;
use crate::{Error, ErrorKind, FileName, Reader, Result};
use async_trait::async_trait;
use bytes::{Buf, Bytes};
use futures_core::Stream;
use object_store::path::Path;
use object_store::{Error as StoreError, GetOptions, GetRange, GetResult, ObjectStore};
use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

/// The maximum number of consecutive retries of a broken body.
const RESUMES: u32 = 3;
/// Up to this many bytes are skipped by reading. To skip more, a new request is sent.
const NEAR: u64 = 1 << 20;

type Arriving = Pin<Box<dyn Stream<Item = object_store::Result<Bytes>> + Send>>;

/// Opens `range` of a file, in one request.
pub(super) async fn open(storage: &ObjectStorage, name: FileName<'_>, range: Range<u64>) -> Result<Reader> {
    let key = storage.keys.key(name)?;
    if range.start >= range.end {
        storage.facts(&key).await?;
        return Ok(Bytes::new().into());
    }
    let options = GetOptions { range: wanted(&range), ..GetOptions::default() };
    let ranged = options.range.is_some();
    match storage.store.get_opts(&key, options).await {
        Ok(found) => Ok(reader(storage.store.clone(), key, found)),
        // A range that starts after the end is refused (RFC 9110, 15.5.17), by each store in its own way.
        Err(error @ StoreError::Generic { .. }) if ranged => {
            let error = convert(error, Effect::Read);
            match storage.facts(&key).await {
                Ok(facts) if facts.size <= range.start => Ok(Bytes::new().into()),
                _ => Err(error),
            }
        }
        Err(error) => Err(convert(error, Effect::Read)),
    }
}

/// Opens the first `most` bytes of an object, or all if there are fewer, and returns its facts. One request.
pub(super) async fn opened(storage: &ObjectStorage, key: &Path, most: u64) -> Result<(Reader, Facts)> {
    let range = wanted(&(0..most));
    let ranged = range.is_some();
    let found = storage.store.get_opts(key, GetOptions { range, ..GetOptions::default() }).await;
    match found.map_err(|error| convert(error, Effect::Read)) {
        Ok(found) => {
            let facts = Facts::of(&found);
            Ok((reader(storage.store.clone(), key.clone(), found), facts))
        }
        // An empty object has no ranges.
        Err(error) if ranged && error.kind() != ErrorKind::NotFound => match storage.facts(key).await {
            Ok(facts) if facts.size == 0 => Ok((Bytes::new().into(), facts)),
            _ => Err(error),
        },
        Err(error) => Err(error),
    }
}

fn wanted(range: &Range<u64>) -> Option<GetRange> {
    match (range.start, range.end) {
        (0, u64::MAX) => None,
        (start, u64::MAX) => Some(GetRange::Offset(start)),
        _ => Some(GetRange::Bounded(range.clone())),
    }
}

fn reader(store: Arc<dyn ObjectStore>, key: Path, found: GetResult) -> Reader {
    let (range, e_tag) = (found.range.clone(), found.meta.e_tag.clone());
    let len = range.end - range.start;
    let arriving = Some(found.into_stream() as Arriving);
    let source = ObjectSource {
        store,
        key,
        e_tag,
        at: range.start,
        end: range.end,
        arriving,
        ahead: Bytes::new(),
        skip: 0,
        broken: 0,
    };
    Reader::new(Box::new(source), Some(len))
}

struct ObjectSource {
    store: Arc<dyn ObjectStore>,
    key: Path,
    /// Ensures that bytes of two objects are never mixed.
    e_tag: Option<String>,
    /// The position of `ahead` in the object.
    at: u64,
    end: u64,
    arriving: Option<Arriving>,
    /// Bytes that have arrived.
    ahead: Bytes,
    /// Bytes to skip first.
    skip: u64,
    /// How often the body broke since bytes arrived.
    broken: u32,
}

impl ObjectSource {
    fn take(&mut self, max: usize) -> Bytes {
        let bytes = self.ahead.split_to(max.min(self.ahead.len()));
        self.at += bytes.len() as u64;
        bytes
    }

    fn pass_over_ahead(&mut self) {
        let here = usize::try_from(self.skip).unwrap_or(usize::MAX).min(self.ahead.len());
        self.ahead.advance(here);
        self.at += here as u64;
        self.skip -= here as u64;
    }

    /// Returns the bytes that arrive next, or no bytes at the end. If the body breaks off, requests the rest,
    /// as long as it is certain to be of the same object.
    async fn arrive(&mut self) -> Result<Bytes> {
        loop {
            match self.next().await {
                Ok(bytes) => {
                    self.broken = 0;
                    return Ok(bytes);
                }
                Err(error) if error.is_retryable() && self.e_tag.is_some() && self.broken < RESUMES => {
                    self.broken += 1;
                    self.arriving = None;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn next(&mut self) -> Result<Bytes> {
        let mut arriving = match self.arriving.take() {
            Some(arriving) => arriving,
            None => self.again().await?,
        };
        loop {
            match poll_fn(|cx| arriving.as_mut().poll_next(cx)).await {
                // The body had its declared length, which is not the length of the range.
                None if self.at < self.end => {
                    let message = "the service sent less of the file than it has";
                    return Err(Error::new(ErrorKind::Io, message).retryable());
                }
                None => return Ok(Bytes::new()),
                // An empty frame is not the end.
                Some(Ok(bytes)) if bytes.is_empty() => tokio::task::coop::consume_budget().await,
                Some(Ok(bytes)) => {
                    self.arriving = Some(arriving);
                    return Ok(bytes);
                }
                Some(Err(error)) => return Err(convert(error, Effect::Read)),
            }
        }
    }

    /// Requests the rest.
    async fn again(&mut self) -> Result<Arriving> {
        let rest = self.at..self.end;
        let options = GetOptions {
            range: Some(GetRange::Bounded(rest.clone())),
            if_match: self.e_tag.clone(),
            ..GetOptions::default()
        };
        let found = self.store.get_opts(&self.key, options).await;
        let found = found.map_err(|error| convert(error, Effect::Read))?;
        match found.range == rest {
            true => Ok(found.into_stream()),
            false => Err(Error::new(ErrorKind::Io, "the service sent another part of the file")),
        }
    }
}

#[async_trait]
impl ReadSource for ObjectSource {
    async fn chunk(&mut self, max: usize) -> Result<Bytes> {
        loop {
            self.pass_over_ahead();
            if !self.ahead.is_empty() {
                return Ok(self.take(max));
            }
            if self.at + self.skip >= self.end {
                return Ok(Bytes::new());
            }
            if self.skip > NEAR {
                self.arriving = None;
                self.at += std::mem::take(&mut self.skip);
            }
            self.ahead = self.arrive().await?;
            if self.ahead.is_empty() {
                return Ok(Bytes::new());
            }
        }
    }

    fn try_chunk(&mut self, max: usize) -> Option<Result<Bytes>> {
        self.pass_over_ahead();
        (!self.ahead.is_empty()).then(|| Ok(self.take(max)))
    }

    fn try_skip(&mut self, count: u64) -> bool {
        self.skip = self.skip.saturating_add(count).min(self.end - self.at);
        true
    }
}

//! Examining a content before it is saved: its first bytes, or all of it.

use super::open::open_regular;
use super::{Alarm, ByteStream, Content, FromStart, Source};
use crate::error::BoxError;
use crate::inspect::{Inspector, Rules, SNIFF_LEN};
use crate::{Error, ErrorKind, Result, threads};
use bytes::Bytes;
use futures_core::Stream;
use rustix::fs::OFlags;
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::future::poll_fn;
use std::io::{self, Cursor, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::task::coop;

/// A function that examines all bytes of a content.
type Check = fn(&mut crate::file::File) -> Result<(), BoxError>;

impl Content {
    /// Returns the first [`SNIFF_LEN`] bytes, or all of a shorter content. The content can still be read from
    /// its start. For a reader or a stream, the bytes are kept in memory. If this fails or its future is
    /// dropped, a reader or stream is lost and reading the content fails.
    ///
    /// # Errors
    /// Propagates errors of the source.
    pub(crate) async fn head(&mut self) -> Result<Bytes> {
        let file = match &self.source {
            Source::Bytes(bytes) => return Ok(bytes.slice(..bytes.len().min(SNIFF_LEN))),
            Source::Temp(temp) => Some(temp.open()?),
            Source::Path(path) => Some(open_regular(path, OFlags::empty())?.0),
            Source::File(file) if file.metadata()?.is_file() => Some(file.try_clone()?),
            _ => None,
        };
        if let Some(file) = file {
            return head_of(file).await;
        }
        let mut alarm = Alarm::new(self.clock());
        alarm.clock().wait();
        match self.lose() {
            Source::Stream(stream) => {
                let (head, stream) = alarm.guard(head_of_stream(stream)).await.flatten()?;
                self.found(Source::Stream(stream));
                alarm.clock().moved();
                Ok(head)
            }
            source => {
                let mut reader = into_reader(source);
                let read = move || {
                    let mut head = Vec::new();
                    // It retries if the system interrupts a read.
                    (&mut reader).take(SNIFF_LEN as u64).read_to_end(&mut head)?;
                    Ok((Bytes::from(head), reader))
                };
                let (head, reader) = alarm.guard(off_thread(read)).await.flatten()?;
                self.found(Source::Read(Box::new(Cursor::new(head.clone()).chain(reader))));
                alarm.clock().moved();
                Ok(head)
            }
        }
    }

    /// Takes the source. The content is lost until the source is put back.
    fn lose(&mut self) -> Source {
        self.is_lost = true;
        std::mem::replace(&mut self.source, Source::Read(Box::new(Lost)))
    }

    fn found(&mut self, source: Source) {
        self.is_lost = false;
        self.source = source;
    }

    /// Runs `check` over all bytes on a blocking thread, and returns whether the content is now a copy.
    /// Content that can be read only once, or may change while it is read, is first copied into a temporary
    /// file and must obey `rules`. Content that `check` refuses can still be read.
    ///
    /// # Errors
    /// Returns `refused` if `check` fails or panics; propagates errors of the source and of `rules`.
    pub(crate) async fn check(&mut self, rules: Rules, check: Check, refused: ErrorKind) -> Result<bool> {
        match &self.source {
            Source::Bytes(bytes) => {
                let bytes = Cursor::new(bytes.clone());
                off_thread(move || run(check, crate::file::File::new(bytes), refused)).await?;
                Ok(false)
            }
            Source::Temp(temp) => {
                let file = temp.open()?;
                off_thread(move || run(check, file.into(), refused)).await?;
                Ok(false)
            }
            _ => {
                let mut alarm = Alarm::new(self.clock());
                alarm.clock().wait();
                let original = Content {
                    source: self.lose(),
                    inspector: Some(Inspector::new(rules).0),
                    guarded: std::mem::take(&mut self.guarded),
                    content_type: None,
                    is_lost: false,
                    clock: self.clock.clone(),
                    ..*self
                };
                let work = move || {
                    let mut copy = unnamed()?;
                    io::copy(&mut original.blocking(), &mut copy)?;
                    let checked = run(check, copy.try_clone()?.into(), refused);
                    Ok((copy, checked))
                };
                let (copy, checked) = alarm.guard(off_thread(work)).await.flatten()?;
                let Content { source, len, .. } = Content::from(copy);
                self.found(source);
                self.len = len.or(self.len);
                checked.map(|()| true)
            }
        }
    }
}

fn run(check: Check, mut file: crate::file::File, refused: ErrorKind) -> Result<()> {
    file.seek(io::SeekFrom::Start(0))?;
    match catch_unwind(AssertUnwindSafe(|| check(&mut file))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(why)) => Err(Error::new(refused, "`verify` refuses the content").with_source(why)),
        Err(_) => Err(Error::new(refused, "`verify` panicked on the content")),
    }
}

/// An unnamed temporary file, deleted when its last descriptor is closed.
fn unnamed() -> Result<File> {
    let path = std::env::temp_dir().join(format!("filefield-{}", crate::name::token()?));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

async fn head_of(file: File) -> Result<Bytes> {
    off_thread(move || {
        let mut head = vec![0; SNIFF_LEN];
        let len = crate::image::read_at(&file, &mut head, 0)?;
        head.truncate(len);
        Ok(head.into())
    })
    .await
}

/// A reader for a source other than bytes or a stream.
fn into_reader(source: Source) -> Box<dyn Read + Send> {
    match source {
        Source::Read(reader) => reader,
        Source::File(pipe) => Box::new(FromStart::new(pipe)),
        _ => Box::new(Lost),
    }
}

/// Runs `work`, which may wait for the application, on a thread for readers.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match threads::run_reader(work).await {
        Ok(result) => result,
        Err(_) => Err(Error::new(ErrorKind::Io, "the content panicked")),
    }
}

async fn head_of_stream(mut stream: ByteStream) -> Result<(Bytes, ByteStream)> {
    let (mut pieces, mut len) = (VecDeque::new(), 0);
    while len < SNIFF_LEN {
        // A stream that is always ready must not keep other tasks from running.
        coop::consume_budget().await;
        match poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
            Some(piece) => {
                let piece: Bytes = piece?;
                len += piece.len();
                if !piece.is_empty() {
                    pieces.push_back(piece);
                }
            }
            None => break,
        }
    }
    let mut head = Vec::with_capacity(len.min(SNIFF_LEN));
    for piece in &pieces {
        head.extend_from_slice(&piece[..piece.len().min(SNIFF_LEN - head.len())]);
    }
    Ok((head.into(), Box::pin(Again { pieces, rest: stream })))
}

/// A stream with pieces that were already read.
struct Again {
    pieces: VecDeque<Bytes>,
    rest: ByteStream,
}

impl Stream for Again {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.pieces.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(piece))),
            None => self.rest.as_mut().poll_next(cx),
        }
    }
}

/// Replaces a reader or a stream that was lost while it was examined.
struct Lost;

impl Read for Lost {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other(Error::new(ErrorKind::Consumed, "the content was lost while it was looked at")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;

    fn long() -> Vec<u8> {
        (0..10_000_u32).map(|number| number as u8).collect()
    }

    fn sources(bytes: &[u8]) -> Vec<Content> {
        let mut writer = crate::TempFile::create_in(std::env::temp_dir()).unwrap();
        writer.write_all(bytes).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.seek(io::SeekFrom::End(0)).unwrap();
        vec![
            bytes.to_vec().into(),
            writer.finish().unwrap().into(),
            file.into(),
            Content::reader(Cursor::new(bytes.to_vec())),
            Content::stream(Pieces(bytes.chunks(700).map(<[u8]>::to_vec).collect())),
        ]
    }

    struct Pieces(VecDeque<Vec<u8>>);

    impl Stream for Pieces {
        type Item = Result<Bytes>;
        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(piece.into())))
        }
    }

    #[tokio::test]
    async fn the_head_is_read_and_given_again() {
        for bytes in [long(), b"short".to_vec(), Vec::new()] {
            for mut content in sources(&bytes) {
                let kind = format!("{:?}", content.source());
                let head = content.head().await.unwrap();
                assert_eq!(head, bytes[..bytes.len().min(SNIFF_LEN)], "{kind}");
                assert_eq!(content.head().await.unwrap(), head, "{kind}: a second time");
                assert_eq!(content.read_all().await.unwrap(), bytes, "{kind}");
            }
        }
    }

    #[tokio::test]
    async fn an_error_while_the_head_is_read_is_told_and_leaves_no_short_content() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        let mut content = Content::reader(b"begun".chain(Broken));
        assert!(content.head().await.is_err());
        assert_eq!(content.read_all().await.unwrap_err().kind(), ErrorKind::Consumed);
    }

    #[tokio::test]
    async fn a_check_sees_what_is_saved() {
        fn is_long(file: &mut crate::file::File) -> Result<(), BoxError> {
            let mut all = Vec::new();
            file.read_to_end(&mut all)?;
            assert!(!all.is_empty(), "no bytes");
            if all == long() { Ok(()) } else { Err("another".into()) }
        }
        for mut content in sources(&long()) {
            let kind = format!("{:?}", content.source());
            content.check(Rules::default(), is_long, ErrorKind::NotAnImage).await.unwrap();
            assert_eq!(content.len(), Some(10_000), "{kind}");
            assert_eq!(content.read_all().await.unwrap(), long(), "{kind}");
        }
        for (bytes, text) in [(&b"short"[..], "refuses"), (b"", "panicked")] {
            for mut content in sources(bytes) {
                let check = content.check(Rules::default(), is_long, ErrorKind::NotAnImage);
                let refused = check.await.unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::NotAnImage);
                assert!(refused.to_string().contains(text), "{refused}");
                assert_eq!(content.read_all().await.unwrap(), bytes, "what was refused is not lost");
            }
        }
        // Content that is copied first must obey the rules.
        let mut endless = Content::reader(io::repeat(7));
        let rules = Rules { max_size: Some(100_000), ..Rules::default() };
        let check = endless.check(rules, is_long, ErrorKind::NotAnImage);
        assert_eq!(check.await.unwrap_err().kind(), ErrorKind::TooLarge);
    }
}

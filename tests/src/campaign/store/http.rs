//! A minimal parser of HTTP/1.1 (RFC 9112): where messages begin and end.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The maximum length of a head, of the client or the server.
const MOST_HEAD: usize = 64 * 1024;

/// The number of bytes read at once.
const CHUNK: usize = 64 * 1024;

/// A message, unchanged.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// Up to and including the empty line.
    pub(super) head: Vec<u8>,
    /// Including its chunk headers, if it is chunked.
    pub(super) body: Vec<u8>,
}

impl Message {
    /// The first line.
    pub(super) fn first_line(&self) -> &str {
        std::str::from_utf8(&self.head).unwrap_or_default().split("\r\n").next().unwrap_or_default()
    }

    /// The value of a header, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let lines = std::str::from_utf8(&self.head).ok()?.split("\r\n").skip(1);
        lines
            .filter_map(|line| line.split_once(':'))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The status of an answer.
    pub(super) fn status(&self) -> u16 {
        self.first_line().split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub(super) fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    }

    /// The text between two marks of the body.
    pub(super) fn between(&self, before: &str, after: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.body);
        let (_, rest) = text.split_once(before)?;
        rest.split_once(after).map(|(found, _)| found.to_owned())
    }
}

/// The bytes of one direction of a connection.
#[derive(Debug)]
pub(super) struct Incoming<R> {
    from: R,
    ahead: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Incoming<R> {
    pub(super) fn new(from: R) -> Self {
        Incoming { from, ahead: Vec::new() }
    }

    /// Returns the head of the next message, or `None` at the end.
    pub(super) async fn head(&mut self) -> io::Result<Option<Message>> {
        loop {
            if let Some(end) = find(&self.ahead, b"\r\n\r\n") {
                let head = self.ahead.drain(..end + 4).collect();
                return Ok(Some(Message { head, body: Vec::new() }));
            }
            if self.ahead.len() > MOST_HEAD {
                return Err(io::Error::other("a head without an end"));
            }
            if self.more().await? == 0 {
                return if self.ahead.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// Reads the body of a message whose head was read. `is_empty` marks an answer to `HEAD`, which has no
    /// body whatever its head says.
    pub(super) async fn body(&mut self, message: &mut Message, is_empty: bool) -> io::Result<()> {
        let is_answer = message.head.starts_with(b"HTTP/");
        let status = if is_answer { message.status() } else { 0 };
        if is_empty || matches!(status, 204 | 304) {
            return Ok(());
        }
        if message.is_chunked() {
            return self.chunks(&mut message.body).await;
        }
        match message.header("content-length").map(str::parse) {
            Some(Ok(len)) => self.exactly(len, &mut message.body).await,
            Some(Err(_)) => Err(io::Error::other("a length that is no number")),
            None if is_answer => {
                while self.more().await? > 0 {}
                message.body.append(&mut self.ahead);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Reads and discards until the other side closes the connection.
    pub(super) async fn hang_up(&mut self) {
        while matches!(self.more().await, Ok(1..)) {
            self.ahead.clear();
        }
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let line = self.line(body).await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size =
                usize::from_str_radix(size, 16).map_err(|_| io::Error::other("a chunk without a size"))?;
            if size == 0 {
                while !self.line(body).await?.is_empty() {}
                return Ok(());
            }
            self.exactly(size + 2, body).await?;
        }
    }

    /// Reads a line and adds it to `body`.
    async fn line(&mut self, body: &mut Vec<u8>) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.ahead, b"\r\n") {
                let line = String::from_utf8_lossy(&self.ahead[..end]).into_owned();
                body.extend(self.ahead.drain(..end + 2));
                return Ok(line);
            }
            if self.more().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn exactly(&mut self, len: usize, body: &mut Vec<u8>) -> io::Result<()> {
        while self.ahead.len() < len {
            if self.more().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        body.extend(self.ahead.drain(..len));
        Ok(())
    }

    async fn more(&mut self) -> io::Result<usize> {
        self.ahead.reserve(CHUNK);
        self.from.read_buf(&mut self.ahead).await
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

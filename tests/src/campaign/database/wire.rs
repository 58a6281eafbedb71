//! The wire formats of PostgreSQL and MariaDB, as far as a proxy must know where a request begins and ends.

use filefield_tests::databases::Kind;
use std::collections::HashMap;

/// Bytes that belong together. `text` is the request, if an answer is expected.
pub(super) struct Unit {
    pub(super) bytes: Vec<u8>,
    pub(super) text: Option<String>,
}

/// Splits what a client sends into units.
pub(super) struct Requests {
    kind: Kind,
    buffer: Vec<u8>,
    started: bool,
    /// Prepared statements: of PostgreSQL by name, of MariaDB by number, from 1.
    prepared: HashMap<String, String>,
    count: u32,
}

impl Requests {
    pub(super) fn new(kind: Kind) -> Requests {
        Requests { kind, buffer: Vec::new(), started: false, prepared: HashMap::new(), count: 0 }
    }

    /// Adds bytes, and returns the units that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Unit> {
        self.buffer.extend_from_slice(bytes);
        let mut units = Vec::new();
        while let Some((len, text)) = self.next() {
            let bytes = self.buffer.drain(..len).collect();
            units.push(Unit { bytes, text: text.filter(|text| !text.contains("SQLx ping")) });
        }
        units
    }

    fn next(&mut self) -> Option<(usize, Option<String>)> {
        match self.kind {
            Kind::MariaDb => self.next_packet(),
            _ => self.next_messages(),
        }
    }

    /// Messages up to the one that the server answers.
    fn next_messages(&mut self) -> Option<(usize, Option<String>)> {
        if !self.started {
            let len = size(self.buffer.get(..4)?);
            self.buffer.get(..len)?;
            self.started = true;
            return Some((len, None));
        }
        let (mut at, mut text) = (0, None);
        loop {
            let kind = *self.buffer.get(at)?;
            let len = 1 + size(self.buffer.get(at + 1..at + 5)?);
            let body = self.buffer.get(at + 5..at + len)?;
            match kind {
                b'Q' => text = Some(word(body).0),
                b'P' => {
                    let (name, rest) = word(body);
                    let sql = word(rest).0;
                    self.prepared.insert(name, sql.clone());
                    text = Some(sql);
                }
                b'B' => text = self.prepared.get(&word(word(body).1).0).cloned(),
                _ => {}
            }
            at += len;
            match kind {
                b'Q' | b'S' | b'H' => return Some((at, Some(text.unwrap_or_else(|| "sync".to_owned())))),
                b'X' | b'p' | b'd' | b'c' | b'f' => return Some((at, None)),
                _ => {}
            }
        }
    }

    fn next_packet(&mut self) -> Option<(usize, Option<String>)> {
        let header = self.buffer.get(..4)?;
        let len = 4 + usize::from(header[0]) + (usize::from(header[1]) << 8) + (usize::from(header[2]) << 16);
        let (is_command, body) = (header[3] == 0, self.buffer.get(4..len)?);
        let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
        let text = match body.split_first() {
            Some((0x03, sql)) if is_command => Some(text(sql)),
            Some((0x16, sql)) if is_command => {
                self.count += 1;
                let sql = text(sql);
                self.prepared.insert(self.count.to_string(), sql.clone());
                Some(format!("prepare {sql}"))
            }
            Some((0x17, rest)) if is_command => {
                let id = rest.get(..4).map_or(0, |id| u32::from_le_bytes([id[0], id[1], id[2], id[3]]));
                Some(self.prepared.get(&id.to_string()).cloned().unwrap_or_else(|| "execute".to_owned()))
            }
            _ => None,
        };
        Some((len, text))
    }
}

/// The number that ends this connection, from the first bytes of the server.
pub(super) fn backend_id(kind: Kind, mut bytes: &[u8]) -> Option<u64> {
    if kind == Kind::MariaDb {
        let version = bytes.get(5..)?;
        let end = version.iter().position(|byte| *byte == 0)?;
        let id = version.get(end + 1..end + 5)?;
        return Some(u64::from(u32::from_le_bytes([id[0], id[1], id[2], id[3]])));
    }
    loop {
        let (kind, len) = (*bytes.first()?, 1 + size(bytes.get(1..5)?));
        if kind == b'K' {
            return Some(size(bytes.get(5..9)?) as u64);
        }
        bytes = bytes.get(len..)?;
    }
}

pub(super) fn is_commit(text: &str) -> bool {
    text.trim().trim_end_matches(';').eq_ignore_ascii_case("commit")
}

/// Four bytes, big-endian.
fn size(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |size, byte| size << 8 | usize::from(*byte))
}

/// A text up to its NUL, and the rest.
fn word(bytes: &[u8]) -> (String, &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    (String::from_utf8_lossy(&bytes[..end]).into_owned(), bytes.get(end + 1..).unwrap_or_default())
}

//! Raw values of a source, and the conversions into settings.

use super::mangled::{self, check_text};
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// A value as written in its source.
pub(super) enum Value {
    Text(String),
    /// Text that is not UTF-8, which a path may be.
    Raw(OsString),
    Integer {
        digits: String,
        radix: u32,
    },
    Flag(bool),
    Table(Vec<Entry>),
    /// A type that no setting accepts.
    Other(&'static str),
}

/// One key of a table.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: Value,
    /// Byte offset in its source.
    pub(super) at: Option<usize>,
}

impl Entry {
    /// Creates an entry without a source position.
    pub(super) fn new(key: impl Into<String>, value: Value) -> Self {
        Entry { key: key.into(), value, at: None }
    }
}

/// A problem in a source. Its text contains neither paths nor secrets.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) text: String,
    pub(super) at: Option<usize>,
}

impl Problem {
    /// Adds the key, and its position unless a more precise one is known.
    pub(super) fn within(self, key: &str, at: Option<usize>) -> Self {
        let separator = if self.text.starts_with('.') { "" } else { ": " };
        Problem { text: format!("{key}{separator}{}", self.text), at: self.at.or(at) }
    }
}

impl<T: Into<String>> From<T> for Problem {
    fn from(text: T) -> Self {
        Problem { text: text.into(), at: None }
    }
}

pub(super) type Parsed<T> = Result<T, Problem>;

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<OsString> for Value {
    fn from(text: OsString) -> Self {
        text.into_string().map_or_else(Value::Raw, Value::Text)
    }
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a string",
            Value::Raw(_) => "a string that is not UTF-8",
            Value::Integer { .. } => "an integer",
            Value::Flag(_) => "a boolean",
            Value::Table(_) => "a table",
            Value::Other(kind) => kind,
        }
    }

    fn expected(&self, wanted: &str) -> Problem {
        format!("expected {wanted}, found {}", self.kind()).into()
    }

    pub(super) fn text(self) -> Parsed<String> {
        match self {
            Value::Text(text) => check_text(&text).map(|()| text),
            other => Err(other.expected("a string")),
        }
    }

    pub(super) fn table(self) -> Parsed<Vec<Entry>> {
        match self {
            Value::Table(entries) => Ok(entries),
            other => Err(other.expected("a table")),
        }
    }

    /// Reads a path; `None` if it is empty.
    pub(super) fn path(self) -> Parsed<Option<PathBuf>> {
        let path = match self {
            Value::Text(text) => PathBuf::from(text),
            Value::Raw(text) => PathBuf::from(text),
            other => return Err(other.expected("a path")),
        };
        if path.as_os_str().as_encoded_bytes().contains(&0) {
            return Err("the path has a NUL byte".into());
        }
        mangled::check_path(&path.to_string_lossy())?;
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        // Resolved now, so that a later change of the working directory has no effect.
        std::path::absolute(path).map(Some).map_err(|_| "the working directory cannot be read".into())
    }

    /// The digits of a number; text may have a unit after them.
    pub(super) fn digits(self) -> Parsed<String> {
        match self {
            Value::Text(text) => check_text(&text).map(|()| text),
            Value::Integer { digits, radix: 10 } => Ok(digits),
            other => Err(other.expected("a number")),
        }
    }

    /// Reads a time limit in whole seconds; 0 means no limit.
    pub(super) fn timeout(self) -> Parsed<Option<Duration>> {
        let seconds: u64 = self.digits()?.parse().map_err(|_| "expected whole seconds, or 0 for no limit")?;
        Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
    }

    pub(super) fn flag(self) -> Parsed<bool> {
        let text = match self {
            Value::Flag(flag) => return Ok(flag),
            Value::Text(text) => text,
            other => return Err(other.expected("`true` or `false`")),
        };
        check_text(&text)?;
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err("expected `true` or `false`".into()),
        }
    }

    /// Reads a file mode. It is never executable, and never gives others more rights than the owner.
    pub(super) fn file_mode(self) -> Parsed<u32> {
        match self.mode()? {
            mode if mode & !0o666 == 0 && (mode >> 3 & 7 | mode & 7) & !(mode >> 6) != 0 => {
                Err("others may do what the owner may not; YAML reads `0644` as 420, so quote it there"
                    .into())
            }
            mode if mode & !0o666 == 0 => Ok(mode),
            _ => Err("a file mode has bits for reading and writing only".into()),
        }
    }

    /// Reads a directory mode. The owner must have all rights.
    pub(super) fn directory_mode(self) -> Parsed<u32> {
        match self.mode()? {
            mode if mode & 0o700 == 0o700 => Ok(mode),
            _ => Err("a directory mode lets the owner read, write and search".into()),
        }
    }

    /// Reads mode bits. Text is octal, as for chmod. An integer must be written as octal, because 644 and
    /// 0o644 are both integers.
    fn mode(self) -> Parsed<u32> {
        let digits = match &self {
            Value::Text(text) => {
                check_text(text)?;
                text.strip_prefix("0o").unwrap_or(text)
            }
            Value::Integer { digits, radix: 8 } => digits.as_str(),
            Value::Integer { .. } => return Err("a mode is octal: write `0o644`".into()),
            other => return Err(other.expected("an octal mode such as `0o644`")),
        };
        match u32::from_str_radix(digits, 8) {
            // `from_str_radix` accepts a sign.
            Ok(mode) if mode <= 0o7777 && !digits.starts_with('+') => Ok(mode),
            _ => Err("expected an octal mode such as `0o644`".into()),
        }
    }

    /// Reads a base URL and adds missing slashes at both ends; `None` if it is empty.
    pub(super) fn base_url(self) -> Parsed<Option<String>> {
        let text = self.text()?;
        if text.is_empty() {
            return Ok(None);
        }
        mangled::check_base_url(&text)?;
        let relative = !text.starts_with('/') && !text.contains(':');
        let text = if relative { format!("/{text}") } else { text };
        crate::name::check_base_url(&text).map(Some).map_err(|error| error.to_string().into())
    }

    /// Reads a duration in whole seconds: `7 days`, `12 hours`, `0 s`, or a number of seconds.
    pub(super) fn duration(self) -> Parsed<Duration> {
        let refused = || {
            Problem::from("expected a length of time of whole seconds, such as `7 days`, `12 hours` or `0 s`")
        };
        let text = match self {
            Value::Integer { digits, radix: 10 } => digits,
            Value::Integer { .. } => return Err(refused()),
            other => other.text()?,
        };
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(Duration::from_secs).ok().filter(is_short).ok_or_else(refused);
        }
        let span: jiff::Span = text.parse().map_err(|_| refused())?;
        let length = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| refused())?;
        let length = Duration::try_from(length).ok().filter(|length| length.subsec_nanos() == 0);
        length.filter(is_short).ok_or_else(refused)
    }

    pub(super) fn zone(self) -> Parsed<Zone> {
        let text = self.text()?;
        if text.eq_ignore_ascii_case("local") {
            return Ok(Zone::Local);
        }
        DateTimeParser::new().parse_time_zone(&text).map(Zone::Fixed).map_err(|_| {
            let text = text.escape_debug();
            format!("`{text}` is no time zone here; write `local`, `UTC`, `Europe/Vienna` or `+02:00`").into()
        })
    }
}

/// Whether a duration is at most a hundred years: it is added to the database's clock.
fn is_short(length: &Duration) -> bool {
    length.as_secs() <= 100 * 365 * 24 * 60 * 60
}

/// `TIME_ZONE`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Zone {
    /// The system's time zone at the time of use.
    Local,
    Fixed(TimeZone),
}

impl Zone {
    pub(super) fn get(&self) -> TimeZone {
        match self {
            Zone::Local => TimeZone::system(),
            Zone::Fixed(zone) => zone.clone(),
        }
    }
}

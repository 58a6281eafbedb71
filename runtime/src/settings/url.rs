//! A storage as a URL: `file:///srv/media?base_url=/media/`.

use super::mangled;
use super::value::{Entry, Parsed, Value};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The parts of a storage URL. Path and options are decoded; the authority is not.
pub(super) struct StorageUrl {
    pub(super) scheme: String,
    pub(super) authority: String,
    pub(super) path: PathBuf,
    pub(super) options: Vec<Entry>,
}

/// Whether `text` is a URL rather than an alias.
pub(super) fn is_url(text: &str) -> bool {
    text.contains(':')
}

impl StorageUrl {
    /// Parses a URL (RFC 3986). `+` is a plus sign, also in options.
    pub(super) fn parse(text: &str) -> Parsed<Self> {
        mangled::check_storage_url(text)?;
        let Some((scheme, rest)) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
            return Err("not a storage URL such as `file:///srv/media` or `memory://`".into());
        };
        if rest.contains('#') {
            return Err("a storage URL has no fragment; write `%23` for a `#`".into());
        }
        let (hierarchy, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = match hierarchy.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => ("", hierarchy),
        };
        mangled::check_url_path(path)?;
        Ok(StorageUrl {
            scheme: scheme.to_ascii_lowercase(),
            authority: authority.to_owned(),
            path: PathBuf::from(OsString::from_vec(decode(path)?)),
            options: query.split('&').filter(|pair| !pair.is_empty()).map(option).collect::<Parsed<_>>()?,
        })
    }
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn option(pair: &str) -> Parsed<Entry> {
    let (key, value) = pair.split_once('=').ok_or("an option of the URL has no `=`")?;
    let text = |part| -> Parsed<String> {
        String::from_utf8(decode(part)?).map_err(|_| "an option of the URL is not UTF-8".into())
    };
    Ok(Entry::new(text(key)?, Value::Text(text(value)?)))
}

/// Decodes percent escapes once. A malformed escape is an error.
fn decode(text: &str) -> Parsed<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
        match digit().zip(digit()) {
            Some((high, low)) => decoded.push((high * 16 + low) as u8),
            None => {
                return Err(
                    "a `%` in the URL is not followed by two hex digits; write `%25` for a `%`".into()
                );
            }
        }
    }
    if decoded.contains(&0) {
        return Err("the URL has a NUL byte".into());
    }
    Ok(decoded)
}

//! The signed message, and its form in a URL.

use super::{SignOptions, SignedMethod};
use crate::FileName;
use crate::inspect::hex;
use crate::name::{decode_query, encode_query};

const EXPIRES: &str = "expires";
const TYPE: &str = "type";
const LENGTH: &str = "length";
const DISPOSITION: &str = "disposition";
const SIGNATURE: &str = "signature";

/// The content of a signed URL besides the name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    /// Seconds since 1970.
    pub(super) expires: u64,
    pub(super) content_type: Option<String>,
    pub(super) content_length: Option<u64>,
    pub(super) disposition: Option<String>,
}

impl Terms {
    /// Creates the terms of `options` with an end at `expires`.
    pub(super) fn new(options: &SignOptions, expires: u64) -> Self {
        Terms {
            expires,
            content_type: options.content_type.clone(),
            content_length: options.content_length,
            disposition: options.disposition.clone(),
        }
    }

    /// Returns the query without the signature.
    pub(super) fn query(&self) -> String {
        let mut query = format!("{EXPIRES}={}", self.expires);
        let length = self.content_length.map(|length| length.to_string());
        let further = [(TYPE, &self.content_type), (LENGTH, &length), (DISPOSITION, &self.disposition)];
        for (key, value) in further {
            if let Some(value) = value {
                query.extend(["&", key, "=", &encode_query(value)]);
            }
        }
        query
    }

    /// Parses the terms and the signature of a query, in any order and with any escaping of the values:
    /// browsers and HTTP clients escape more than needed. Returns `None` for an unknown or repeated
    /// parameter, and for a number or signature that is not written as [`query`](Self::query) writes it.
    pub(super) fn parse(query: &str) -> Option<(Self, [u8; 32])> {
        let mut terms = Terms::default();
        let (mut expires, mut length, mut signature) = (None, None, None);
        for parameter in query.split('&') {
            let (key, value) = parameter.split_once('=')?;
            let slot = match decode_query(key)?.as_str() {
                EXPIRES => &mut expires,
                TYPE => &mut terms.content_type,
                LENGTH => &mut length,
                DISPOSITION => &mut terms.disposition,
                SIGNATURE => &mut signature,
                _ => return None,
            };
            if slot.replace(decode_query(value)?).is_some() {
                return None;
            }
        }
        terms.expires = number(&expires?)?;
        terms.content_length = match length {
            Some(length) => Some(number(&length)?),
            None => None,
        };
        Some((terms, from_hex(&signature?)?))
    }

    /// Returns the bytes that the MAC covers. Text cannot move from one part to the next.
    pub(super) fn message(
        &self,
        method: SignedMethod,
        storage: &str,
        name: FileName<'_>,
        purpose: &str,
    ) -> Vec<u8> {
        let length = self.content_length.map(|length| length.to_string());
        framed(&[
            Some("filefield signed url 1"),
            Some(method.as_str()),
            Some(storage),
            Some(name.as_str()),
            Some(&self.expires.to_string()),
            self.content_type.as_deref(),
            length.as_deref(),
            self.disposition.as_deref(),
            Some(purpose),
        ])
    }
}

/// Joins parts into a message. Each part is preceded by its length.
pub(crate) fn framed(parts: &[Option<&str>]) -> Vec<u8> {
    let mut message = Vec::new();
    for part in parts {
        message.push(u8::from(part.is_some()));
        let part = part.unwrap_or_default();
        message.extend((part.len() as u64).to_be_bytes());
        message.extend(part.as_bytes());
    }
    message
}

/// Returns the last parameter of the query.
pub(super) fn signature(mac: &[u8]) -> String {
    format!("&{SIGNATURE}={}", hex(mac))
}

/// Parses a number without a sign or leading zeros.
fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Parses 32 bytes. Lower case only, so that a signature has one spelling.
pub(crate) fn from_hex(text: &str) -> Option<[u8; 32]> {
    bytes_from_hex(text)?.try_into().ok()
}

/// Parses any number of bytes, lower case only.
pub(crate) fn bytes_from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(16 * digit(*high)? + digit(*low)?));
    if rest.is_empty() { bytes.collect() } else { None }
}

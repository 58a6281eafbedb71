//! Texts: markup, page descriptions, and plain.

use super::SNIFF_LEN;
use std::borrow::Cow;

/// Elements that HTML may begin with.
const HTML: &[&str] = &[
    "a", "b", "base", "body", "br", "button", "center", "details", "div", "embed", "font", "form", "h1",
    "h2", "h3", "head", "html", "iframe", "img", "input", "link", "marquee", "meta", "object", "p", "script",
    "style", "table", "template", "title", "video", "audio",
];

/// The type of a text, or `None` if it is none.
pub(super) fn sniff(bytes: &[u8]) -> Option<&'static str> {
    let (text, plain) = decode(bytes);
    let rest = skip_blanks(&text);
    if rest.starts_with(b"%PDF-") {
        return Some("application/pdf");
    }
    if rest.starts_with(b"%!PS") {
        return Some("application/postscript");
    }
    markup(rest).or(plain.then_some("text/plain"))
}

/// The ASCII characters of a text in UTF-8 or UTF-16 without its byte order mark, other characters in any shape;
/// and whether it is text throughout.
fn decode(bytes: &[u8]) -> (Cow<'_, [u8]>, bool) {
    let cut = bytes.len() >= SNIFF_LEN;
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| -> Vec<u8> {
        // What is not ASCII becomes a byte that is no part of markup and no control character.
        bytes.as_chunks().0.iter().map(|pair| u8::try_from(unit(*pair)).unwrap_or(0x80)).collect()
    };
    // At the full length of a prefix, the last character may be cut off.
    let is_utf8 = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && cut,
    };
    let (text, is_text) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => (Cow::Borrowed(rest), is_utf8(rest)),
        [0xff, 0xfe, rest @ ..] => (utf16(rest, u16::from_le_bytes).into(), true),
        [0xfe, 0xff, rest @ ..] => (utf16(rest, u16::from_be_bytes).into(), true),
        // UTF-16 without a mark is told from markup only (XML 1.0, appendix F).
        [b'<', 0, _, 0, ..] => (utf16(bytes, u16::from_le_bytes).into(), false),
        [0, b'<', 0, _, ..] => (utf16(bytes, u16::from_be_bytes).into(), false),
        _ => (Cow::Borrowed(bytes), is_utf8(bytes)),
    };
    let plain = is_text && !text.is_empty() && !text.iter().any(|byte| is_binary(*byte));
    (text, plain)
}

/// Control characters that texts do not have.
fn is_binary(byte: u8) -> bool {
    matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f)
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    text.trim_ascii_start()
}

/// The part of `text` behind the first `end`.
fn behind<'a>(text: &'a [u8], end: &[u8]) -> Option<&'a [u8]> {
    let at = text.windows(end.len()).position(|window| window == end)?;
    text.get(at + end.len()..)
}

/// Whether `text` begins with `word`, in any case.
fn begins(text: &[u8], word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

/// HTML, SVG or other XML by its first element, behind declarations and comments (requirement 51).
fn markup(text: &[u8]) -> Option<&'static str> {
    let (mut rest, mut xml, mut other) = (text, false, None);
    loop {
        rest = skip_blanks(rest);
        let next = if let Some(comment) = rest.strip_prefix(b"<!--") {
            // As browsers do: what begins with a comment is HTML, if it is nothing else.
            other.get_or_insert("text/html");
            behind(comment, b"-->")
        } else if begins(rest, "<?xml") {
            xml = true;
            behind(rest, b"?>")
        } else if begins(rest, "<!doctype") {
            let name = skip_blanks(&rest["<!doctype".len()..]);
            if begins(name, "html") && !xml {
                return Some("text/html");
            }
            if begins(name, "svg") {
                return Some("image/svg+xml");
            }
            xml = true;
            end_of_doctype(rest)
        } else {
            return element(rest, xml).or(if xml { Some("application/xml") } else { other });
        };
        match next {
            Some(next) => rest = next,
            // It goes on behind the bytes at hand.
            None => return if xml { Some("application/xml") } else { other },
        }
    }
}

/// Behind the declaration, and behind the definitions in its brackets where it has some.
fn end_of_doctype(text: &[u8]) -> Option<&[u8]> {
    match text.iter().position(|byte| matches!(byte, b'[' | b'>')) {
        Some(at) if text[at] == b'[' => behind(behind(text, b"]")?, b">"),
        Some(at) => text.get(at + 1..),
        None => None,
    }
}

/// What the first element of a document says.
fn element(text: &[u8], xml: bool) -> Option<&'static str> {
    let name = text.strip_prefix(b"<")?;
    let end = name.iter().position(|byte| matches!(byte, b'>' | b'/') || byte.is_ascii_whitespace());
    let name = &name[..end.unwrap_or(name.len())];
    // SVG with a namespace prefix is SVG too.
    let local = name.rsplit(|byte| *byte == b':').next().unwrap_or(name);
    if local.eq_ignore_ascii_case(b"svg") {
        Some("image/svg+xml")
    } else if xml {
        Some(if local == b"html" { "application/xhtml+xml" } else { "application/xml" })
    } else {
        HTML.iter().any(|tag| name.eq_ignore_ascii_case(tag.as_bytes())).then_some("text/html")
    }
}

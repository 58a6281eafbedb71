//! Text: markup, page descriptions and plain text.

use super::SNIFF_LEN;
use crate::image::has_control;
use std::borrow::Cow;

/// Elements that can begin an HTML document.
const HTML: &[&str] = &[
    "a", "b", "base", "body", "br", "button", "center", "details", "div", "embed", "font", "form", "h1",
    "h2", "h3", "head", "html", "iframe", "img", "input", "link", "marquee", "meta", "object", "p", "script",
    "style", "table", "template", "title", "video", "audio",
];

/// The type of a text, or `None` if the bytes are not text.
pub(super) fn sniff(bytes: &[u8]) -> Option<&'static str> {
    let (text, plain) = decode(bytes);
    let rest = skip_blanks(&text);
    if is_pdf(rest) {
        return Some("application/pdf");
    }
    if is_postscript(rest) {
        return Some("application/postscript");
    }
    markup(rest).or_else(|| late_pdf(bytes)).or(plain.then_some("text/plain"))
}

/// The first line of a PDF: the signature followed by its version.
fn is_pdf(text: &[u8]) -> bool {
    text.strip_prefix(b"%PDF-")
        .is_some_and(|rest| matches!(rest, [] | [b'0'..=b'9'] | [b'0'..=b'9', b'.', ..]))
}

/// The first line of a PostScript program: the signature alone or followed by the version of its structure.
fn is_postscript(text: &[u8]) -> bool {
    text.strip_prefix(b"%!PS").is_some_and(|rest| matches!(rest, [] | [b'-' | b'\r' | b'\n', ..]))
}

/// Finds a PDF after other bytes, such as mail or printer headers: PDF readers search the first 1,024 bytes.
/// Text that only mentions the signature does not count, because no object follows.
fn late_pdf(bytes: &[u8]) -> Option<&'static str> {
    let window = &bytes[..bytes.len().min(1024 + "%PDF-".len())];
    let starts = memchr::memmem::find_iter(window, b"%PDF-");
    let mut found = starts.map(|at| &bytes[at..]);
    found
        .any(|rest| is_pdf(rest) && memchr::memmem::find(rest, b" obj").is_some())
        .then_some("application/pdf")
}

/// The ASCII characters of a text in UTF-8 or UTF-16, without its byte order mark and with placeholders for
/// other characters; and whether all of it is text.
fn decode(bytes: &[u8]) -> (Cow<'_, [u8]>, bool) {
    let cut = bytes.len() >= SNIFF_LEN;
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| -> Vec<u8> {
        // A character outside ASCII becomes a byte that is neither markup nor a control character.
        bytes.as_chunks().0.iter().map(|pair| u8::try_from(unit(*pair)).unwrap_or(0x80)).collect()
    };
    // In a prefix of full length, the last character may be cut off.
    let is_utf8 = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && cut,
    };
    let (text, is_text) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => (Cow::Borrowed(rest), is_utf8(rest)),
        [0xff, 0xfe, rest @ ..] => (utf16(rest, u16::from_le_bytes).into(), true),
        [0xfe, 0xff, rest @ ..] => (utf16(rest, u16::from_be_bytes).into(), true),
        // UTF-16 without a byte order mark is detected only in markup (XML 1.0, appendix F).
        [b'<', 0, _, 0, ..] => (utf16(bytes, u16::from_le_bytes).into(), false),
        [0, b'<', 0, _, ..] => (utf16(bytes, u16::from_be_bytes).into(), false),
        _ => (Cow::Borrowed(bytes), is_utf8(bytes)),
    };
    let plain = is_text && !text.is_empty() && !has_control(&text);
    (text, plain)
}

/// Skips blanks, and byte order marks that concatenation leaves inside a file.
fn skip_blanks(text: &[u8]) -> &[u8] {
    let mut rest = text.trim_ascii_start();
    while let Some(next) = rest.strip_prefix(b"\xef\xbb\xbf") {
        rest = next.trim_ascii_start();
    }
    rest
}

/// The part of `text` after the first `end`.
fn behind<'a>(text: &'a [u8], end: &[u8]) -> Option<&'a [u8]> {
    let at = memchr::memmem::find(text, end)?;
    text.get(at + end.len()..)
}

/// Whether `text` begins with `word`, ignoring case.
fn begins(text: &[u8], word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

/// Tells HTML, SVG and other XML apart by the first element, after declarations, instructions and comments.
fn markup(text: &[u8]) -> Option<&'static str> {
    let (mut rest, mut xml, mut other) = (text, false, None);
    loop {
        rest = skip_blanks(rest);
        let next = if let Some(comment) = rest.strip_prefix(b"<!--") {
            // Like browsers: a document that begins with a comment is HTML unless it is something else.
            other.get_or_insert("text/html");
            behind(comment, b"-->")
        } else if begins(rest, "<?xml") {
            xml = true;
            behind(rest, b"?>")
        } else if is_instruction(rest)
            && let next @ Some(_) = behind(rest, b"?>")
        {
            // For example `<?xpacket begin=".."?>`, which occurs only in XML.
            xml = true;
            next
        } else if begins(rest, "<!doctype") {
            let name = skip_blanks(&rest["<!doctype".len()..]);
            if begins(name, "html") && !xml {
                return Some("text/html");
            }
            let root = &name[..name.iter().position(|byte| ends_name(*byte)).unwrap_or(name.len())];
            if is_svg(root) {
                return Some("image/svg+xml");
            }
            xml = true;
            end_of_doctype(rest)
        } else {
            return element(rest, xml).or(if xml { Some("application/xml") } else { other });
        };
        match next {
            Some(next) => rest = next,
            // It continues after the available bytes.
            None => return if xml { Some("application/xml") } else { other },
        }
    }
}

/// An instruction for XML processors. PHP programs begin similarly.
fn is_instruction(text: &[u8]) -> bool {
    text.strip_prefix(b"<?").is_some_and(|name| {
        name.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_')
            && !begins(name, "php")
    })
}

/// Whether this byte ends the name of an element.
fn ends_name(byte: u8) -> bool {
    matches!(byte, b'>' | b'/' | b'[') || byte.is_ascii_whitespace()
}

/// Skips the declaration and the bracketed definitions in it, if any. Brackets in quotes and comments do not
/// count.
fn end_of_doctype(text: &[u8]) -> Option<&[u8]> {
    let (mut rest, mut in_brackets) = (text.get(1..)?, false);
    loop {
        let at = rest.iter().position(|byte| matches!(byte, b'[' | b']' | b'>' | b'"' | b'\'' | b'<'))?;
        let (mark, after) = rest.get(at..)?.split_first()?;
        rest = match mark {
            b'[' => {
                in_brackets = true;
                after
            }
            b']' => {
                in_brackets = false;
                after
            }
            b'>' if !in_brackets => return Some(after),
            b'"' | b'\'' => behind(after, &[*mark])?,
            b'<' => match after.strip_prefix(b"!--") {
                Some(comment) => behind(comment, b"-->")?,
                None => after,
            },
            _ => after,
        };
    }
}

/// SVG with a namespace prefix is also SVG.
fn is_svg(name: &[u8]) -> bool {
    let local = name.rsplit(|byte| *byte == b':').next().unwrap_or(name);
    local.eq_ignore_ascii_case(b"svg")
}

/// The type given by the first element of a document.
fn element(text: &[u8], xml: bool) -> Option<&'static str> {
    let name = text.strip_prefix(b"<")?;
    let name = &name[..name.iter().position(|byte| ends_name(*byte)).unwrap_or(name.len())];
    let local = name.rsplit(|byte| *byte == b':').next().unwrap_or(name);
    if is_svg(name) {
        Some("image/svg+xml")
    } else if xml {
        Some(if local == b"html" { "application/xhtml+xml" } else { "application/xml" })
    } else {
        HTML.iter().any(|tag| name.eq_ignore_ascii_case(tag.as_bytes())).then_some("text/html")
    }
}

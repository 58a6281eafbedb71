//! The `Content-Disposition` header of a download.

use unicode_normalization::UnicodeNormalization;

/// The maximum number of bytes of a name. With escapes and a fallback, the header then has fewer than 1,024.
const MAX_NAME: usize = 240;

/// Returns the `Content-Disposition` of a file to be saved (`attachment`) or shown (`inline`) under this
/// name.
///
/// Accepts any name. The result is printable ASCII. A name that is safe in quotes becomes `filename`. Any
/// other name becomes `filename*` (RFC 8187), with a plain `filename` before it for old clients. Control
/// characters and slashes become `_`, and a name of more than 240 bytes is cut before its extension. An empty
/// name is left out.
///
/// ```
/// use filefield::storage::content_disposition;
/// assert_eq!(content_disposition(true, "57 chevy.jpg"), "attachment; filename=\"57 chevy.jpg\"");
/// assert_eq!(
///     content_disposition(true, "Ünï.pdf"),
///     "attachment; filename=\"Uni.pdf\"; filename*=UTF-8''%C3%9Cn%C3%AF.pdf"
/// );
/// ```
pub fn content_disposition(as_attachment: bool, filename: &str) -> String {
    let kind = if as_attachment { "attachment" } else { "inline" };
    let name: String = cut(filename)
        .chars()
        .map(|c| if c.is_control() || matches!(c, '/' | '\\') { '_' } else { c })
        .collect();
    let trimmed = name.trim();
    if matches!(trimmed, "" | "." | "..") {
        return kind.to_owned();
    }
    // Removing accents makes letters of many languages ASCII. Some clients interpret `%` and `\`.
    let accents = |c: char| unicode_normalization::char::is_combining_mark(c);
    let plain = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%' | '/');
    let fallback: String =
        trimmed.nfd().filter(|c| !accents(*c)).map(|c| if plain(c) { c } else { '_' }).collect();
    if fallback == trimmed {
        return format!("{kind}; filename=\"{fallback}\"");
    }
    format!("{kind}; filename=\"{fallback}\"; filename*=UTF-8''{}", encoded(trimmed))
}

/// Returns the name, or its beginning and its extension if it is too long.
fn cut(name: &str) -> String {
    if name.len() <= MAX_NAME {
        return name.to_owned();
    }
    let extension = name.rfind('.').map(|dot| &name[dot..]).filter(|extension| extension.len() <= 16);
    let extension = extension.unwrap_or_default();
    let end = (0..=MAX_NAME - extension.len()).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    [&name[..end], extension].concat()
}

/// Escapes everything except the `attr-char` of RFC 8187.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(3 * text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => encoded.push(char::from(byte)),
            b'!' | b'#' | b'$' | b'&' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::name::unescaped;

    /// The name that a client reads from the header, by RFC 6266.
    fn found(header: &str) -> Option<String> {
        if let Some((_, encoded)) = header.split_once("; filename*=UTF-8''") {
            return unescaped(encoded);
        }
        let (_, quoted) = header.split_once("; filename=\"")?;
        quoted.strip_suffix('"').filter(|name| !name.contains(['"', '\\', '%'])).map(str::to_owned)
    }

    #[test]
    fn any_name_makes_a_disposition() {
        for (name, wanted) in [
            ("a.pdf", "attachment; filename=\"a.pdf\""),
            ("it's (1); x=y.pdf", "attachment; filename=\"it's (1); x=y.pdf\""),
            ("say \"hi\".txt", "attachment; filename=\"say _hi_.txt\"; filename*=UTF-8''say%20%22hi%22.txt"),
            ("100%25.txt", "attachment; filename=\"100_25.txt\"; filename*=UTF-8''100%2525.txt"),
            ("日本.txt", "attachment; filename=\"__.txt\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt"),
            ("e\u{301}.txt", "attachment; filename=\"e.txt\"; filename*=UTF-8''e%CC%81.txt"),
            ("a/b\\c.txt", "attachment; filename=\"a_b_c.txt\""),
            ("a\r\nSet-Cookie: x=y", "attachment; filename=\"a__Set-Cookie: x=y\""),
            (
                "\u{337e}\u{ff02}\u{ff0f}",
                "attachment; filename=\"___\"; filename*=UTF-8''%E3%8D%BE%EF%BC%82%EF%BC%8F",
            ),
            ("", "attachment"),
            (" \t", "attachment; filename=\"_\""),
            ("..", "attachment"),
        ] {
            assert_eq!(content_disposition(true, name), wanted, "{name:?}");
        }
        assert_eq!(content_disposition(false, "a.pdf"), "inline; filename=\"a.pdf\"");
        assert_eq!(content_disposition(false, ""), "inline");
    }

    #[test]
    fn no_name_leaves_its_header() {
        let odd = "éü日😀Ω\u{301}\u{202e}\u{2028}\u{37e}\u{1fef}";
        for c in ('\0'..='\u{ff}').chain(odd.chars()) {
            for name in
                [format!("a{c}b.txt"), c.to_string().repeat(300), format!("{}{c}.jpeg", "x".repeat(239))]
            {
                let header = content_disposition(true, &name);
                assert!(header.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{header:?}");
                assert!(header.len() < 1024, "{} {name:?}", header.len());
                let shown = cut(&name).replace(|c: char| c.is_control() || matches!(c, '/' | '\\'), "_");
                let shown =
                    Some(shown.trim().to_owned()).filter(|name| !matches!(name.as_str(), "" | "." | ".."));
                assert_eq!(found(&header), shown, "{name:?} {header:?}");
            }
        }
        assert!(content_disposition(true, &format!("{}.jpeg", "é".repeat(300))).ends_with("%A9.jpeg"));
    }
}

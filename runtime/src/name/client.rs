//! Names that a client sent (requirements 1–3 and 7–12).

use super::chars::{cut, is_blank, is_device, is_hidden, is_mark, is_separator_look_alike, is_word};
use super::valid::{nfc, no_file_name};
use crate::error::Result;

/// The longest name kept of one that a client sent, in bytes; room for directory and random part stays.
pub const MAX_CLIENT_BYTES: usize = 180;
/// The longest extension kept, in bytes without its dot.
const MAX_EXTENSION_BYTES: usize = 16;

/// Makes a safe base name of the file name that a client sent with an upload.
///
/// The last component counts, after `/` and after `\` on every platform (requirement 1). Nothing is decoded a second time
/// (requirement 3). The name is put in normal form C; look-alikes of dots and slashes, blanks and line breaks become
/// `_`; letters, numbers, marks and `-_.+` stay, everything else is deleted (requirements 7 and 8). Dots at both
/// ends and before the extension go (requirement 11), names of Windows devices get a `_` in front (requirement 10), and what is over
/// [`MAX_CLIENT_BYTES`] is cut on a character boundary before the extension (requirement 12).
///
/// The result is a valid [`FileName`](crate::FileName), and a fixed point: it comes out unchanged when sent again.
///
/// ```
/// use filefield::name::from_client;
/// assert_eq!(from_client("C:\\fakepath\\my photo\u{202e}.jpg")?, "my_photo.jpg");
/// assert!(from_client("..").is_err());
/// # Ok::<(), filefield::Error>(())
/// ```
///
/// # Errors
/// [`NoFileName`](crate::ErrorKind::NoFileName) when no letter or number is left (requirement 2).
pub fn from_client(name: &str) -> Result<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or("");
    let mut kept = String::with_capacity(last.len().min(4 * MAX_CLIENT_BYTES));
    for c in nfc(last).chars() {
        if is_word(c) || matches!(c, '-' | '.' | '+') {
            kept.push(c);
        } else if is_separator_look_alike(c) || is_blank(c) || c == '\u{fffd}' {
            kept.push('_');
        } else if is_mark(c) && !is_hidden(c) {
            kept.push(c);
        }
    }
    // Deletions may have brought characters together that compose.
    let kept = nfc(&kept);
    let kept = kept.trim_matches('.');
    if kept.trim_matches(['.', '_', '-', '+']).is_empty() {
        return Err(no_file_name(name));
    }
    let prefix = if is_device(kept) { "_" } else { "" };
    let shortened;
    let (stem, extension) = match kept.rfind('.') {
        Some(dot) if kept.len() - dot > 1 + MAX_EXTENSION_BYTES => {
            // Too long for an extension: it becomes part of the stem, and no dot before it starts another.
            shortened = kept.replace('.', "_");
            (shortened.as_str(), "")
        }
        dot => kept.split_at(dot.unwrap_or(kept.len())),
    };
    let room = MAX_CLIENT_BYTES - prefix.len() - extension.len();
    let stem = cut(stem, usize::MAX, room).trim_end_matches('.');
    Ok(format!("{prefix}{stem}{extension}"))
}

/// [`from_client`] for bytes that need not be UTF-8: each sequence that is not becomes `_` (requirement 9).
///
/// # Errors
/// As [`from_client`].
pub fn from_client_bytes(name: &[u8]) -> Result<String> {
    from_client(&String::from_utf8_lossy(name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::FileName;

    #[test]
    fn repairs() {
        let long = "a".repeat(300);
        for (name, want) in [
            ("photo.jpg", "photo.jpg"),
            ("a/b\\c.txt", "c.txt"),
            ("..\\..\\x.txt", "x.txt"),
            ("%2e%2e%2fx.txt", "2e2e2fx.txt"),
            ("..&#x2F;x.txt", "x2Fx.txt"),
            ("a\u{2215}b.txt", "a_b.txt"),
            ("a\u{202e}gpj.exe", "agpj.exe"),
            ("a\u{2028}b", "a_b"),
            (".htaccess", "htaccess"),
            ("a.txt. ", "a.txt._"),
            ("con.txt", "_con.txt"),
            ("LPT¹", "_LPT¹"),
            ("cafe\u{301}.txt", "café.txt"),
            ("नमस्ते.txt", "नमस्ते.txt"),
            ("a:b?.txt", "ab.txt"),
            ("x.php....jpg", "x.php.jpg"),
            ("-.txt", "-.txt"),
            (&format!("{long}.jpg"), &format!("{}.jpg", &long[..176])),
            (&format!("a.{long}"), &format!("a_{}", &long[..178])),
            (&format!("con.{long}.jpg"), &format!("_con.{}.jpg", &long[..171])),
            (&format!("{}.txt", "日".repeat(100)), &format!("{}.txt", "日".repeat(58))),
        ] {
            let got = from_client(name).unwrap();
            assert_eq!(got, want);
            FileName::new(&got).unwrap();
            assert_eq!(from_client(&got).unwrap(), got, "a fixed point");
        }
    }

    #[test]
    fn nothing_left() {
        for name in [
            "",
            "..",
            ".",
            "...",
            " ",
            "a/",
            "a\\",
            "c:\\tmp\\..",
            "_",
            "-",
            "\u{202e}.\u{202e}",
            "???",
            "\u{fffd}",
        ] {
            assert_eq!(from_client(name).unwrap_err().kind(), crate::ErrorKind::NoFileName, "{name:?}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8() {
        assert_eq!(from_client_bytes(b"caf\xe9.txt").unwrap(), "caf_.txt");
        assert_eq!(from_client_bytes(b"a\xff/b.txt").unwrap(), "b.txt");
        from_client_bytes(b"\xff\xfe").unwrap_err();
    }
}

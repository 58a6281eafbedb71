//! Names sent by clients.

use super::chars::{cut, is_blank, is_combining, is_device, is_separator_look_alike, is_word};
use super::extension::{MAX_EXTENSION_BYTES, extension_at};
use super::valid::nfc;

/// The maximum length, in bytes, of a name made from a client's name. It leaves room for a directory and a
/// random part.
pub const MAX_CLIENT_BYTES: usize = 180;

/// The stem given to a name without one.
const STEM: &str = "file";

/// Makes a safe base name from the file name of an upload. Never fails.
///
/// Used for saved rows, for [`photo_mut().save(..)`](crate::field::FieldFileMut::save) and for direct
/// uploads, before `upload_to` sees the name.
///
/// 1. Only the last component is used, after `/` and after `\` on every platform. Nothing is decoded a second
///    time.
/// 2. The name is converted to Unicode normal form C. Letters, numbers, their marks and `-_.+` are kept. All
///    kinds of blanks, and look-alikes of dots and slashes, count as a space. Everything else is deleted.
/// 3. Spaces and dots at both ends are deleted; the remaining spaces become `_`.
/// 4. A name without a stem gets one: `💫.txt` and `.txt` become `file.txt`, and `???` becomes `file`.
/// 5. The name of a Windows device is prefixed with `_`. A name longer than [`MAX_CLIENT_BYTES`] is cut
///    before its extension.
///
/// The result is a valid [`FileName`](crate::FileName). Applying the function again, or the storage's
/// [`valid_name`](crate::Storage::valid_name), does not change it.
///
/// ```
/// use filefield::name::from_client;
/// assert_eq!(from_client("C:\\fakepath\\my photo\u{202e}.jpg "), "my_photo.jpg");
/// assert_eq!(from_client("👍.jpg"), "file.jpg");
/// assert_eq!(from_client(".."), "file");
/// ```
pub fn from_client(name: &str) -> String {
    let cleaned = clean(name.rsplit(['/', '\\']).next().unwrap_or(""));
    let end = cleaned.trim_end_matches([' ', '.']);
    let rest = end.trim_start_matches([' ', '.']);
    let lost_its_stem = end[..end.len() - rest.len()].contains('.');
    let mut name = rest.replace(' ', "_");
    if name.trim_matches(['.', '_', '-', '+']).is_empty() {
        name = STEM.to_owned();
    } else if lost_its_stem && is_whole_extension(&name) {
        name = format!("{STEM}.{name}");
    }
    if let Some(dot) = name.rfind('.').filter(|dot| name.len() - dot > 1 + MAX_EXTENSION_BYTES) {
        // Too long for an extension: it joins the stem, and no earlier dot starts another extension.
        name = format!("{}_{}", name[..dot].replace('.', "_"), &name[dot + 1..]);
    }
    let prefix = if is_device(&name) { "_" } else { "" };
    let (stem, extension) = name.split_at(extension_at(&name));
    let room = MAX_CLIENT_BYTES - prefix.len() - extension.len();
    let stem = cut(stem, usize::MAX, room).trim_end_matches('.');
    format!("{prefix}{stem}{extension}")
}

/// Like [`from_client`], for bytes that may not be UTF-8. Each invalid sequence counts as a space.
pub fn from_client_bytes(name: &[u8]) -> String {
    from_client(&String::from_utf8_lossy(name))
}

/// Keeps the allowed characters and replaces each separator with a space.
fn clean(name: &str) -> String {
    let mut kept = String::with_capacity(name.len().min(4 * MAX_CLIENT_BYTES));
    let mut after_base = false;
    for c in nfc(name).chars() {
        let belongs = is_word(c) || (after_base && is_combining(c));
        if belongs || matches!(c, '-' | '.' | '+') {
            kept.push(c);
        } else if is_blank(c) || is_separator_look_alike(c) || c == '\u{fffd}' {
            kept.push(' ');
        }
        after_base = belongs;
    }
    // Deletions may have joined characters that compose.
    nfc(&kept).into_owned()
}

/// Whether all of `name` could follow the first dot in `file.txt` or `file.tar.gz`.
fn is_whole_extension(name: &str) -> bool {
    extension_at(&format!("{STEM}.{name}")) == STEM.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::FileName;
    use crate::name::kept_name;

    /// Returns the result and checks that every later step leaves it unchanged.
    #[track_caller]
    fn made(name: &str) -> String {
        let got = from_client(name);
        assert!(FileName::new(&got).is_ok(), "{name:?} became {got:?}, which no storage takes");
        assert_eq!(from_client(&got), got, "a fixed point");
        assert_eq!(kept_name(&got).unwrap(), got, "a storage changes it");
        assert!(got.len() <= MAX_CLIENT_BYTES, "{got}");
        got
    }

    #[test]
    fn repairs() {
        let long = "a".repeat(300);
        for (name, want) in [
            ("photo.jpg", "photo.jpg"),
            ("a/b\\c.txt", "c.txt"),
            ("..\\..\\x.txt", "x.txt"),
            ("../../etc/passwd", "passwd"),
            ("C:\\fakepath\\x.png", "x.png"),
            ("%2e%2e%2fx.txt", "2e2e2fx.txt"),
            ("..&#x2F;x.txt", "x2Fx.txt"),
            ("a\u{2215}b.txt", "a_b.txt"),
            ("a\u{202e}gpj.exe", "agpj.exe"),
            ("a\u{2028}b", "a_b"),
            ("CON", "_CON"),
            ("con.txt", "_con.txt"),
            ("LPT¹", "_LPT¹"),
            ("cafe\u{301}.txt", "café.txt"),
            ("नमस्ते.txt", "नमस्ते.txt"),
            ("a:b?.txt", "ab.txt"),
            ("x.php....jpg", "x.php.jpg"),
            ("-.txt", "-.txt"),
            ("C++ notes.pdf", "C++_notes.pdf"),
            ("Screenshot 2026-11-30 at 9.41.07\u{202f}AM.png", "Screenshot_2026-11-30_at_9.41.07_AM.png"),
            (&format!("{long}.jpg"), &format!("{}.jpg", &long[..176])),
            (&format!("{long}.tar.gz"), &format!("{}.tar.gz", &long[..173])),
            (&format!("a.{long}"), &format!("a_{}", &long[..178])),
            (&format!("con.{long}.jpg"), &format!("_con.{}.jpg", &long[..171])),
            (&format!("{}.txt", "日".repeat(100)), &format!("{}.txt", "日".repeat(58))),
        ] {
            assert_eq!(made(name), want);
        }
    }

    #[test]
    fn a_name_without_a_stem_gets_one() {
        for (name, want) in [
            ("💫.txt", "file.txt"),
            ("💫💫.tar.gz", "file.tar.gz"),
            ("???.jpg", "file.jpg"),
            (".env", "file.env"),
            (".htaccess", "file.htaccess"),
            ("...txt", "file.txt"),
            (" .txt", "file.txt"),
            ("💫 .txt", "file.txt"),
            ("❤\u{fe0f}.jpg", "file.jpg"),
            ("\u{301}.jpg", "file.jpg"),
            ("\u{200b}\u{feff}.jpg", "file.jpg"),
            (".tar.gz", "file.tar.gz"),
            (".env.local", "env.local"),
            ("..foo.txt", "foo.txt"),
            ("💫.2026.jpg", "2026.jpg"),
            (".bash_profile", "bash_profile"),
            ("💫photo", "photo"),
        ] {
            assert_eq!(made(name), want, "{name:?}");
        }
    }

    #[test]
    fn a_name_of_nothing_is_file() {
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
            "👍",
            "👍🏽",
            "🇩🇪",
            "\u{3000}\u{a0}",
        ] {
            assert_eq!(made(name), "file", "{name:?}");
        }
    }

    #[test]
    fn blanks_and_dots_at_both_ends_go_before_the_extension_is_looked_at() {
        for blank in [
            " ",
            "\t",
            "\n",
            "\r\n",
            "\u{a0}",
            "\u{3000}",
            "\u{202f}",
            "\u{2003}",
            "\u{2028}",
            "\u{85}",
            "\u{200b}",
            "\u{feff}",
            "\u{2060}",
            "\u{ad}",
            "\u{1680}",
            ".",
            " .",
            ". ",
            "\u{a0}.\u{a0}",
            "\0",
            "…",
            "．",
            "\u{fffd}",
        ] {
            assert_eq!(made(&format!("photo.jpg{blank}")), "photo.jpg", "{blank:?} behind");
            assert_eq!(made(&format!("{blank}photo.jpg")), "photo.jpg", "{blank:?} in front");
            assert_eq!(made(&format!("{blank}a.tar.gz{blank}")), "a.tar.gz", "{blank:?} on both ends");
        }
    }

    #[test]
    fn marks_stay_with_a_letter_only() {
        assert_eq!(made("1\u{fe0f}\u{20e3}.txt"), "1\u{fe0f}.txt");
        assert_eq!(made("a-\u{301}b.txt"), "a-b.txt");
        assert_eq!(made("👍\u{1f3fd}\u{fe0f}ok.txt"), "ok.txt");
    }

    #[test]
    fn bytes_that_are_not_utf8() {
        assert_eq!(from_client_bytes(b"caf\xe9s.txt"), "caf_s.txt");
        assert_eq!(from_client_bytes(b"a\xff/b.txt"), "b.txt");
        assert_eq!(from_client_bytes(b"\xff\xfe"), "file");
        assert_eq!(from_client_bytes(b"\xff\xfe.jpg"), "file.jpg");
    }

    #[test]
    fn every_character_alone_in_front_and_behind_gives_a_name_that_stays() {
        for c in (0..0x3100).chain((0x3100..0x0002_0000).step_by(61)).filter_map(char::from_u32) {
            for name in [format!("{c}"), format!("{c}.jpg"), format!("a.jpg{c}"), format!("a{c}b")] {
                made(&name);
            }
        }
    }
}

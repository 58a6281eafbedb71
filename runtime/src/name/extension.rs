//! Extensions of names: where they begin, and whether a list contains one.

use super::chars::cut;
use super::client::MAX_CLIENT_BYTES;

/// The maximum length of an extension, in bytes, without the dot.
pub(super) const MAX_EXTENSION_BYTES: usize = 16;

/// Extensions of compressed files. They include the extension before them: `.tar.gz` is one extension.
const COMPRESSED: &[&str] = &["gz", "bz2", "xz", "zst", "lz", "lz4", "lzma", "z", "br"];

/// Returns where the extension of a file name begins: at its last dot, or at the one before it in `a.tar.gz`.
/// Text that contains a blank or `_`, or is longer than 16 bytes, is not an extension: `Dr._Who` has none.
///
/// Django treats everything after the first dot as extensions, which turns `Dr._Who.pdf` into
/// `Dr_k7F2xQ9._Who.pdf` if the name is taken.
pub(crate) fn extension_at(file_name: &str) -> usize {
    let Some((stem, last)) = parts(file_name) else { return file_name.len() };
    if COMPRESSED.iter().any(|known| last.eq_ignore_ascii_case(known))
        && let Some((stem, inner)) = parts(stem)
        && inner.len() <= 8
        && inner.bytes().any(|byte| byte.is_ascii_alphabetic())
    {
        return stem.len();
    }
    stem.len()
}

/// Returns `name` with its extension replaced by the first of the `allowed` ones, unless it already has an
/// allowed extension. An all-digit suffix, as in `Version_1.2`, does not count as an extension here.
pub(crate) fn with_extension(name: &str, allowed: &[&str]) -> String {
    let at = extension_at(name);
    let own = name[at..].rsplit('.').next().unwrap_or("");
    let Some(first) =
        allowed.first().filter(|_| !allowed.iter().any(|other| other.eq_ignore_ascii_case(own)))
    else {
        return name.to_owned();
    };
    let stem = if own.bytes().all(|byte| byte.is_ascii_digit()) { name } else { &name[..at] };
    let stem = cut(stem, usize::MAX, MAX_CLIENT_BYTES - first.len() - 1).trim_end_matches('.');
    format!("{stem}.{first}")
}

/// Splits the name at its last dot if there is a stem before it and an extension after it.
fn parts(file_name: &str) -> Option<(&str, &str)> {
    let (stem, last) = file_name.rsplit_once('.')?;
    let is_extension = (1..=MAX_EXTENSION_BYTES).contains(&last.len())
        && !last.contains(|c: char| c == '_' || c.is_whitespace() || c.is_control());
    (is_extension && !stem.trim_matches('.').is_empty()).then_some((stem, last))
}

/// Whether the last suffix of `name` is in `allowed`, ignoring case.
///
/// Extensions are written without the dot. `None` allows every name, an empty list allows none, and `""`
/// allows names without an extension.
///
/// ```
/// use filefield::name::check_extension;
/// assert!(check_extension("cars/a.tar.GZ", Some(&["gz"])));
/// assert!(!check_extension(".txt", Some(&["txt"])));
/// ```
pub fn check_extension(name: &str, allowed: Option<&[&str]>) -> bool {
    let Some(allowed) = allowed else { return true };
    let suffix = last_suffix(name).to_lowercase();
    allowed.iter().any(|extension| extension.to_lowercase() == suffix)
}

/// The text after the last dot of the last component, if there is text on both sides of the dot.
fn last_suffix(name: &str) -> &str {
    // As a path, `a/./` equals `a`.
    let last = name.split('/').rev().find(|component| !matches!(*component, "" | ".")).unwrap_or("");
    match last.rfind('.') {
        Some(dot) if dot > 0 => &last[dot + 1..],
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_suffix_is_the_extension_and_compression_joins_one() {
        for (name, want) in [
            ("a.jpg", ".jpg"),
            ("a.tar.gz", ".tar.gz"),
            ("a.TAR.GZ", ".TAR.GZ"),
            ("dump.sql.zst", ".sql.zst"),
            ("Dr._Who.pdf", ".pdf"),
            ("report.v1.2.pdf", ".pdf"),
            ("2026.11.30.gz", ".gz"),
            ("Dr._Who.gz", ".gz"),
            ("a.min.js", ".js"),
            ("Dr._Who", ""),
            ("Dr. Who", ""),
            ("foo..txt", ".txt"),
            (".env", ""),
            ("..env", ""),
            (".tar.gz", ".gz"),
            ("a.", ""),
            ("plain", ""),
            ("", ""),
            ("a.seventeen_letters", ""),
            ("a.abcdefghijklmnopq", ""),
        ] {
            assert_eq!(&name[extension_at(name)..], want, "{name}");
        }
    }

    #[test]
    fn a_wrong_or_missing_extension_is_replaced() {
        let jpeg = &["jpg", "jpeg", "jpe"];
        for (name, allowed, want) in [
            ("photo.jpg", &jpeg[..], "photo.jpg"),
            ("photo.JPEG", jpeg, "photo.JPEG"),
            ("passwd", &["png"], "passwd.png"),
            ("photo.jpg", &["png"], "photo.png"),
            ("evil.php", &["txt"], "evil.txt"),
            ("a.tar.gz", &["png"], "a.png"),
            ("a.tar.gz", &["gz", "tgz"], "a.tar.gz"),
            ("Version_1.2", &["pdf"], "Version_1.2.pdf"),
            ("Dr._Who", &["pdf"], "Dr._Who.pdf"),
            ("_con", &["png"], "_con.png"),
        ] {
            let got = with_extension(name, allowed);
            assert_eq!(got, want, "{name}");
            assert_eq!(super::super::from_client(&got), got);
        }
        let long = with_extension(&"a".repeat(180), &["webp"]);
        assert!(long.len() == 180 && long.ends_with("a.webp"));
    }

    #[test]
    fn d331() {
        assert!(check_extension("a.tar.gz", Some(&["gz"])));
        assert!(check_extension("a.TXT", Some(&["txt"])));
        assert!(check_extension("a.txt", Some(&["TXT"])));
        assert!(!check_extension("a.txt ", Some(&["txt"])));
        for bare in [".txt", "a.", "txt", "", "a.txt/..", "."] {
            assert!(check_extension(bare, Some(&[""])), "{bare}");
            assert!(!check_extension(bare, Some(&["txt"])), "{bare}");
        }
        assert!(check_extension("a.txt/", Some(&["txt"])));
        assert!(check_extension("a.php", None));
        assert!(!check_extension("a.txt", Some(&[])));
    }
}

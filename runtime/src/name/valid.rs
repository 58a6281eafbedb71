//! Django's checks and repairs of names.

use super::chars::{cut, is_combining, is_python_space, is_word};
use super::file_name::MAX_COMPONENT_BYTES;
use super::posix;
use crate::error::{Error, ErrorKind, Result};
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// The error for a name with nothing usable left.
pub(crate) fn no_file_name(name: &str) -> Error {
    Error::new(ErrorKind::NoFileName, "no usable file name is left").with_name(name)
}

fn traversal(name: &str) -> Error {
    Error::new(ErrorKind::Traversal, "the name leaves its storage: it is absolute or climbs with `..`")
        .with_name(name)
}

/// Returns the text in normal form C; borrowed if it already is.
pub(crate) fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || unicode_normalization::is_nfc(text) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

/// Returns the length of a name in code points, the unit of column limits.
pub fn length(name: &str) -> u64 {
    name.chars().count() as u64
}

/// Turns a base name into one that is safe to store: trims white space at both ends, replaces spaces with
/// `_`, and deletes everything that is not a letter, a number, `-`, `_` or `.`, including slashes.
///
/// Unlike Django, it first converts the name to normal form C, and keeps combining marks with their letter,
/// so that names in Hindi or Thai remain readable.
///
/// ```
/// use filefield::name::valid_name;
/// assert_eq!(valid_name(" 57 Chevy!.jpg")?, "57_Chevy.jpg");
/// # Ok::<(), filefield::Error>(())
/// ```
///
/// # Errors
/// Returns [`ErrorKind::NoFileName`] if the result is empty, `.` or `..`.
pub fn valid_name(name: &str) -> Result<String> {
    valid(name, false)
}

/// Like [`valid_name`], but keeps `+`, as [`from_client`](super::from_client) does. Storages use this.
///
/// # Errors
/// The errors of [`valid_name`].
pub(crate) fn kept_name(name: &str) -> Result<String> {
    valid(name, true)
}

fn valid(name: &str, keep_plus: bool) -> Result<String> {
    let normal = nfc(name);
    let text = normal.trim_matches(is_python_space);
    let mut valid = String::with_capacity(text.len());
    let mut after_base = false;
    for c in text.chars() {
        let c = if c == ' ' { '_' } else { c };
        let word = is_word(c) || (after_base && is_combining(c));
        after_base = word;
        if word || c == '-' || c == '.' || (keep_plus && c == '+') {
            valid.push(c);
        }
    }
    // A deletion may have joined two characters that compose.
    let valid = match nfc(&valid) {
        Cow::Borrowed(_) => valid,
        Cow::Owned(composed) => composed,
    };
    if matches!(valid.as_str(), "" | "." | "..") { Err(no_file_name(name)) } else { Ok(valid) }
}

/// Checks that `name` is a base name without a directory. A back-slash is an ordinary character here.
///
/// # Errors
/// Returns [`ErrorKind::NoFileName`] if the last component is empty, `.` or `..`, and
/// [`ErrorKind::PathElements`] for a path.
pub fn validate_base_name(name: &str) -> Result<()> {
    let last = posix::base_name(name);
    if matches!(last, "" | "." | "..") {
        return Err(no_file_name(name));
    }
    if last.len() != name.len() {
        return Err(
            Error::new(ErrorKind::PathElements, "a file name was wanted, a path was given").with_name(name)
        );
    }
    Ok(())
}

/// Checks that `name` is relative and has no `..` component. `\` counts as `/`.
///
/// This is Django's rule for names before they reach a storage. A storage takes a
/// [`FileName`](crate::FileName), which is stricter.
///
/// # Errors
/// Returns [`ErrorKind::NoFileName`] if the last component is empty, `.` or `..`, and
/// [`ErrorKind::Traversal`] if the name is absolute or has a `..` component.
pub fn validate_relative_name(name: &str) -> Result<()> {
    if matches!(posix::base_name(name), "" | "." | "..") {
        return Err(no_file_name(name));
    }
    if name.starts_with(['/', '\\']) || name.split(['/', '\\']).any(|component| component == "..") {
        return Err(traversal(name));
    }
    Ok(())
}

/// Replaces `\` with `/`.
pub(crate) fn with_slashes(name: &str) -> Cow<'_, str> {
    if name.contains('\\') { Cow::Owned(name.replace('\\', "/")) } else { Cow::Borrowed(name) }
}

/// Splits a name into directory and last component. Refuses a directory with a `..` component.
pub(crate) fn split_checked(name: &str) -> Result<(&str, &str)> {
    let (directory, file_name) = posix::split(name);
    if posix::climbs(directory) { Err(traversal(name)) } else { Ok((directory, file_name)) }
}

/// Makes the name for a storage's `save`: replaces `\` with `/`, passes the last component to `clean`, and
/// normalises the whole name lexically. Directories are not cleaned.
///
/// `clean` is the storage's [`valid_name`](crate::Storage::valid_name).
///
/// ```
/// use filefield::name::{generate_filename, valid_name};
/// assert_eq!(generate_filename("./some/./p q/x y", valid_name)?, "some/p q/x_y");
/// # Ok::<(), filefield::Error>(())
/// ```
///
/// # Errors
/// Returns [`ErrorKind::Traversal`] if the directory has a `..` component; propagates errors of `clean`.
pub fn generate_filename(name: &str, clean: impl FnOnce(&str) -> Result<String>) -> Result<String> {
    let name = with_slashes(name);
    let (directory, file_name) = split_checked(&name)?;
    Ok(posix::normalise(&posix::join(directory, &clean(file_name)?)))
}

/// Returns the name Django gives to an uploaded file: the part after the last `/`, cut to 255 code points and
/// 255 bytes. The last extension is kept.
///
/// Use [`from_client`](super::from_client) for names that come from a client.
///
/// # Errors
/// Returns [`ErrorKind::NoFileName`] if that part is empty, `.` or `..`.
pub fn uploaded_name(name: &str) -> Result<String> {
    const MAX: usize = MAX_COMPONENT_BYTES;
    let last = posix::base_name(name);
    if matches!(last, "" | "." | "..") {
        return Err(no_file_name(name));
    }
    if last.len() <= MAX {
        return Ok(last.to_owned());
    }
    let leading = last.len() - last.trim_start_matches('.').len();
    let dot = last[leading..].rfind('.').map_or(last.len(), |dot| leading + dot);
    let extension = cut(&last[dot..], MAX, MAX);
    let stem = cut(&last[..dot], MAX - extension.chars().count(), MAX - extension.len());
    // Only an extension that fills the whole name, such as 255 dots, leaves no stem. The result is still a
    // name.
    Ok(format!("{stem}{extension}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ErrorKind::{NoFileName, PathElements, Traversal};

    #[test]
    fn d178_to_d183_valid_name() {
        for (name, want) in [
            (" a  b$.txt ", "a__b.txt"),
            ("^&'@{}[],$=!-#()%+~_123.txt", "-_123.txt"),
            ("...", "..."),
            ("..a", "..a"),
            ("👍.png", ".png"),
            ("²½Ⅷ①", "²½Ⅷ①"),
            ("\u{1c} a", "a"),
            ("a\u{a0}b\tc", "abc"),
            ("a/b\\c", "abc"),
            ("CON", "CON"),
            ("a.txt.", "a.txt."),
            ("ﬁ.TXT", "ﬁ.TXT"),
        ] {
            assert_eq!(valid_name(name).unwrap(), want);
        }
        for name in ["", " ", "???", "$.$.$", ".", "..", "$.", "\u{301}"] {
            assert_eq!(valid_name(name).unwrap_err().kind(), NoFileName, "{name}");
        }
    }

    #[test]
    fn w14_normal_form_and_marks() {
        assert_eq!(valid_name("cafe\u{301}.txt").unwrap(), "café.txt");
        assert_eq!(valid_name("नमस्ते").unwrap(), "नमस्ते");
        assert_eq!(valid_name("x\u{301}\u{323}.txt").unwrap(), "x\u{323}\u{301}.txt");
        // A mark goes with the character it belongs to.
        assert_eq!(valid_name("a👍\u{fe0f}b").unwrap(), "ab");
        assert_eq!(valid_name("-\u{301}b").unwrap(), "-b");
        // Deleting a character joins two jamo.
        assert_eq!(valid_name("\u{1100}$\u{1161}").unwrap(), "\u{ac00}");
    }

    #[test]
    fn d198_d200_base_names() {
        for name in ["a", "...", "..\\x", "C:\\x", " "] {
            validate_base_name(name).unwrap();
        }
        for (name, kind) in [
            ("", NoFileName),
            ("a/.", NoFileName),
            ("..", NoFileName),
            ("a/", NoFileName),
            ("a/b", PathElements),
            ("/a", PathElements),
        ] {
            assert_eq!(validate_base_name(name).unwrap_err().kind(), kind, "{name}");
        }
    }

    #[test]
    fn d199_relative_names() {
        for name in ["a/./b", "a//b", "C:\\x", "a\0 b", "a/b", "..a/b"] {
            validate_relative_name(name).unwrap();
        }
        for (name, kind) in [
            ("", NoFileName),
            ("a/", NoFileName),
            ("a/..", NoFileName),
            ("/a", Traversal),
            ("\\a", Traversal),
            ("a\\..\\b", Traversal),
            ("a\\..", Traversal),
            ("../a", Traversal),
        ] {
            assert_eq!(validate_relative_name(name).unwrap_err().kind(), kind, "{name}");
        }
    }

    #[test]
    fn d196_d197_generate_filename() {
        for (name, want) in [
            ("./some/./p q/x y", "some/p q/x_y"),
            ("//x/y", "//x/y"),
            ("///x/y", "/x/y"),
            ("/abs/x", "/abs/x"),
            ("sub\\n n.txt", "sub/n_n.txt"),
            ("x", "x"),
        ] {
            assert_eq!(generate_filename(name, valid_name).unwrap(), want);
        }
        for (name, kind) in [
            ("x/../y", Traversal),
            ("x\\..\\y", Traversal),
            ("a/", NoFileName),
            ("a/..", NoFileName),
            ("a/???", NoFileName),
        ] {
            assert_eq!(generate_filename(name, valid_name).unwrap_err().kind(), kind, "{name}");
        }
        assert_eq!(generate_filename("a/b", |name| Ok(name.to_uppercase())).unwrap(), "a/B");
    }

    #[test]
    fn d276_d277_uploaded_name() {
        assert_eq!(uploaded_name("a/b/c.txt").unwrap(), "c.txt");
        assert_eq!(uploaded_name("a\\b.txt").unwrap(), "a\\b.txt");
        assert_eq!(uploaded_name("/tmp/").unwrap_err().kind(), NoFileName);
        let f = "f".repeat(300);
        assert_eq!(uploaded_name(&format!("{f}.txt")).unwrap(), format!("{}.txt", &f[..251]));
        assert_eq!(uploaded_name(&format!("foo.{f}")).unwrap(), format!(".{}", &f[..254]));
        assert_eq!(
            uploaded_name(&format!("{}.txt", "é".repeat(200))).unwrap(),
            format!("{}.txt", "é".repeat(125))
        );
    }
}

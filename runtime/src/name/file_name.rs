//! The validated relative name that every storage uses.

use super::chars::{is_device, is_hidden};
use crate::error::{Error, ErrorKind, Result};
use std::fmt;

/// The maximum length of a name, in bytes.
pub const MAX_NAME_BYTES: usize = 1024;
/// The maximum length of a component, in bytes. It is the limit of common file systems.
pub const MAX_COMPONENT_BYTES: usize = 255;
/// The folder that storages reserve for themselves. Like every name that begins with a dot, it is refused as
/// a component.
pub const RESERVED_COMPONENT: &str = ".filefield";

/// The validated name of a stored file: relative to its storage, with components separated by `/`.
///
/// A `FileName`
/// * is at most 1,024 bytes long and in Unicode's normal form C;
/// * is never absolute and has no empty, `.` or `..` component;
/// * has no back-slash, no colon, none of `< > " | ? *`, and no control, invisible, direction-changing,
///   private-use or unassigned character;
/// * has no component that begins with a dot, ends in a dot, a space or `#` and digits, is longer than 255
///   bytes, or is the name of a Windows device.
///
/// Existing files may have other names: see [`existing`](Self::existing).
///
/// It borrows its text and is `Copy`, so passing one costs as much as passing a `&str`.
///
/// ```
/// use filefield::FileName;
/// assert_eq!(FileName::new("cars/chevy.jpg")?.file_name(), "chevy.jpg");
/// assert!(FileName::new("../etc/passwd").is_err());
/// # Ok::<(), filefield::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName<'a>(&'a str);

impl<'a> FileName<'a> {
    /// Checks `name` and never repairs it. Does not allocate, and reads an ASCII name once.
    ///
    /// # Errors
    /// The error carries the name. Returns [`ErrorKind::NoFileName`] if the last component is empty, `.` or
    /// `..`; [`ErrorKind::Traversal`] if the name is absolute or contains a `..` component (`\` counts as
    /// `/`); [`ErrorKind::NameTooLong`] if it is too long; and [`ErrorKind::InvalidName`] for every other
    /// violation.
    pub fn new(name: &'a str) -> Result<Self> {
        if is_safe(name) { Ok(FileName(name)) } else { Err(reason(name).with_name(name)) }
    }

    /// Wraps a name that was checked by other rules.
    pub(super) fn unchecked(name: &'a str) -> Self {
        FileName(name)
    }

    /// Returns the whole name.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// Returns the last component.
    pub fn file_name(self) -> &'a str {
        self.0.rsplit_once('/').map_or(self.0, |(_, last)| last)
    }

    /// Returns the part before the last `/`, or `""` for a file at the storage's root.
    pub fn parent(self) -> &'a str {
        self.0.rsplit_once('/').map_or("", |(parent, _)| parent)
    }
}

/// The role of a byte in a name.
#[derive(Clone, Copy, PartialEq)]
enum Byte {
    Plain,
    Slash,
    Forbidden,
    NotAscii,
}

const BYTES: [Byte; 256] = {
    let mut table = [Byte::Plain; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'/' => Byte::Slash,
            0..0x20 | 0x7f | b'\\' | b':' | b'<' | b'>' | b'"' | b'|' | b'?' | b'*' => Byte::Forbidden,
            0x80.. => Byte::NotAscii,
            _ => Byte::Plain,
        };
        byte += 1;
    }
    table
};

/// Every storage call runs this: one pass over the bytes, and a second over the characters only if the name
/// is not ASCII.
fn is_safe(name: &str) -> bool {
    if name.len() > MAX_NAME_BYTES {
        return false;
    }
    let mut start = 0;
    let mut ascii = true;
    for (at, &byte) in name.as_bytes().iter().enumerate() {
        match BYTES[usize::from(byte)] {
            Byte::Plain => {}
            Byte::Slash => {
                if !is_safe_component(&name[start..at]) {
                    return false;
                }
                start = at + 1;
            }
            Byte::Forbidden => return false,
            Byte::NotAscii => ascii = false,
        }
    }
    is_safe_component(&name[start..])
        && (ascii
            || name.chars().all(|c| c.is_ascii() || is_latin(c))
            || (unicode_normalization::is_nfc(name) && !name.chars().any(|c| !c.is_ascii() && is_hidden(c))))
}

/// Latin-1 and its extensions: no hidden or composing character is among them, so no table lookup is needed.
fn is_latin(c: char) -> bool {
    matches!(c, '\u{a0}'..='\u{2ff}') && c != '\u{ad}'
}

/// The rules about the ends of a component.
fn is_safe_component(component: &str) -> bool {
    let [first, .., last] = component.as_bytes() else {
        return component.len() == 1 && !matches!(component, "." | " ");
    };
    component.len() <= MAX_COMPONENT_BYTES
        && *first != b'.'
        && !matches!(last, b'.' | b' ')
        && !(last.is_ascii_digit() && ends_in_staging_mark(component))
        && !is_device(component)
}

/// Some storages mark files that are being written with `#` and digits at the end.
fn ends_in_staging_mark(component: &str) -> bool {
    let stem = component.trim_end_matches(|c: char| c.is_ascii_digit());
    stem.len() < component.len() && stem.ends_with('#')
}

/// Checks the name of a directory to list, by the rules for existing files. `""` is the root of a storage.
///
/// # Errors
/// The errors of [`FileName::existing`], except: [`ErrorKind::Traversal`] for a leading slash, and
/// [`ErrorKind::InvalidName`] if the last component is empty, `.` or `..`.
pub fn check_directory(path: &str) -> Result<()> {
    if path.is_empty() {
        return Ok(());
    }
    match FileName::existing(path) {
        // A leading slash stands for the root only in names of files.
        Ok(existing) if existing.as_str() != path => FileName::new(path).map(drop),
        Err(error) if error.kind() == ErrorKind::NoFileName => {
            Err(Error::new(ErrorKind::InvalidName, "not the name of a directory").with_name(path))
        }
        result => result.map(drop),
    }
}

/// Why a name was refused. Checks run in Django's order, so that callers see the same kind of error.
#[cold]
fn reason(name: &str) -> Error {
    let invalid = |message: &'static str| Error::new(ErrorKind::InvalidName, message);
    if matches!(super::posix::base_name(name), "" | "." | "..") {
        return Error::new(ErrorKind::NoFileName, "the last component of the name is empty, `.` or `..`");
    }
    if name.starts_with(['/', '\\']) {
        return Error::new(ErrorKind::Traversal, "the name is absolute");
    }
    if name.split(['/', '\\']).any(|component| component == "..") {
        return Error::new(ErrorKind::Traversal, "the name has a `..` component");
    }
    if name.len() > MAX_NAME_BYTES {
        return Error::new(ErrorKind::NameTooLong, "the name is over 1,024 bytes long");
    }
    let forbidden = |c: &char| {
        if c.is_ascii() { BYTES[*c as usize] == Byte::Forbidden } else { is_hidden(*c) }
    };
    if let Some(bad) = name.chars().find(forbidden) {
        let message = format!("the name has the character `{}`", bad.escape_debug());
        return Error::new(ErrorKind::InvalidName, message);
    }
    for component in name.split('/') {
        if component.len() > MAX_COMPONENT_BYTES {
            return Error::new(ErrorKind::NameTooLong, "a component of the name is over 255 bytes long");
        }
        match component {
            "" => return invalid("the name has an empty component"),
            RESERVED_COMPONENT => return invalid("names under `.filefield` are reserved"),
            _ if component.starts_with('.') => return invalid("a component of the name begins with a dot"),
            _ if component.ends_with(['.', ' ']) => {
                return invalid("a component of the name ends in a dot or a space");
            }
            _ if ends_in_staging_mark(component) => {
                return invalid("a component of the name ends in `#` and digits, which is reserved");
            }
            _ if is_device(component) => return invalid("a component of the name is a device on Windows"),
            _ => {}
        }
    }
    invalid("the name is not in Unicode's normal form C")
}

impl fmt::Display for FileName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for FileName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl AsRef<str> for FileName<'_> {
    fn as_ref(&self) -> &str {
        self.0
    }
}

impl<'a> TryFrom<&'a str> for FileName<'a> {
    type Error = Error;
    fn try_from(name: &'a str) -> Result<Self> {
        FileName::new(name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn takes_ordinary_names() {
        for name in [
            "a",
            "cars/57 Chevy.jpg",
            "日本語/é.txt",
            "a+b,c;d=e&f.txt",
            "%2e%2e",
            "x#a",
            "#1b",
            "com10.txt",
            "a/b/c",
        ] {
            assert_eq!(FileName::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn each_rule_refuses_with_its_kind() {
        use ErrorKind::{InvalidName, NameTooLong, NoFileName, Traversal};
        let long = "a".repeat(256);
        let longer = format!("{}b", "a/".repeat(512));
        for (name, kind) in [
            ("", NoFileName),
            (".", NoFileName),
            ("..", NoFileName),
            ("a/", NoFileName),
            ("a/..", NoFileName),
            ("/a", Traversal),
            ("//a", Traversal),
            ("\\\\server\\a", Traversal),
            ("../a", Traversal),
            ("a/../b", Traversal),
            ("a\\..\\b", Traversal),
            ("a\\b", InvalidName),
            ("C:\\a", InvalidName),
            ("a:b", InvalidName),
            ("a\0b", InvalidName),
            ("a\nb", InvalidName),
            ("a\u{202e}b", InvalidName),
            ("a\u{200b}b", InvalidName),
            ("a\u{e000}b", InvalidName),
            ("a\u{2028}b", InvalidName),
            ("a\u{fffd}b", InvalidName),
            ("a?b", InvalidName),
            ("e\u{301}", InvalidName),
            ("a//b", InvalidName),
            ("a/./b", InvalidName),
            (".htaccess", InvalidName),
            ("...", InvalidName),
            (".filefield/a", InvalidName),
            ("a /b", InvalidName),
            ("a.", InvalidName),
            (" ", InvalidName),
            ("x#12", InvalidName),
            ("a/#1/b", InvalidName),
            ("nul.txt", InvalidName),
            ("con/x", InvalidName),
            (&long, NameTooLong),
            (&longer, NameTooLong),
        ] {
            let error = FileName::new(name).unwrap_err();
            assert_eq!((error.kind(), error.name()), (kind, Some(name)));
        }
    }

    #[test]
    fn the_short_way_for_latin_letters_is_right() {
        for c in ('\u{80}'..'\u{300}').map(String::from) {
            let name = format!("a{c}b");
            let slow = !name.chars().any(is_hidden) && unicode_normalization::is_nfc(&name);
            assert_eq!(FileName::new(&name).is_ok(), slow, "{name:?}");
        }
    }

    #[test]
    fn directories_are_refused_as_files_are() {
        for directory in ["", "a", "a/b c"] {
            check_directory(directory).unwrap();
        }
        for (directory, kind) in [
            ("/", ErrorKind::InvalidName),
            ("a/", ErrorKind::InvalidName),
            ("a/..", ErrorKind::InvalidName),
            ("/a", ErrorKind::Traversal),
            ("a//b", ErrorKind::InvalidName),
            (".filefield", ErrorKind::InvalidName),
        ] {
            let error = check_directory(directory).unwrap_err();
            assert_eq!((error.kind(), error.name()), (kind, Some(directory)));
        }
    }

    #[test]
    fn limits_count_bytes() {
        assert!(FileName::new(&"é".repeat(127)).is_ok());
        assert_eq!(FileName::new(&"é".repeat(128)).unwrap_err().kind(), ErrorKind::NameTooLong);
        let component = format!("{}/", "a".repeat(255));
        let most = format!("{}{}", component.repeat(3), component.trim_end_matches('/'));
        assert_eq!(most.len(), 1023);
        assert!(FileName::new(&most).is_ok());
        let error = FileName::new(&format!("a/{most}")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NameTooLong);
    }
}

//! Names of existing files that other programs created.

use super::file_name::{MAX_NAME_BYTES, RESERVED_COMPONENT};
use super::{from_client, posix, valid};
use crate::FileName;
use crate::error::{Error, ErrorKind, Result};

impl<'a> FileName<'a> {
    /// Wraps the name of a file that already exists, whoever named it.
    ///
    /// [`new`](Self::new) accepts the names that filefield would create. `existing` accepts any name below
    /// the root of its storage, so that files of an older program can be read, listed, linked, copied,
    /// renamed and deleted: `10:30.txt`, `.hidden`, `a.`, names not in normal form C. A back-slash is an
    /// ordinary character. One leading slash stands for the root and is removed: `/docs/a.txt` is
    /// `docs/a.txt`.
    ///
    /// Storages save only under names that [`new`](Self::new) accepts.
    ///
    /// ```
    /// use filefield::FileName;
    /// assert!(FileName::new("10:30.txt").is_err());
    /// assert_eq!(FileName::existing("10:30.txt")?.as_str(), "10:30.txt");
    /// assert!(FileName::existing("../10:30.txt").is_err());
    /// # Ok::<(), filefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// The error carries the name. Returns [`NoFileName`](ErrorKind::NoFileName) if the last component is
    /// empty, `.` or `..`; [`Traversal`](ErrorKind::Traversal) if a component is `..` (`\` counts as `/`
    /// too); [`NameTooLong`](ErrorKind::NameTooLong) over 1,024 bytes; and
    /// [`InvalidName`](ErrorKind::InvalidName) for a zero byte, an empty or `.` component, or the folder
    /// `.filefield` in upper or lower case.
    pub fn existing(name: &'a str) -> Result<Self> {
        FileName::new(name).or_else(|_| {
            let relative = name.strip_prefix('/').unwrap_or(name);
            check(relative).map_err(|error| error.with_name(name))?;
            Ok(FileName::unchecked(relative))
        })
    }

    /// Like [`existing`](Self::existing), but also accepts names of direct uploads, as
    /// [`or_upload`](Self::or_upload) does.
    pub(crate) fn known(name: &'a str) -> Result<Self> {
        FileName::or_upload(name).or_else(|_| FileName::existing(name))
    }
}

/// Checks that `name` can be a file below the root.
fn check(name: &str) -> Result<()> {
    let invalid = |message: &'static str| Err(Error::new(ErrorKind::InvalidName, message));
    if matches!(posix::base_name(name), "" | "." | "..") {
        let text = "the last component of the name is empty, `.` or `..`";
        return Err(Error::new(ErrorKind::NoFileName, text));
    }
    if name.split(['/', '\\']).any(|component| component == "..") {
        return Err(Error::new(ErrorKind::Traversal, "the name has a `..` component"));
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(Error::new(ErrorKind::NameTooLong, "the name is over 1,024 bytes long"));
    }
    if name.contains('\0') {
        return invalid("the name has the character `\\0`");
    }
    for component in name.split('/') {
        match component {
            "" | "." => return invalid("the name has an empty or `.` component"),
            // Case-insensitive file systems treat both spellings as one name.
            _ if component.eq_ignore_ascii_case(RESERVED_COMPONENT) => {
                return invalid("names under `.filefield` are reserved");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Returns the name that filefield would give to a file called `name`: `\` becomes `/`, each component is
/// cleaned like a client's name, and a component with nothing left becomes `file`.
///
/// ```
/// use filefield::name::cleaned;
/// assert_eq!(cleaned("docs\\report #12"), "docs/report_12");
/// assert_eq!(cleaned("/scans/.env"), "scans/file.env");
/// assert_eq!(cleaned("scans/a.jpg"), "scans/a.jpg");
/// ```
pub fn cleaned(name: &str) -> String {
    if FileName::new(name).is_ok() {
        return name.to_owned();
    }
    let slashes = valid::with_slashes(name);
    let (parent, leaf) = slashes.rsplit_once('/').unwrap_or(("", &slashes));
    let mut cleaned = String::with_capacity(name.len());
    for component in parent.split('/').filter(|component| !matches!(*component, "" | "." | "..")) {
        cleaned.push_str(&from_client(component.trim_start_matches('.')));
        cleaned.push('/');
    }
    cleaned.push_str(&from_client(leaf));
    cleaned
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_of_older_programs_exist() {
        for name in [
            "10:30.txt",
            "cafe\u{301}.txt",
            ".hidden",
            "a/.hidden/b",
            "a.",
            "a ",
            " ",
            "docs\\win.txt",
            "C:\\fakepath\\a.txt",
            "report #12",
            "a\tb\nc",
            "con.txt",
            "a?b*c|d<e>f\"g",
            "\u{202e}gpj.exe",
            "...",
            "..a",
            "a\u{fffd}b",
        ] {
            assert_eq!(FileName::existing(name).unwrap().as_str(), name);
        }
        assert_eq!(FileName::existing("/docs/abs.txt").unwrap().as_str(), "docs/abs.txt");
        let long = "a".repeat(300);
        assert_eq!(FileName::existing(&long).unwrap().as_str(), long);
    }

    #[test]
    fn no_name_leaves_the_root_or_leads_into_the_reserved_folder() {
        use ErrorKind::{InvalidName, NameTooLong, NoFileName, Traversal};
        let long = "a/".repeat(600) + "b";
        for (name, kind) in [
            ("", NoFileName),
            ("/", NoFileName),
            ("a/", NoFileName),
            ("a/.", NoFileName),
            ("..", NoFileName),
            ("/..", NoFileName),
            ("../a", Traversal),
            ("/../a", Traversal),
            ("a/../b", Traversal),
            ("a\\..\\b", Traversal),
            ("..\\b", Traversal),
            ("//a", InvalidName),
            ("a//b", InvalidName),
            ("./a", InvalidName),
            ("a\0b", InvalidName),
            (".filefield/tmp/a", InvalidName),
            ("/.filefield/tmp/a", InvalidName),
            (".FileField/tmp/a", InvalidName),
            ("a/.filefield/b", InvalidName),
            (&long, NameTooLong),
        ] {
            let error = FileName::existing(name).unwrap_err();
            assert_eq!((error.kind(), error.name()), (kind, Some(name)));
        }
    }

    #[test]
    fn whatever_is_cleaned_is_a_name() {
        for (name, want) in [
            ("10:30.txt", "1030.txt"),
            ("cafe\u{301}.txt", "café.txt"),
            (".a/b", "a/b"),
            ("../a:b", "ab"),
            ("???/a.", "file/a"),
            ("a/ ???", "a/file"),
            ("", "file"),
        ] {
            assert_eq!(cleaned(name), want);
            FileName::new(want).unwrap();
        }
        for code in 0..0x300_u32 {
            let Some(c) = char::from_u32(code) else { continue };
            for name in [format!("{c}"), format!("{c}a/b{c}.txt"), format!("a{c}/{c}.{c}")] {
                FileName::new(&cleaned(&name)).unwrap();
            }
        }
    }
}

//! Names of files that clients send directly to a storage, before a row names them.
//!
//! They lie in the folder reserved by storages, where no ordinary file name leads, and are never served.
//! Their tokens have 130 random bits, so they cannot be guessed.

use super::file_name::RESERVED_COMPONENT;
use super::token::is_token;
use crate::{FileName, Result};

/// The folder for uploads inside the reserved folder.
const FOLDER: &str = "uploads";

impl<'a> FileName<'a> {
    /// Like [`new`](Self::new), but also accepts names of direct uploads, alone or below a folder. For
    /// storages that derive names from other names.
    ///
    /// # Errors
    /// The errors of [`new`](Self::new).
    pub fn or_upload(name: &'a str) -> Result<Self> {
        match upload_at(name) {
            Some(0) => Ok(FileName::unchecked(name)),
            Some(at) => FileName::new(&name[..at - 1]).map(|_| FileName::unchecked(name)),
            None => FileName::new(name),
        }
    }

    /// Returns the token of an upload or of a part of one; `None` for the name of a file.
    pub fn upload_token(self) -> Option<&'a str> {
        upload_at(self.as_str())?;
        Some(self.file_name().split_once('.').map_or(self.file_name(), |(token, _)| token))
    }
}

/// The name of the upload with this token.
#[cfg(feature = "db")]
pub(crate) fn of_upload(token: &str) -> String {
    format!("{RESERVED_COMPONENT}/{FOLDER}/{token}")
}

/// The name of a part of an upload. Parts are counted from 1.
pub(crate) fn of_part(upload: FileName<'_>, number: usize) -> String {
    format!("{upload}.{number}")
}

/// Where the reserved folder begins in the name of an upload or of a part.
fn upload_at(name: &str) -> Option<usize> {
    let (folder, leaf) = name.rsplit_once('/')?;
    let reserved = folder.strip_suffix(FOLDER)?.strip_suffix('/')?;
    let before = reserved.strip_suffix(RESERVED_COMPONENT)?;
    let (token, part) = leaf.split_once('.').map_or((leaf, None), |(token, part)| (token, Some(part)));
    let is_part = |part: &str| part.parse::<u32>().is_ok_and(|number| number.to_string() == part);
    let is_upload =
        is_token(token) && part.is_none_or(is_part) && (before.is_empty() || before.ends_with('/'));
    is_upload.then_some(before.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TOKEN: &str = "abcdefghijklmnopqrstuvwx27";

    #[test]
    fn uploads_have_names_that_no_file_has() {
        for (before, after) in [("", ""), ("tenants/7/", ""), ("", ".1"), ("a/", ".10000")] {
            let name = format!("{before}.filefield/uploads/{TOKEN}{after}");
            assert!(FileName::new(&name).is_err());
            assert_eq!(FileName::or_upload(&name).unwrap().upload_token(), Some(TOKEN));
        }
        assert_eq!(FileName::or_upload("cars/a.jpg").unwrap().upload_token(), None);
    }

    #[test]
    fn nothing_else_in_the_reserved_folder_has_one() {
        for leaf in ["", "a", "../a", &TOKEN[1..], &TOKEN.to_uppercase()] {
            assert!(FileName::or_upload(&format!(".filefield/uploads/{leaf}")).is_err(), "{leaf}");
        }
        for suffix in [".", ".01", ".+1", ".x", ".1.2", "/1", "x"] {
            assert!(FileName::or_upload(&format!(".filefield/uploads/{TOKEN}{suffix}")).is_err(), "{suffix}");
        }
        for before in ["/", "../", "a//", ".filefield/"] {
            assert!(FileName::or_upload(&format!("{before}.filefield/uploads/{TOKEN}")).is_err(), "{before}");
        }
    }
}

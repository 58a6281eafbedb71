//! Conversion between file names and object keys.

use crate::name::{MAX_NAME_BYTES, RESERVED_COMPONENT, check_directory, filepath_to_uri};
use crate::storage::Listing;
use crate::{Error, ErrorKind, FileName, Result};
use object_store::ListResult;
use object_store::path::Path;

/// The keys below a prefix.
#[derive(Debug)]
pub(super) struct Keys {
    /// Empty, or a folder and a slash.
    prefix: String,
}

impl Keys {
    /// Creates the keys below `folder`; empty for the whole bucket.
    pub(super) fn new(folder: &str) -> Result<Self> {
        let folder = folder.strip_suffix('/').unwrap_or(folder);
        if folder.is_empty() {
            return Ok(Keys { prefix: String::new() });
        }
        let folder = FileName::new(folder)?;
        Ok(Keys { prefix: format!("{folder}/") })
    }

    /// Returns the key of a file: its name, unchanged.
    pub(super) fn key(&self, name: FileName<'_>) -> Result<Path> {
        self.raw(name.as_str())
    }

    /// Returns the key of an internal object, which no file name maps to.
    pub(super) fn reserved(&self, name: &str) -> Result<Path> {
        self.raw(&format!("{RESERVED_COMPONENT}/{name}"))
    }

    fn raw(&self, name: &str) -> Result<Path> {
        let key = [self.prefix.as_str(), name].concat();
        if key.len() > MAX_NAME_BYTES {
            let message = format!("with its prefix the name is over {MAX_NAME_BYTES} bytes");
            return Err(Error::new(ErrorKind::NameTooLong, message));
        }
        Path::parse(&key)
            .map_err(|_| Error::new(ErrorKind::InvalidName, "the name is not one that a bucket takes"))
    }

    /// Returns the prefix of everything in `directory`; `None` for the whole bucket.
    pub(super) fn directory(&self, directory: &str) -> Result<Option<Path>> {
        if !directory.is_empty() {
            check_directory(directory)?;
            return self.raw(directory).map(Some);
        }
        match self.prefix.strip_suffix('/') {
            None => Ok(None),
            Some(folder) => Path::parse(folder)
                .map(Some)
                .map_err(|_| Error::new(ErrorKind::InvalidName, "the prefix is not one that a bucket takes")),
        }
    }

    /// Returns the place of these keys in the bucket at `place`.
    pub(super) fn location(&self, place: &str) -> String {
        let (place, folder) = (place.trim_end_matches('/'), self.prefix.trim_end_matches('/'));
        if folder.is_empty() { place.to_owned() } else { format!("{place}/{}", filepath_to_uri(folder)) }
    }
}

/// Converts the listing of a directory. Leaves out internal objects, and the objects that mark folders in
/// consoles: their names are those of the folder and a slash.
pub(super) fn listing(listed: &ListResult, directory: Option<&Path>) -> Listing {
    let depth = directory.map_or(0, Path::parts_count) + 1;
    let leaf = |path: &Path| path.filename().filter(|_| path.parts_count() == depth).map(str::to_owned);
    let mut dirs: Vec<String> = listed.common_prefixes.iter().filter_map(leaf).collect();
    let mut files: Vec<String> = listed.objects.iter().filter_map(|object| leaf(&object.location)).collect();
    dirs.retain(|dir| dir != RESERVED_COMPONENT);
    for names in [&mut dirs, &mut files] {
        names.sort_unstable();
        names.dedup();
    }
    Listing { dirs, files }
}

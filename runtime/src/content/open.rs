//! Opens files of the application for reading, without waiting for the writer of a FIFO.

use crate::{Error, ErrorKind, Result};
use rustix::fs::OFlags;
use std::fs::{self, File, Metadata, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens the regular file at `path`. The error never contains an absolute path.
pub(crate) fn open_regular(path: &Path, flags: OFlags) -> Result<(File, Metadata)> {
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY;
    let open = || {
        // Open flags fit an `i32` on every platform. `custom_flags` takes the C type.
        let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
        let metadata = file.metadata()?;
        regular(&metadata)?;
        Ok((file, metadata))
    };
    open().map_err(|error: Error| named(error, path))
}

/// Returns the length of the regular file at `path`. The error never contains an absolute path.
pub(super) fn regular_len(path: &Path) -> Result<u64> {
    let len = || {
        let metadata = fs::metadata(path)?;
        regular(&metadata)?;
        Ok(metadata.len())
    };
    len().map_err(|error: Error| named(error, path))
}

/// Fails unless `metadata` describes a regular file.
pub(super) fn regular(metadata: &Metadata) -> Result<()> {
    if metadata.is_dir() {
        return Err(Error::new(ErrorKind::IsADirectory, "a directory is not a file to be saved"));
    }
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::NotAFile, "not a regular file"));
    }
    Ok(())
}

/// Adds `path` to `error`: a relative path unchanged, an absolute one reduced to its last component.
pub(super) fn named(error: Error, path: &Path) -> Error {
    match path.file_name() {
        Some(_) if path.is_relative() => error.with_name(path.to_string_lossy()),
        Some(name) => error.with_name(name.to_string_lossy()),
        None => error,
    }
}

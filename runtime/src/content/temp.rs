//! Temporary files that a storage takes over by a link or a rename.

use super::open::{named, open_regular, regular};
use crate::{Error, ErrorKind, Result};
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A finished temporary file. Dropping it removes the file, unless a storage took it over or another file
/// replaced it. A relative path is resolved when the value is created.
///
/// Created by [`TempWriter::finish`], so all its bytes are written. Holds no descriptor. A field keeps it
/// until a save succeeds, so that a failed save can be retried.
///
/// Create it on the file system of the storage to avoid a copy.
///
/// ```
/// use filefield::TempFile;
/// # let dir = std::env::temp_dir();
/// let mut writer = TempFile::create_in(&dir)?;
/// writer.write_all(b"bytes of an upload")?;
/// let temp = writer.finish()?;
/// assert_eq!(temp.len(), 18);
/// # Ok::<(), filefield::Error>(())
/// ```
#[derive(Debug)]
pub struct TempFile {
    /// Shared with the content being saved.
    path: Arc<Owned>,
    len: u64,
    sha256: Option<[u8; 32]>,
    /// Whether nothing has it open for writing.
    closed: bool,
}

impl TempFile {
    /// Creates an empty temporary file in `directory`, with mode 0600 and a random name.
    ///
    /// # Errors
    /// Propagates errors of creating the file, such as [`NotFound`](ErrorKind::NotFound) for a missing
    /// directory.
    pub fn create_in(directory: impl AsRef<Path>) -> Result<TempWriter> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|error| Error::new(ErrorKind::Io, "no random bytes").with_source(error))?;
        let path = directory.as_ref().join(format!("upload-{:032x}", u128::from_ne_bytes(random)));
        let path = std::path::absolute(path)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let path = Owned::new(path, &file.metadata()?);
        Ok(TempWriter { file, path, len: 0, hash: None, failed: false })
    }

    /// Takes over the finished file at `path`. Dropping the `TempFile` removes the file.
    ///
    /// A storage copies it, because another process may still have it open for writing and could change the
    /// stored file. If that is impossible, call [`assume_closed`](Self::assume_closed).
    ///
    /// # Errors
    /// Returns [`NotFound`](ErrorKind::NotFound) if it does not exist, and [`NotAFile`](ErrorKind::NotAFile)
    /// or [`IsADirectory`](ErrorKind::IsADirectory) if it is not a regular file. Symbolic links are refused.
    pub fn adopt(path: impl Into<PathBuf>) -> Result<TempFile> {
        let path = path.into();
        let adopt = || {
            let metadata = fs::symlink_metadata(&path)?;
            regular(&metadata)?;
            let owned = Owned::new(std::path::absolute(&path)?, &metadata);
            Ok(TempFile { path: Arc::new(owned), len: metadata.len(), sha256: None, closed: false })
        };
        adopt().map_err(|error: Error| named(error, &path))
    }

    /// Declares that nothing has the [adopted](Self::adopt) file open for writing, so that a storage moves it
    /// instead of copying it. A process that does have it open could change the stored file.
    #[must_use]
    pub fn assume_closed(mut self) -> Self {
        self.closed = true;
        self
    }

    /// Returns whether nothing has it open for writing: it was written here, or
    /// [declared](Self::assume_closed) closed.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Returns the length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns whether the file is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns its absolute path.
    pub fn path(&self) -> &Path {
        &self.path.path
    }

    /// Another handle to the same file, which is removed when the last handle is dropped.
    pub(crate) fn share(&self) -> TempFile {
        TempFile { path: self.path.clone(), len: self.len, sha256: self.sha256, closed: self.closed }
    }

    /// Returns the SHA-256 of all bytes, if the [writer](TempWriter::hashing) computed it.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        self.sha256
    }

    /// Opens it for reading.
    ///
    /// # Errors
    /// Returns [`Io`](ErrorKind::Io) if another file replaced it or its length changed since it was finished;
    /// propagates errors of opening a file.
    pub fn open(&self) -> Result<File> {
        let (file, metadata) = open_regular(self.path(), OFlags::NOFOLLOW)?;
        if id(&metadata) != self.path.id || metadata.len() != self.len {
            return Err(Error::new(ErrorKind::Io, "the temporary file was changed after it was finished"));
        }
        Ok(file)
    }

    /// Hands over the path and the open file. The caller must move or remove the file.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open). In that case the file is removed.
    pub fn into_taken(self) -> Result<(PathBuf, File)> {
        let file = self.open()?;
        self.path.is_taken.store(true, Ordering::Release);
        Ok((self.path.path.clone(), file))
    }
}

fn id(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Writes a [`TempFile`]. Dropping it removes the file, unless another file replaced it.
///
/// It does not buffer: write pieces of several KiB, or wrap it in a [`BufWriter`](io::BufWriter) and unwrap
/// that with `into_inner` before finishing.
pub struct TempWriter {
    file: File,
    path: Owned,
    len: u64,
    hash: Option<Sha256>,
    failed: bool,
}

impl TempWriter {
    /// Computes the SHA-256 of all bytes written from now on.
    #[must_use]
    pub fn hashing(mut self) -> Self {
        self.hash = Some(Sha256::new());
        self
    }

    /// Appends all of `bytes`.
    ///
    /// # Errors
    /// Propagates errors of the file system, such as [`StorageFull`](ErrorKind::StorageFull). After an error
    /// the file cannot be finished.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(Write::write_all(self, bytes)?)
    }

    /// Returns the number of bytes written so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns whether nothing has been written yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Finishes the file.
    ///
    /// # Errors
    /// Returns [`Io`](ErrorKind::Io) if a write failed before, or if another process changed the length of
    /// the file.
    pub fn finish(self) -> Result<TempFile> {
        let metadata = self.file.metadata()?;
        if self.failed || metadata.len() != self.len {
            return Err(Error::new(ErrorKind::Io, "the temporary file is not whole"));
        }
        let sha256 = self.hash.map(|hash| hash.finalize().into());
        Ok(TempFile { path: Arc::new(self.path), len: self.len, sha256, closed: true })
    }
}

impl Write for TempWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.file.write(bytes) {
            Ok(count) => {
                self.len += count as u64;
                if let Some(hash) = &mut self.hash {
                    hash.update(&bytes[..count]);
                }
                Ok(count)
            }
            Err(error) => {
                self.failed |= error.kind() != io::ErrorKind::Interrupted;
                Err(error)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for TempWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TempWriter").field("path", &self.path).field("len", &self.len).finish_non_exhaustive()
    }
}

/// An absolute path whose file is removed on drop.
#[derive(Debug)]
struct Owned {
    path: PathBuf,
    /// Device and inode, to detect that another file has replaced it.
    id: (u64, u64),
    /// Whether the new owner moves or removes the file.
    is_taken: AtomicBool,
}

impl Owned {
    fn new(path: PathBuf, metadata: &Metadata) -> Owned {
        Owned { path, id: id(metadata), is_taken: AtomicBool::new(false) }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if !*self.is_taken.get_mut()
            && fs::symlink_metadata(&self.path).is_ok_and(|metadata| id(&metadata) == self.id)
        {
            // The error is ignored: either the file is already gone, or litter remains in a directory for
            // temporary files.
            let _ = fs::remove_file(&self.path);
        }
    }
}

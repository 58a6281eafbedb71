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

/// A finished temporary file. Dropping it removes the file, unless a storage took it over, or another one has taken its
/// place. A relative path is taken to be one in the working directory of that moment, wherever the program goes later.
///
/// It comes into being by [`TempWriter::finish`], so it has no bytes that were not written yet. It holds no descriptor.
/// A field that holds one keeps it until a save has gone well, so that a save that failed can be tried again.
///
/// Make it in a directory on the file system of the storage, which then needs no copy.
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
    /// Shared with the content that is being saved.
    path: Arc<Owned>,
    len: u64,
    sha256: Option<[u8; 32]>,
    /// Nobody has it open for writing.
    closed: bool,
}

impl TempFile {
    /// Creates an empty temporary file in `directory`, with mode 0600 and a random name.
    ///
    /// # Errors
    /// Those of creating a file, such as [`NotFound`](ErrorKind::NotFound) for a missing directory.
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

    /// Takes over the finished file at `path`. From now on it belongs to the `TempFile`, which removes it when it is
    /// dropped.
    ///
    /// A storage copies it, for another process may have it open for writing still and would change the stored file.
    /// Where that cannot be, say so with [`assume_closed`](Self::assume_closed).
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound); [`NotAFile`](ErrorKind::NotAFile) and
    /// [`IsADirectory`](ErrorKind::IsADirectory) for anything but a regular file, links included.
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

    /// States that nobody has the [adopted](Self::adopt) file open for writing, so that a storage moves it instead of
    /// copying it. Whoever has it open all the same can change the stored file.
    #[must_use]
    pub fn assume_closed(mut self) -> Self {
        self.closed = true;
        self
    }

    /// Whether nobody has it open for writing: it was written here, or that was [stated](Self::assume_closed).
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the file is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path.path
    }

    /// The same file once more. It is removed when the last of them is dropped.
    pub(crate) fn share(&self) -> TempFile {
        TempFile { path: self.path.clone(), len: self.len, sha256: self.sha256, closed: self.closed }
    }

    /// SHA-256 of all bytes, where the [writer](TempWriter::hashing) computed it.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        self.sha256
    }

    /// Opens it for reading.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where another file stands in its place or its length has changed since it was finished;
    /// those of opening a file.
    pub fn open(&self) -> Result<File> {
        let (file, metadata) = open_regular(self.path(), OFlags::NOFOLLOW)?;
        if id(&metadata) != self.path.id || metadata.len() != self.len {
            return Err(Error::new(ErrorKind::Io, "the temporary file was changed after it was finished"));
        }
        Ok(file)
    }

    /// Hands it over: the path and the open file. Whoever takes it moves or removes the file.
    ///
    /// # Errors
    /// As [`open`](Self::open). The file is removed then.
    pub fn into_taken(self) -> Result<(PathBuf, File)> {
        let file = self.open()?;
        self.path.is_taken.store(true, Ordering::Release);
        Ok((self.path.path.clone(), file))
    }
}

fn id(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Writes a [`TempFile`]. Dropping it removes the file, unless another one has taken its place.
///
/// It does not buffer: write pieces of some KiB, or wrap it in a [`BufWriter`](io::BufWriter) and unwrap that by
/// its `into_inner` before finishing.
pub struct TempWriter {
    file: File,
    path: Owned,
    len: u64,
    hash: Option<Sha256>,
    failed: bool,
}

impl TempWriter {
    /// Computes the SHA-256 of the bytes that are written from now on.
    #[must_use]
    pub fn hashing(mut self) -> Self {
        self.hash = Some(Sha256::new());
        self
    }

    /// Writes all of `bytes` at the end.
    ///
    /// # Errors
    /// Those of the file system, such as [`StorageFull`](ErrorKind::StorageFull). After one the file cannot be
    /// finished.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(Write::write_all(self, bytes)?)
    }

    /// Bytes written so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where a write failed before, or somebody else changed the file.
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

/// An absolute path whose file goes when it goes.
#[derive(Debug)]
struct Owned {
    path: PathBuf,
    /// Device and inode, which tell the file from one that has taken its place.
    id: (u64, u64),
    /// Whether somebody else moves or removes the file.
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
            // Nobody could act on the error: a missing file is what is wanted, anything else is litter in a
            // directory for temporary files.
            let _ = fs::remove_file(&self.path);
        }
    }
}

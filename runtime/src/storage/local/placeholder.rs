//! Publishing on file systems that have neither a rename that never replaces nor hard links: FAT, exFAT, and
//! many in user space.
//!
//! An empty file, the placeholder, is created exclusively under the final name. Then the staged file is
//! renamed over it. For a moment the empty file is visible, and the name counts as taken.
//!
//! Before that, a note is written in the reserved folder. It names the staged file and the final name. As
//! long as the staged file exists, the rename has not happened, so an empty file under the final name is a
//! placeholder left by a killed process. [`clear`] removes it.

use super::root::RootDir;
use super::stage::{RESERVED, private_directory, random_name};
use super::sys::{self, Calls, Moved, PATH_ONLY, open_beneath, open_component};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::{Errno, Result};
use std::fs::File;
use std::io::{Read, Write};
use std::time::{Duration, SystemTime};

/// The folder of notes in the reserved folder.
const NOTES: &str = "placeholders";

/// The maximum size of a note in bytes: two paths below the root.
const MAX_NOTE_BYTES: u64 = 16 * 1024;

/// A file or a free name: its directory, its name in there, and its path from the root.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) directory: BorrowedFd<'a>,
    pub(super) leaf: &'a str,
    pub(super) path: &'a str,
}

/// Moves a file to a name that must be free, on any file system.
pub(super) fn move_to_free(calls: &Calls, root: &RootDir, from: Entry<'_>, to: Entry<'_>) -> Result<Moved> {
    match sys::move_to_free(calls, (from.directory, from.leaf), (to.directory, to.leaf))? {
        Moved::NoLinks(_) => move_over(root, from, to).map(|()| Moved::Wholly),
        moved => Ok(moved),
    }
}

/// Takes the name with a placeholder and renames the file over it.
fn move_over(root: &RootDir, from: Entry<'_>, to: Entry<'_>) -> Result<()> {
    if sys::kind_at(to.directory, to.leaf).is_ok() {
        return Err(Errno::EXIST);
    }
    let mut note = Note::write(root, from.path, to.path)?;
    let placeholder = create(to)?;
    let moved = match is_at(&placeholder, to) {
        Ok(true) => rustix::fs::renameat(from.directory, from.leaf, to.directory, to.leaf),
        // Another program has removed the placeholder and taken the name.
        Ok(false) => Err(Errno::EXIST),
        Err(error) => Err(error),
    };
    if moved.is_err() && is_at(&placeholder, to) == Ok(true) {
        // The error of the rename matters more. A placeholder that stays keeps its note.
        note.stays = rustix::fs::unlinkat(to.directory, to.leaf, AtFlags::empty()).is_err();
    }
    moved
}

/// Creates the placeholder. The handle does not keep it open: some file systems rename an open file that is
/// replaced instead of removing it.
fn create(to: Entry<'_>) -> Result<OwnedFd> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    drop(rustix::fs::openat(to.directory, to.leaf, flags, Mode::RUSR | Mode::WUSR)?);
    open_component(to.directory, to.leaf, PATH_ONLY)
}

/// Whether the name leads to the placeholder and the placeholder is empty.
fn is_at(placeholder: &OwnedFd, to: Entry<'_>) -> Result<bool> {
    let held = rustix::fs::fstat(placeholder)?;
    match rustix::fs::statat(to.directory, to.leaf, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(sys::id(&found) == sys::id(&held) && is_empty_file(&found)),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_empty_file(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode).is_file() && stat.st_size == 0
}

/// The note of a placeholder. Removed when this is dropped.
struct Note {
    folder: OwnedFd,
    name: String,
    stays: bool,
}

impl Note {
    fn write(root: &RootDir, from: &str, to: &str) -> Result<Note> {
        let reserved = private_directory(root.as_fd(), RESERVED)?;
        let folder = private_directory(reserved.as_fd(), NOTES)?;
        let name = random_name()?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&folder, name.as_str(), flags, Mode::RUSR | Mode::WUSR)?;
        let note = Note { folder, name, stays: false };
        let mut file = File::from(file);
        // No name contains a zero byte.
        let written = file.write_all(format!("{from}\0{to}").as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        sys::sync_directory(note.folder.as_fd())?;
        Ok(note)
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        if !self.stays {
            // A note that stays is harmless: the file that it names is no longer there.
            let _ = rustix::fs::unlinkat(&self.folder, self.name.as_str(), AtFlags::empty());
        }
    }
}

/// Whether an empty file is a placeholder: a note has its name, and the staged file still exists.
pub(super) fn is_pending(calls: &Calls, root: &RootDir, name: &str) -> Result<bool> {
    let path = format!("{RESERVED}/{NOTES}");
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let folder = match open_beneath(calls, root.as_fd(), &path, flags, false) {
        Err(Errno::NOENT | Errno::ACCESS) => return Ok(false),
        folder => folder?,
    };
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let Ok(note) = entry.file_name().to_str() else { continue };
        if matches!(note, "." | "..") {
            continue;
        }
        let Ok(file) = open_component(folder.as_fd(), note, OFlags::RDONLY | OFlags::NONBLOCK) else {
            continue;
        };
        let mut text = String::new();
        if File::from(file).take(MAX_NOTE_BYTES).read_to_string(&mut text).is_err() {
            continue;
        }
        let (from, to) = text.split_once('\0').unwrap_or_default();
        if to == name && open_beneath(calls, root.as_fd(), from, PATH_ONLY, false).is_ok() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes the placeholders left by killed processes. `is_over` selects them by the path of the staged file,
/// the final name, and the age of the note.
pub(super) fn clear(
    calls: &Calls,
    root: &RootDir,
    is_over: impl Fn(&str, &str, Duration) -> bool,
) -> Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let folder = open_component(root.as_fd(), RESERVED, flags)
        .and_then(|reserved| open_component(reserved.as_fd(), NOTES, flags));
    let folder = match folder {
        Err(Errno::NOENT) => return Ok(()),
        folder => folder?,
    };
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        if matches!(name, "." | "..") {
            continue;
        }
        let file = match open_component(folder.as_fd(), name, OFlags::RDONLY | OFlags::NONBLOCK) {
            // Its process has removed it.
            Err(Errno::NOENT) => continue,
            file => File::from(file?),
        };
        let stat = rustix::fs::fstat(&file)?;
        let mut text = String::new();
        let read = file.take(MAX_NOTE_BYTES).read_to_string(&mut text);
        // An incomplete note was never followed by a placeholder.
        let (from, to) = text.split_once('\0').filter(|_| read.is_ok()).unwrap_or_default();
        if !is_over(from, to, age(&stat)) {
            continue;
        }
        if !to.is_empty() {
            remove(calls, root, from, to, &stat)?;
        }
        match rustix::fs::unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Removes the placeholder `to`, if the file `from` was not renamed over it. An empty file older than the
/// note belongs to another program.
fn remove(calls: &Calls, root: &RootDir, from: &str, to: &str, note: &Stat) -> Result<()> {
    match open_beneath(calls, root.as_fd(), from, PATH_ONLY, false) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        from => drop(from?),
    }
    let (parent, leaf) = to.rsplit_once('/').unwrap_or((".", to));
    let directory = match open_beneath(calls, root.as_fd(), parent, PATH_ONLY | OFlags::DIRECTORY, false) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        directory => directory?,
    };
    match rustix::fs::statat(&directory, leaf, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) if is_empty_file(&found) && found.st_mtime >= note.st_mtime => {
            rustix::fs::unlinkat(&directory, leaf, AtFlags::empty())
        }
        Ok(_) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Returns the time since the last write to a file.
pub(super) fn age(stat: &Stat) -> Duration {
    let changed = Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(0));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(changed)
}

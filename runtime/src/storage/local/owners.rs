//! Owner tokens on file systems without user attributes, such as NFSv3, SMB and many FUSE file systems.
//!
//! A note is a small file below the reserved folder, under a hash of a file's name. It is written before the
//! file gets its name, so that a crash never leaves a file without a note. It holds the owner token and
//! describes the file. A file that does not match the description has replaced ours, and has no owner.

use super::disk::{Disk, Durability};
use super::root::RootDir;
use super::stage::{RESERVED, private_directory};
use super::sys::{self, open_component};
use crate::inspect::hex;
use crate::{Error, ErrorKind, Result};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// The folder of the notes in the reserved folder.
const OWNERS: &str = "owners";
/// How many bytes of a file's beginning its note covers.
const HEAD: usize = 64 * 1024;
/// The maximum rounding of modification times by file systems, in seconds: FAT has two.
const ROUNDING: u64 = 2;
/// The maximum length of a note, in bytes.
const MAX_NOTE: u64 = 16 * 1024;

/// A note that is removed when this is dropped, unless it is [kept](Self::keep).
pub(super) struct Note {
    folder: OwnedFd,
    leaf: String,
    kept: bool,
}

impl Note {
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        if !self.kept {
            // A note about no file is harmless.
            let _ = rustix::fs::unlinkat(&self.folder, &self.leaf, AtFlags::empty());
        }
    }
}

/// The result of looking up a file in the notes.
pub(super) enum Noted {
    /// The file was saved with this owner token.
    Owner(String, Note),
    /// The notes describe another file of this name.
    Other,
    Nothing,
}

/// The description of a file: only what survives a copy of the whole folder, and a remount.
struct Facts {
    size: u64,
    modified: i64,
    head: String,
}

impl Facts {
    fn of(file: BorrowedFd<'_>) -> rustix::io::Result<Facts> {
        let stat = rustix::fs::fstat(file)?;
        let mut head = vec![0; HEAD];
        let mut len = 0;
        while len < HEAD {
            match rustix::io::pread(file, &mut head[len..], len as u64) {
                Ok(0) => break,
                Ok(read) => len += read,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Facts {
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: stat.st_mtime,
            head: hex(&Sha256::digest(&head[..len])),
        })
    }

    fn is_like(&self, other: &Facts) -> bool {
        self.size == other.size
            && self.head == other.head
            && self.modified.abs_diff(other.modified) <= ROUNDING
    }

    fn text(&self, owner: &str, name: &str) -> String {
        format!("{}\n{}\n{}\n{owner}\n{name}\n", self.size, self.modified, self.head)
    }

    /// Parses facts, owner and name of a note. Returns `None` for an incomplete note.
    fn parse(text: &str) -> Option<(Facts, &str, &str)> {
        // The name comes last: names of older programs may contain line breaks.
        let mut lines = text.strip_suffix('\n')?.splitn(5, '\n');
        let size = lines.next()?.parse().ok()?;
        let modified = lines.next()?.parse().ok()?;
        let head = lines.next()?.to_owned();
        let (owner, name) = (lines.next()?, lines.next()?);
        Some((Facts { size, modified, head }, owner, name))
    }
}

/// The folder of the notes.
fn notes(root: &RootDir) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    open_component(root.as_fd(), RESERVED, flags).and_then(|at| open_component(at.as_fd(), OWNERS, flags))
}

/// Whether there are notes at all.
pub(super) fn are_kept(root: &RootDir) -> bool {
    notes(root).is_ok()
}

/// Returns the folder and the prefix of the notes about a name.
fn place(name: &str) -> (String, String) {
    let digits = hex(&Sha256::digest(name));
    (digits[..4].to_owned(), format!("{}.", &digits[4..]))
}

impl Disk {
    /// Records that the file system keeps no attributes, and logs a warning the first time.
    pub(super) fn keeps_no_attributes(&self) {
        if self.calls.attributes.swap(false, Relaxed) {
            log::warn!(
                "the file system of a storage keeps no user attributes: owner tokens are noted in `{RESERVED}/{OWNERS}` \
                 instead, and every save writes and syncs one more small file"
            );
        }
    }

    /// Writes a note with the owner of a file that is about to get a name.
    pub(super) fn note_owner(&self, root: &RootDir, name: &str, file: &File, owner: &str) -> Result<Note> {
        if owner.contains(['\n', '\r']) {
            return Err(Error::new(ErrorKind::Usage, "an owner token is a single line"));
        }
        let text = Facts::of(file.as_fd())?.text(owner, name);
        let (folder, begin) = place(name);
        let folder = self.make_folder(root, &folder)?;
        let leaf = format!("{begin}{}", &hex(&Sha256::digest(owner))[..16]);
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(&folder, leaf.as_str(), flags, Mode::RUSR | Mode::WUSR);
        let file = match open() {
            // The save is retried.
            Err(Errno::EXIST) => {
                rustix::fs::unlinkat(&folder, &leaf, AtFlags::empty())?;
                open()?
            }
            file => file?,
        };
        let (mut file, note) = (File::from(file), Note { folder, leaf, kept: false });
        file.write_all(text.as_bytes())?;
        if self.durability != Durability::None {
            file.sync_all()?;
            sys::sync_directory(note.folder.as_fd())?;
        }
        Ok(note)
    }

    fn make_folder(&self, root: &RootDir, folder: &str) -> rustix::io::Result<OwnedFd> {
        let mut at = rustix::io::dup(root)?;
        for component in [RESERVED, OWNERS, folder] {
            let next = match open_component(at.as_fd(), component, OFlags::RDONLY | OFlags::DIRECTORY) {
                Err(Errno::NOENT) => {
                    let made = private_directory(at.as_fd(), component)?;
                    if self.durability == Durability::Full {
                        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
                        let parent = open_component(at.as_fd(), ".", flags)?;
                        sys::sync_directory(parent.as_fd())?;
                    }
                    made
                }
                opened => opened?,
            };
            at = next;
        }
        Ok(at)
    }

    /// Looks up the file of this name in the notes.
    pub(super) fn noted(&self, root: &RootDir, name: &str, file: BorrowedFd<'_>) -> Result<Noted> {
        let (folder, begin) = place(name);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let opened = notes(root).and_then(|at| open_component(at.as_fd(), &folder, flags));
        let folder = match opened {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(Noted::Nothing),
            opened => opened?,
        };
        let (mut found, mut is_other, mut facts) = (None::<(String, Note)>, false, None);
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let Some(leaf) = entry.file_name().to_str().ok().filter(|leaf| leaf.starts_with(&begin)) else {
                continue;
            };
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let note = match rustix::fs::openat(&folder, leaf, flags, Mode::empty()) {
                Err(Errno::NOENT) => continue,
                note => note?,
            };
            let mut text = String::new();
            if File::from(note).take(MAX_NOTE).read_to_string(&mut text).is_err() {
                continue;
            }
            let Some((noted, owner, of)) = Facts::parse(&text) else { continue };
            if facts.is_none() {
                facts = Some(Facts::of(file)?);
            }
            if of != name || !facts.as_ref().is_some_and(|facts| facts.is_like(&noted)) {
                is_other = true;
                continue;
            }
            if found.as_ref().is_some_and(|(other, _)| other != owner) {
                // Two saves have notes for this file, and one of them was killed before it had the name.
                return Ok(Noted::Other);
            }
            let note = Note { folder: rustix::io::dup(&folder)?, leaf: leaf.to_owned(), kept: true };
            found = Some((owner.to_owned(), note));
        }
        Ok(match found {
            Some((owner, note)) => Noted::Owner(owner, note),
            None if is_other => Noted::Other,
            None => Noted::Nothing,
        })
    }

    /// Removes notes that are older than `age` and whose files do not exist: of saves that were killed, and
    /// of files that other programs deleted. Notes that cannot be read stay until the next time.
    pub(super) fn remove_notes(&self, root: &Arc<RootDir>, age: Duration) {
        let Ok(folder) = notes(root) else { return };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        for entry in Dir::read_from(&folder).into_iter().flatten().flatten() {
            let Some(folder) = entry
                .file_name()
                .to_str()
                .ok()
                .filter(|name| !name.starts_with('.'))
                .and_then(|name| open_component(folder.as_fd(), name, flags).ok())
            else {
                continue;
            };
            for entry in Dir::read_from(&folder).into_iter().flatten().flatten() {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let Ok(note) = rustix::fs::openat(&folder, entry.file_name(), flags, Mode::empty()) else {
                    continue;
                };
                let note = File::from(note);
                let is_old = note.metadata().and_then(|metadata| metadata.modified());
                let is_old = is_old.is_ok_and(|at| at.elapsed().is_ok_and(|idle| idle >= age));
                let mut text = String::new();
                if !is_old || note.take(MAX_NOTE).read_to_string(&mut text).is_err() {
                    continue;
                }
                let is_gone = match Facts::parse(&text) {
                    Some((_, _, name)) => matches!(self.open_file(root, name, false), Err(Errno::NOENT)),
                    None => true,
                };
                if is_gone {
                    let _ = rustix::fs::unlinkat(&folder, entry.file_name(), AtFlags::empty());
                }
            }
        }
    }

    /// Sets the owner of an existing file.
    pub(super) fn set_owner(&self, name: &str, owner: &str) -> Result<()> {
        let opened = self.root.with(|root| Ok((root.clone(), self.open_file(root, name, false)?.0)))?;
        let (root, file) = opened?;
        let file = File::from(file);
        if !self.set_attribute(&file, owner)? {
            if let Noted::Owner(_, before) = self.noted(&root, name, file.as_fd())? {
                before.remove();
            }
            self.note_owner(&root, name, &file, owner)?.keep();
        }
        if self.durability != Durability::None {
            file.sync_all()?;
        }
        Ok(())
    }
}

impl Note {
    /// Removes the note, even if it was kept.
    pub(super) fn remove(mut self) {
        self.kept = false;
    }
}

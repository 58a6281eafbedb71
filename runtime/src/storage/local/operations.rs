//! Deleting, renaming, copying and listing files, and their owners.

use super::cancel::Cancel;
use super::directories::{Directory, MOST_REMOVALS, Target, kept_vanishing};
use super::disk::{Disk, Durability};
use super::owners::{self, Note, Noted};
use super::placeholder::{self, Entry};
use super::read::{check_regular, nothing_below_a_file};
use super::root::RootDir;
use super::save::{OWNER, lost_answer, split};
use super::stage::{RESERVED, STAGING, staging};
use super::sys::{self, Moved, open_beneath};
use crate::content::TempWriter;
use crate::failpoints::{planted, step};
use crate::inspect::Inspector;
use crate::storage::Listing;
use crate::{Content, Error, ErrorKind, FileName, Result, SaveOptions, Saved, TempFile};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, FileType, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The maximum length of an attribute on Linux.
const MOST_OWNER: usize = 64 * 1024;

/// After this time without a write, a temporary file counts as abandoned.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 60 * 60);
/// The minimum time between two clean-ups of the staging folder.
const PAUSE: Duration = Duration::from_secs(60 * 60);

/// The time of the last clean-up of the staging folder by this process.
#[derive(Debug, Default)]
pub(super) struct Cleaned(Mutex<Option<Instant>>);

impl Cleaned {
    /// Whether a clean-up is due. If so, records it as done now.
    fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() >= PAUSE);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}

impl Disk {
    /// Removes a file or link by its name. Does not follow links. Directories stay.
    pub(super) fn delete(&self, name: &str) -> Result<()> {
        step!("local.delete");
        if planted!("delete-follows-links") {
            return self.delete_target(name);
        }
        let note = self.note_about(name);
        let deleted = self.root.with(|root| self.unlink(root, name))?;
        match deleted {
            Ok(directory) => {
                if let Some(note) = note {
                    note.remove();
                }
                self.settle_deletion(&directory).map_err(Error::uncertain)
            }
            Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the file if it has this owner, and returns whether it did. Checks and removes it in the same
    /// directory of the same root.
    pub(super) fn delete_owned(&self, name: &str, owner: &str) -> Result<bool> {
        if planted!("owner-and-delete-apart") {
            let proven = self.owner(name)?.is_some_and(|found| found == owner);
            step!("local.delete");
            // A planted bug: deletes whatever is at the location by now.
            self.root.forget();
            return self.delete(name).map(|()| proven);
        }
        step!("local.delete");
        let (parent, leaf) = split(name);
        let opened = self.root.with(|root| {
            let directory = nothing_below_a_file(self.directory(root, parent))?;
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
            let file = match sys::open_component(directory.as_fd(), leaf, flags) {
                // Another program holds a lease. The kernel asks it to give up the lease.
                Err(Errno::AGAIN) => {
                    sys::reopen(sys::open_component(directory.as_fd(), leaf, sys::PATH_ONLY)?.as_fd())?
                }
                file => file?,
            };
            Ok((root.clone(), directory, file))
        })?;
        let (root, directory, file) = match opened {
            Err(Errno::NOENT) => return Ok(false),
            opened => opened?,
        };
        if self.owner_of(&root, name, &file)?.as_deref() != Some(owner) {
            return Ok(false);
        }
        let note = self.note_of(&root, name, &file);
        let unlink = || -> rustix::io::Result<bool> {
            let named = rustix::fs::statat(&directory, leaf, AtFlags::SYMLINK_NOFOLLOW)?;
            if sys::id(&named) != sys::id(&rustix::fs::fstat(&file)?) {
                return Ok(false);
            }
            rustix::fs::unlinkat(&directory, leaf, AtFlags::empty())?;
            Ok(true)
        };
        match unlink() {
            Ok(true) => {
                if let Some(note) = note {
                    note.remove();
                }
                self.settle_deletion(&directory).map_err(Error::uncertain)?;
                Ok(true)
            }
            Ok(false) | Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn unlink(&self, root: &Arc<RootDir>, name: &str) -> rustix::io::Result<Directory> {
        let (parent, leaf) = split(name);
        let directory = nothing_below_a_file(self.directory(root, parent))?;
        match rustix::fs::unlinkat(&directory, leaf, AtFlags::empty()) {
            // The answer of POSIX for a directory. Linux answers ISDIR.
            Err(Errno::PERM) if sys::kind_at(directory.as_fd(), leaf)?.is_dir() => return Err(Errno::ISDIR),
            result => result?,
        }
        Ok(directory)
    }

    /// Returns the note about the owner of a file, if this process knows that notes are used.
    fn note_about(&self, name: &str) -> Option<Note> {
        if self.calls.attributes.load(Relaxed) {
            return None;
        }
        let opened = self.root.with(|root| Ok((root.clone(), self.open_file(root, name, false)?.0)));
        let (root, file) = opened.ok()?.ok()?;
        self.note_of(&root, name, &file)
    }

    fn note_of(&self, root: &RootDir, name: &str, file: &OwnedFd) -> Option<Note> {
        if self.calls.attributes.load(Relaxed) {
            return None;
        }
        match self.noted(root, name, file.as_fd()) {
            Ok(Noted::Owner(_, note)) => Some(note),
            _ => None,
        }
    }

    fn settle_deletion(&self, directory: &Directory) -> Result<()> {
        step!("local.deleted");
        if !planted!("no-delete-fsync") {
            self.sync(directory)?;
        }
        step!("local.delete-synced");
        Ok(())
    }

    /// A planted bug: deletes the target of a link.
    fn delete_target(&self, name: &str) -> Result<()> {
        match std::fs::canonicalize(self.root.location().join(name)).and_then(std::fs::remove_file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            result => Ok(result?),
        }
    }

    /// Moves a file to a free name.
    pub(super) fn rename(&self, from: &str, to: &str, cancel: &Cancel) -> Result<()> {
        FileName::or_upload(to)?;
        if self.relocate_noted(from, to)? {
            return Ok(());
        }
        let owner = match self.owner(from) {
            Err(error) if error.kind() == ErrorKind::Unsupported => None,
            owner => owner?,
        };
        self.copy(from, to, &SaveOptions { exact: true, owner, ..SaveOptions::default() }, cancel)?;
        self.delete(from).map_err(Error::uncertain)
    }

    /// Moves a file and the note about its owner to a free name. Returns `false` if the new name is on
    /// another file system.
    fn relocate_noted(&self, from: &str, to: &str) -> Result<bool> {
        let opened = self.root.with(|root| match owners::are_kept(root) {
            true => Ok(Some((root.clone(), self.open_file(root, from, false)?.0))),
            false => Ok(None),
        })?;
        let Ok(Some((root, file))) = opened else { return self.relocate(from, to, None) };
        let file = File::from(file);
        let Noted::Owner(owner, before) = self.noted(&root, from, file.as_fd())? else {
            return self.relocate(from, to, None);
        };
        let after = self.note_owner(&root, to, &file, &owner)?;
        let moved = self.relocate(from, to, None);
        match &moved {
            Ok(true) => {
                after.keep();
                before.remove();
            }
            Err(error) if error.is_uncertain() => after.keep(),
            _ => {}
        }
        moved
    }

    /// Moves a file to a free name. If `judged` is given, fails if another file was moved. Returns `false` if
    /// the new name is on another file system.
    fn relocate(&self, from: &str, to: &str, judged: Option<&File>) -> Result<bool> {
        let (from_parent, from_leaf) = split(from);
        let (to_parent, to_leaf) = split(to);
        let source = || -> Result<Directory> {
            let source = self.root.with(|root| {
                let directory = nothing_below_a_file(self.directory(root, from_parent))?;
                check_regular(sys::kind_at(directory.as_fd(), from_leaf)?)?;
                Ok(directory)
            })?;
            Ok(source?)
        };
        // Before a directory is created for a missing file.
        source()?;
        step!("local.rename");
        let mut target = self.make_target(to_parent)?;
        for _ in 0..MOST_REMOVALS {
            let source = source()?;
            let from = Entry { directory: source.as_fd(), leaf: from_leaf, path: from };
            let to = Entry { directory: target.directory.as_fd(), leaf: to_leaf, path: to };
            let moved = match placeholder::move_to_free(&self.calls, &target.root, from, to) {
                Err(Errno::NOENT) => {
                    self.make_again(&mut target)?;
                    continue;
                }
                Err(Errno::XDEV) => return Ok(false),
                moved => moved.map_err(lost_answer)?,
            };
            if let Some(judged) = judged {
                self.check_moved(judged, &target.directory, to_leaf)?;
            }
            self.settle_rename(target, &source).map_err(Error::uncertain)?;
            return match moved {
                Moved::Wholly => Ok(true),
                Moved::Linked(error) | Moved::NoLinks(error) => Err(Error::from(error).uncertain()),
            };
        }
        Err(kept_vanishing())
    }

    /// Checks that `judged` is the file that got the name. Removes any other file: a client put it in place
    /// of the checked upload.
    fn check_moved(&self, judged: &File, directory: &Directory, leaf: &str) -> Result<()> {
        let check = || -> rustix::io::Result<bool> {
            let moved = rustix::fs::statat(directory, leaf, AtFlags::SYMLINK_NOFOLLOW)?;
            if sys::id(&moved) == sys::id(&rustix::fs::fstat(judged)?) {
                return Ok(true);
            }
            rustix::fs::unlinkat(directory, leaf, AtFlags::empty())?;
            self.sync(directory)?;
            Ok(false)
        };
        match check() {
            Ok(true) => Ok(()),
            Ok(false) => {
                let text = "the upload was replaced by another one while it was judged";
                Err(Error::new(ErrorKind::NotAsStated, text))
            }
            Err(error) => Err(Error::from(error).uncertain()),
        }
    }

    fn settle_rename(&self, target: Target, source: &Directory) -> Result<()> {
        step!("local.renamed");
        self.sync_target(target)?;
        self.sync(source)?;
        step!("local.rename-synced");
        Ok(())
    }

    /// Gives an upload the free name `to`, if `inspector` accepts it.
    pub(super) fn promote(
        &self,
        upload: &str,
        to: &str,
        inspector: Inspector,
        options: &SaveOptions,
        cancel: &Cancel,
    ) -> Result<Saved> {
        let opened = self.root.with(|root| Ok((root.clone(), self.open_file(root, upload, false)?)))?;
        let (root, (file, size)) = opened?;
        let file = File::from(file);
        inspector.inspect_file(&file)?;
        let keeps_owner = self.finish(&file, options)?;
        cancel.check()?;
        let note = match options.owner.as_deref().filter(|_| !keeps_owner) {
            Some(owner) => Some(self.note_owner(&root, to, &file, owner)?),
            None => None,
        };
        let moved = self.relocate(upload, to, Some(&file));
        if let Some(note) = note
            && (matches!(moved, Ok(true)) || moved.as_ref().is_err_and(Error::is_uncertain))
        {
            note.keep();
        }
        if moved? {
            return Ok(Saved::new(to, size));
        }
        // The folder of uploads is on another file system.
        self.save(to, Content::from(file), &SaveOptions { exact: true, ..options.clone() }, cancel)
    }

    /// Copies a file to another name, in the kernel if possible.
    pub(super) fn copy(&self, from: &str, to: &str, options: &SaveOptions, cancel: &Cancel) -> Result<Saved> {
        let (file, _) = self.root.with(|root| self.open_file(root, from, false))??;
        self.save(to, Content::from(File::from(file)), options, cancel)
    }

    /// Returns the owner token of the file with exactly this name. On a file system that ignores case, the
    /// name can lead to a file of another row, which counts as missing.
    pub(super) fn owner(&self, name: &str) -> Result<Option<String>> {
        let opened = self.root.with(|root| {
            let file = self.open_file(root, name, false)?.0;
            Ok((root.clone(), file, self.is_spelled_so(root, name)?))
        })?;
        let (root, file, is_spelled_so) = opened?;
        if !is_spelled_so {
            let text = "the file system ignores case, and the file is spelled differently on the disk";
            return Err(Error::new(ErrorKind::NotFound, text));
        }
        self.owner_of(&root, name, &file)
    }

    /// Whether a file that opens as `name` is listed under exactly that name. Lists only directories in which
    /// another spelling also exists.
    fn is_spelled_so(&self, root: &Arc<RootDir>, name: &str) -> rustix::io::Result<bool> {
        let mut start = 0;
        for component in name.split('/') {
            let (parent, end) = (&name[..start.max(1) - 1], start + component.len());
            let other = with_other_case(component);
            let path = format!("{}{other}", &name[..start]);
            start = end + 1;
            if other == component
                || matches!(
                    open_beneath(&self.calls, root.as_fd(), &path, sys::PATH_ONLY, false),
                    Err(Errno::NOENT)
                )
            {
                continue;
            }
            let parent = if parent.is_empty() { "." } else { parent };
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            let entries = Dir::new(open_beneath(&self.calls, root.as_fd(), parent, flags, false)?)?;
            let mut is_listed = false;
            for entry in entries {
                is_listed |= entry?.file_name().to_bytes() == component.as_bytes();
            }
            if !is_listed {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns the owner token of an open file, from its attribute or from a note.
    fn owner_of(&self, root: &RootDir, name: &str, file: &OwnedFd) -> Result<Option<String>> {
        match read_owner(file) {
            // It may have been saved on a file system without attributes.
            Ok(None) => Ok(match self.noted(root, name, file.as_fd())? {
                Noted::Owner(owner, _) => Some(owner),
                Noted::Other | Noted::Nothing => None,
            }),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                self.keeps_no_attributes();
                match self.noted(root, name, file.as_fd())? {
                    Noted::Owner(owner, _) => Ok(Some(owner)),
                    Noted::Other => Ok(None),
                    // It may have been saved before there were notes.
                    Noted::Nothing => Err(Error::unsupported("owner", super::KIND)),
                }
            }
            owner => Ok(owner?),
        }
    }

    /// Lists the directories and files directly in a directory.
    pub(super) fn list(&self, path: &str) -> Result<Listing> {
        let entries = self.root.with(|root| {
            let path = if path.is_empty() { "." } else { path };
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            Dir::new(open_beneath(&self.calls, root.as_fd(), path, flags, false)?)
        })?;
        let mut listing = Listing::default();
        let mut entries = match entries {
            // The first save creates the root. Until then it is empty.
            Err(Errno::NOENT) if path.is_empty() => return Ok(listing),
            entries => entries?,
        };
        while let Some(entry) = entries.read() {
            let entry = entry?;
            // A name that is not UTF-8 cannot be opened.
            let Ok(name) = entry.file_name().to_str() else { continue };
            if matches!(name, "." | ".." | RESERVED) {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => match sys::kind_at(entries.fd()?, name) {
                    // Deleted during the listing.
                    Err(Errno::NOENT) => continue,
                    kind => kind?,
                },
                kind => kind,
            };
            match kind {
                FileType::Directory => listing.dirs.push(name.to_owned()),
                FileType::RegularFile => listing.files.push(name.to_owned()),
                _ => {}
            }
        }
        listing.dirs.sort_unstable();
        listing.files.sort_unstable();
        Ok(listing)
    }

    /// Creates a file in the staging folder, for an upload.
    pub(super) fn temp_file(&self) -> Result<TempWriter> {
        let target = self.make_target("")?;
        staging(&target.root)?;
        if self.cleaned.is_due() {
            self.remove_staged(LEFT_BEHIND)?;
        }
        TempFile::create_in(self.root.location().join(RESERVED).join(STAGING))
    }

    /// Removes what crashed saves left in the staging folder and that did not change for `age`, and old notes
    /// and placeholders.
    pub(super) fn remove_staged(&self, age: Duration) -> Result<u64> {
        let path = format!("{RESERVED}/{STAGING}");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let opened = self.root.with(|root: &Arc<RootDir>| {
            self.remove_notes(root, age);
            placeholder::clear(&self.calls, root, |_, _, idle| idle >= age)?;
            open_beneath(&self.calls, root.as_fd(), &path, flags, false)
        })?;
        let staging = match opened {
            Err(Errno::NOENT) => return Ok(0),
            opened => opened?,
        };
        let mut removed = 0;
        for entry in Dir::read_from(&staging)? {
            let entry = entry?;
            let stat = match rustix::fs::statat(&staging, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                stat => stat?,
            };
            if FileType::from_raw_mode(stat.st_mode).is_file() && placeholder::age(&stat) >= age {
                match rustix::fs::unlinkat(&staging, entry.file_name(), AtFlags::empty()) {
                    Ok(()) => removed += 1,
                    Err(Errno::NOENT) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(removed)
    }

    fn sync(&self, directory: &Directory) -> rustix::io::Result<()> {
        if self.durability == Durability::Full { sys::sync_directory(directory.as_fd()) } else { Ok(()) }
    }
}

/// Reads the owner token of an open file from its attribute.
fn read_owner(file: &OwnedFd) -> rustix::io::Result<Option<String>> {
    let mut token = vec![0; 256];
    let len = loop {
        match rustix::fs::fgetxattr(file, OWNER, token.as_mut_slice()) {
            Ok(len) => break len,
            Err(Errno::NODATA) => return Ok(None),
            Err(Errno::RANGE) if token.len() < MOST_OWNER => token.resize(MOST_OWNER, 0),
            Err(error) => return Err(error),
        }
    };
    token.truncate(len);
    // Only this storage writes the attribute, so other bytes are not an owner token.
    Ok(String::from_utf8(token).ok())
}

/// Swaps upper and lower case.
fn with_other_case(text: &str) -> String {
    let mut other = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_lowercase() {
            other.extend(letter.to_uppercase());
        } else {
            other.extend(letter.to_lowercase());
        }
    }
    other
}

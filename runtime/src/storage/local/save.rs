//! Saving: stage, sync, publish without replacing, sync the directories.

use super::cancel::Cancel;
use super::copy;
use super::directories::{MOST_REMOVALS, Target, kept_vanishing};
use super::disk::{Disk, Durability};
use super::stage::Staged;
use super::sys;
use crate::content::Source;
use crate::failpoints::{planted, step};
use crate::inspect::Inspector;
use crate::name::{Candidates, shortened_name};
use crate::{Content, Error, ErrorKind, FileName, Result, SaveOptions, Saved};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{Mode, OFlags, XattrFlags};
use rustix::io::Errno;
use std::borrow::Cow;
use std::fs::File;

/// The extended attribute that holds [`SaveOptions::owner`].
pub(super) const OWNER: &str = "user.filefield.owner";

impl Disk {
    /// Saves `content` under `name` or a free variant of it.
    pub(super) fn save(
        &self,
        name: &str,
        content: Content,
        options: &SaveOptions,
        cancel: &Cancel,
    ) -> Result<Saved> {
        cancel.check()?;
        let (names, wanted) = self.names(name, options)?;
        let target = self.make_target(split(&wanted).0)?;
        self.save_in(target, names, wanted, content, options, cancel)
    }

    /// As [`save`](Self::save), if the way to the directory is in memory; else hands the content back.
    pub(super) fn save_cached(
        &self,
        name: &str,
        content: Content,
        options: &SaveOptions,
    ) -> std::result::Result<Result<Saved>, Box<Content>> {
        let (names, wanted) = match self.names(name, options) {
            Ok(names) => names,
            Err(error) => return Ok(Err(error)),
        };
        match self.cached_target(split(&wanted).0) {
            Some(target) => Ok(self.save_in(target, names, wanted, content, options, &Cancel::default())),
            None => Err(Box::new(content)),
        }
    }

    /// The names to try, and the first of them.
    pub(super) fn names<'a>(
        &self,
        name: &'a str,
        options: &SaveOptions,
    ) -> Result<(Names<'a>, Cow<'a, str>)> {
        let mut names = Names::new(FileName::or_upload(name)?, options, self.allow_overwrite);
        let wanted = names.next()?;
        Ok((names, wanted))
    }

    fn save_in<'a>(
        &self,
        mut target: Target,
        names: Names<'a>,
        wanted: Cow<'a, str>,
        content: Content,
        options: &SaveOptions,
        cancel: &Cancel,
    ) -> Result<Saved> {
        let saved = self.publish(&mut target, names, wanted, content, options, cancel);
        self.settled(target, saved)
    }

    /// Makes the name durable of what was saved in the directory of `target`.
    pub(super) fn settled(&self, target: Target, saved: Result<Saved>) -> Result<Saved> {
        match saved {
            Ok(saved) => {
                self.settle_name(target).map_err(Error::uncertain)?;
                Ok(saved)
            }
            Err(error) => {
                self.settle(target);
                Err(error)
            }
        }
    }

    /// Makes a published name durable. Whatever fails here, the file can be seen.
    pub(super) fn settle_name(&self, target: Target) -> Result<()> {
        step!("local.published");
        self.sync_target(target)?;
        step!("local.directory-synced");
        Ok(())
    }

    /// Saves in the directory of `target`, under the first free name. The directory is not synced yet.
    pub(super) fn publish<'a>(
        &self,
        target: &mut Target,
        names: Names<'a>,
        wanted: Cow<'a, str>,
        content: Content,
        options: &SaveOptions,
        cancel: &Cancel,
    ) -> Result<Saved> {
        let written = self.write(target, split(&wanted).1, content, None, options, cancel)?;
        self.publish_written(target, names, wanted, written, options, cancel)
    }

    /// Puts the bytes on the disk, under no name yet: into `opened`, where that is given.
    pub(super) fn write(
        &self,
        target: &mut Target,
        leaf: &str,
        content: Content,
        opened: Option<Staged>,
        options: &SaveOptions,
        cancel: &Cancel,
    ) -> Result<Written> {
        step!("local.made");
        let early = planted!("publish-before-write") && show_early(target, leaf);
        if options.exact && !early && sys::kind_at(target.directory.as_fd(), leaf).is_ok() {
            // The bytes need not be read for a name that is taken.
            return Err(taken());
        }
        let owner = options.owner.as_deref();
        let (staged, size) = self.stage(content, target, opened, owner, cancel)?;
        step!("local.written");
        self.finish(staged.file(), options)?;
        Ok(Written { staged, size, early })
    }

    /// Gives what was written the first free name.
    pub(super) fn publish_written<'a>(
        &self,
        target: &mut Target,
        mut names: Names<'a>,
        mut wanted: Cow<'a, str>,
        written: Written,
        options: &SaveOptions,
        cancel: &Cancel,
    ) -> Result<Saved> {
        let Written { mut staged, size, early } = written;
        // Who wants exactly this name wants a new file, whatever the storage does otherwise.
        let overwrite = early || (self.allow_overwrite && !options.exact);
        let mut removals = 0;
        loop {
            cancel.check()?;
            let leaf = split(&wanted).1;
            let directory = target.directory.as_fd();
            let replaces = planted!("publish-replaces")
                || (planted!("exists-then-create") && looks_free(directory, leaf));
            let published = match replaces {
                true => staged.replace(&self.calls, &target.root, directory, leaf),
                false => staged.publish(&self.calls, directory, leaf),
            };
            match published {
                Ok(()) => break,
                Err(Errno::EXIST) if overwrite => {
                    staged
                        .replace(&self.calls, &target.root, target.directory.as_fd(), leaf)
                        .map_err(lost_answer)?;
                    break;
                }
                Err(Errno::EXIST) if options.exact => return Err(taken()),
                Err(Errno::EXIST) => wanted = names.next()?,
                // Somebody has removed the directory while it was empty.
                Err(Errno::NOENT) if removals < MOST_REMOVALS => {
                    removals += 1;
                    self.make_again(target)?;
                }
                Err(Errno::NOENT) => return Err(kept_vanishing()),
                // One file system that is mounted twice.
                Err(Errno::XDEV) if staged.is_taken() => {
                    let copied = self.open_staged(target, options.owner.as_deref())?;
                    copy::file(&self.calls, copied.file(), staged.file(), size, cancel)?;
                    self.finish(copied.file(), options)?;
                    staged = copied;
                }
                Err(error) => return Err(lost_answer(error)),
            }
        }
        Ok(Saved::new(wanted, size))
    }

    /// Puts the bytes into a file that has no final name. Only a file whose content was judged comes back.
    fn stage(
        &self,
        content: Content,
        target: &mut Target,
        opened: Option<Staged>,
        owner: Option<&str>,
        cancel: &Cancel,
    ) -> Result<(Staged, u64)> {
        let open = |target: &mut Target| opened.map_or_else(|| self.open_staged(target, owner), Ok);
        let len = content.len();
        if let Source::Read(_) | Source::Stream(_) = content.source() {
            let staged = open(target)?;
            let size = copy::content(staged.file(), content.blocking(), len, cancel)?;
            return Ok((staged, size));
        }
        match content.into_parts() {
            (Source::Bytes(bytes), mut inspector) => {
                check_length(len, bytes.len() as u64)?;
                if let Some(inspector) = &mut inspector {
                    inspector.update(&bytes)?;
                }
                inspector.map_or(Ok(()), Inspector::finish)?;
                let staged = open(target)?;
                let size = copy::bytes(staged.file(), &bytes)?;
                Ok((staged, size))
            }
            (Source::Temp(temp), inspector) => {
                let (path, file) = temp.into_taken()?;
                let taken = Staged::taken(path, file);
                let size = inspect(taken.file(), inspector, len)?;
                let (temp, here) = (rustix::fs::fstat(taken.file())?, rustix::fs::fstat(&target.directory)?);
                // A file that has other names too could be changed by way of them.
                if temp.st_dev == here.st_dev && temp.st_nlink == 1 {
                    return Ok((taken, size));
                }
                let staged = open(target)?;
                copy::file(&self.calls, staged.file(), taken.file(), size, cancel)?;
                Ok((staged, size))
            }
            (Source::File(file), inspector) if plain_copy(&file, inspector.as_ref()) => {
                let size = inspect(&file, inspector, len)?;
                let staged = open(target)?;
                copy::file(&self.calls, staged.file(), &file, size, cancel)?;
                Ok((staged, size))
            }
            (source, inspector) => {
                // A file that says it is empty may be one that the kernel makes up while it is read.
                let known = len.filter(|len| *len > 0);
                let mut content = Content::new(source);
                if let Some(len) = known {
                    content = content.with_len(len);
                }
                if let Some(inspector) = inspector {
                    content = content.with_inspector(inspector);
                }
                let staged = open(target)?;
                let size = copy::content(staged.file(), content.blocking(), known, cancel)?;
                Ok((staged, size))
            }
        }
    }

    fn open_staged(&self, target: &mut Target, owner: Option<&str>) -> Result<Staged> {
        for _ in 0..MOST_REMOVALS {
            match Staged::new(&self.calls, target, owner) {
                Err(Errno::NOENT) => self.make_again(target)?,
                result => {
                    step!("local.opened");
                    return Ok(result?);
                }
            }
        }
        Err(kept_vanishing())
    }

    /// Mode and owner, then the bytes to the disk. An error of `fsync` is final: the file is dropped, for the kernel
    /// may call it clean the second time.
    pub(super) fn finish(&self, file: &File, options: &SaveOptions) -> Result<()> {
        rustix::fs::fchmod(file, self.file_mode)?;
        if let Some(owner) = options.owner.as_ref().filter(|_| !planted!("no-owner")) {
            match rustix::fs::fsetxattr(file, OWNER, owner.as_bytes(), XattrFlags::empty()) {
                // The sweeper reports a file without owner instead of deleting it.
                Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
                Err(error) => return Err(error.into()),
            }
        }
        step!("local.owned");
        if self.durability != Durability::None && !planted!("no-fsync") {
            file.sync_all()
                .or_else(|error| if planted!("fsync-error-ignored") { Ok(()) } else { Err(error) })?;
        }
        step!("local.synced");
        Ok(())
    }
}

/// A file whose bytes are on the disk and that has no final name.
pub(super) struct Written {
    staged: Staged,
    size: u64,
    /// A planted bug has shown it already.
    early: bool,
}

/// Whether the kernel may copy the file without our seeing its bytes.
fn plain_copy(file: &File, inspector: Option<&Inspector>) -> bool {
    !inspector.is_some_and(Inspector::needs_all_bytes)
        && file.metadata().is_ok_and(|file| file.is_file() && file.len() > 0)
}

/// Lets the inspector judge a file as a whole; its length, which must not change meanwhile.
fn inspect(file: &File, inspector: Option<Inspector>, len: Option<u64>) -> Result<u64> {
    let before = file.metadata()?.len();
    check_length(len, before)?;
    if let Some(inspector) = inspector {
        inspector.inspect_file(file)?;
        check_length(Some(before), file.metadata()?.len())?;
    }
    Ok(before)
}

fn check_length(expected: Option<u64>, len: u64) -> Result<()> {
    match expected {
        Some(expected) if expected != len => {
            Err(Error::new(ErrorKind::Io, format!("the content has {len} bytes, not {expected} as stated")))
        }
        _ => Ok(()),
    }
}

/// A planted bug: an empty file under the final name, before there are bytes.
fn show_early(target: &Target, leaf: &str) -> bool {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    rustix::fs::openat(&target.directory, leaf, flags, Mode::RUSR | Mode::WUSR).is_ok()
}

/// A planted bug: a look, and time for others to take the name.
fn looks_free(directory: BorrowedFd<'_>, leaf: &str) -> bool {
    let free = sys::kind_at(directory, leaf).is_err();
    std::thread::yield_now();
    free
}

fn taken() -> Error {
    Error::new(ErrorKind::AlreadyExists, "the name is taken")
}

/// After an input or output error nobody knows whether the name was made.
pub(super) fn lost_answer(error: Errno) -> Error {
    let made = Error::from(error);
    if matches!(error, Errno::IO | Errno::TIMEDOUT | Errno::STALE) { made.uncertain() } else { made }
}

/// Directory (`""` for the root) and leaf of a stored name.
pub(super) fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

/// The names to try.
pub(in crate::storage) struct Names<'a> {
    candidates: Candidates<'a>,
    /// The only name, where taken names are replaced or only the wanted one will do.
    only: Option<Result<Cow<'a, str>>>,
}

impl<'a> Names<'a> {
    pub(in crate::storage) fn new(name: FileName<'a>, options: &SaveOptions, overwrite: bool) -> Self {
        let limit = options.max_length.filter(|max| *max > 0).map_or(usize::MAX, |max| max as usize);
        let fits = name.as_str().chars().count() <= limit;
        let only = match (fits, overwrite, options.exact) {
            (false, _, true) => {
                Some(Err(Error::new(ErrorKind::NameTooLong, "the name is over the length limit")))
            }
            // Where names are replaced, a long one is cut without a random part (D224).
            (false, true, false) => {
                let shortened = shortened_name(name.as_str(), options.max_length);
                Some(shortened.and_then(|shortened| {
                    FileName::new(&shortened)?;
                    Ok(Cow::Owned(shortened))
                }))
            }
            (true, true, _) | (true, _, true) => Some(Ok(Cow::Borrowed(name.as_str()))),
            (_, false, false) => None,
        };
        Names { candidates: Candidates::new(name, options.max_length), only }
    }

    pub(in crate::storage) fn next(&mut self) -> Result<Cow<'a, str>> {
        match self.only.take().or_else(|| self.candidates.next()) {
            Some(name) => name,
            None => Err(Error::new(ErrorKind::NoAvailableName, "no free name was found")),
        }
    }
}

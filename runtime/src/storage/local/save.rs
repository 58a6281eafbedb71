//! Saving: stage, sync, publish without replacing, sync the directories.

use super::cancel::Cancel;
use super::copy;
use super::directories::{MOST_REMOVALS, Target, kept_vanishing};
use super::disk::Disk;
use super::sys;
use super::write::Written;
use crate::failpoints::{planted, step};
use crate::name::{Candidates, shortened_name};
use crate::{Content, Error, ErrorKind, FileName, Result, SaveOptions, Saved};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;
use std::borrow::Cow;

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

    /// Like [`save`](Self::save), if the path of the directory is cached. Otherwise returns the content.
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

    /// Returns the names to try, and the first of them.
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

    /// Makes the name durable if the save succeeded, and syncs created directories if it failed.
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

    /// Makes a published name durable. If this fails, the file is already visible.
    pub(super) fn settle_name(&self, target: Target) -> Result<()> {
        step!("local.published");
        self.sync_target(target)?;
        step!("local.directory-synced");
        Ok(())
    }

    /// Saves in the directory of `target`, under the first free name. Does not sync the directory.
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

    /// Gives a written file the first free name.
    pub(super) fn publish_written<'a>(
        &self,
        target: &mut Target,
        mut names: Names<'a>,
        mut wanted: Cow<'a, str>,
        written: Written,
        options: &SaveOptions,
        cancel: &Cancel,
    ) -> Result<Saved> {
        let Written { mut staged, size, mut needs_note, early } = written;
        // An exact name is always a new file, even if the storage may replace files.
        let overwrite = early || (self.allow_overwrite && !options.exact);
        let mut replaces = planted!("publish-replaces");
        let mut removals = 0;
        self.check_still_there(target)?;
        loop {
            cancel.check()?;
            let leaf = split(&wanted).1;
            let note = match options.owner.as_deref().filter(|_| needs_note) {
                Some(owner) => Some(self.note_owner(&target.root, &wanted, staged.file(), owner)?),
                None => None,
            };
            let directory = target.directory.as_fd();
            let published = match replaces || (planted!("exists-then-create") && looks_free(directory, leaf))
            {
                true => staged.replace(&self.calls, &target.root, directory, leaf),
                false => staged.publish(&self.calls, target, leaf),
            };
            if let Ok(()) | Err(Errno::IO | Errno::TIMEDOUT | Errno::STALE) = published
                && let Some(note) = note
            {
                note.keep();
            }
            match published {
                Ok(()) => break,
                Err(Errno::EXIST) if overwrite && !replaces => replaces = true,
                Err(Errno::EXIST) if options.exact => return Err(taken()),
                Err(Errno::EXIST) => wanted = names.next()?,
                // Another program removed the directory while it was empty.
                Err(Errno::NOENT) if removals < MOST_REMOVALS => {
                    removals += 1;
                    self.make_again(target)?;
                }
                Err(Errno::NOENT) => return Err(kept_vanishing()),
                // A file system that is mounted twice, or one without links.
                Err(Errno::XDEV) if staged.is_taken() => {
                    let copied = self.open_staged(target, options.owner.as_deref())?;
                    copy::file(&self.calls, copied.file(), staged.file(), size, cancel)?;
                    needs_note = !self.finish(copied.file(), options)?;
                    staged = copied;
                }
                Err(Errno::XDEV) => return Err(mounted_below()),
                Err(error) => return Err(lost_answer(error)),
            }
        }
        Ok(Saved::new(wanted, size))
    }
}

/// A planted bug: checks the name, then gives others time to take it.
fn looks_free(directory: BorrowedFd<'_>, leaf: &str) -> bool {
    let free = sys::kind_at(directory, leaf).is_err();
    std::thread::yield_now();
    free
}

pub(super) fn taken() -> Error {
    Error::new(ErrorKind::AlreadyExists, "the name is taken")
}

fn mounted_below() -> Error {
    let text = "another file system is mounted below the root, where nothing can be staged for a file that is to be \
                replaced, nor where files cannot be made without a name: make it a storage of its own";
    Error::new(ErrorKind::Settings, text)
}

/// After an I/O error it is unknown whether the name was created.
pub(super) fn lost_answer(error: Errno) -> Error {
    let made = Error::from(error);
    if matches!(error, Errno::IO | Errno::TIMEDOUT | Errno::STALE) { made.uncertain() } else { made }
}

/// Splits a stored name into directory (`""` for the root) and leaf.
pub(super) fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

/// The names to try.
pub(in crate::storage) struct Names<'a> {
    candidates: Candidates<'a>,
    /// The only name, if taken names are replaced or the name is exact.
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
            // If names are replaced, a long one is shortened without a random part.
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

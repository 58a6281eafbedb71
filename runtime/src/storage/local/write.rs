//! Putting the bytes of a content on the disk, under no name yet.

use super::cancel::Cancel;
use super::copy;
use super::directories::{MOST_REMOVALS, Target, kept_vanishing};
use super::disk::{Disk, Durability};
use super::save::{OWNER, taken};
use super::stage::Staged;
use super::sys;
use crate::content::{Source, open_regular};
use crate::failpoints::{planted, step};
use crate::inspect::Inspector;
use crate::{Content, Error, ErrorKind, Result, SaveOptions};
use rustix::fd::AsFd;
use rustix::fs::{Gid, Mode, OFlags, XattrFlags};
use rustix::io::Errno;
use std::fs::File;

/// A file whose bytes are on the disk and that has no final name.
pub(super) struct Written {
    pub(super) staged: Staged,
    pub(super) size: u64,
    /// Whether the owner has to be noted, because the file cannot keep it.
    pub(super) needs_note: bool,
    /// A planted bug has shown it already.
    pub(super) early: bool,
}

impl Disk {
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
        let early = begin(target, leaf, options)?;
        let owner = options.owner.as_deref();
        let (staged, size) = self.stage(content, target, opened, owner, cancel)?;
        self.written(staged, size, early, options)
    }

    /// What has all its bytes by now is made ready for its name.
    pub(super) fn written(
        &self,
        staged: Staged,
        size: u64,
        early: bool,
        options: &SaveOptions,
    ) -> Result<Written> {
        step!("local.written");
        let needs_note = !self.finish(staged.file(), options)?;
        Ok(Written { staged, size, needs_note, early })
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
        let (len, stated) = (content.len(), content.stated());
        if content.may_wait() {
            let staged = open(target)?;
            let size = copy::content(staged.file(), content.blocking(), len, cancel)?;
            return Ok((staged, size));
        }
        let (source, inspector) = content.into_parts();
        let source = match source {
            Source::Path(path) => Source::File(open_regular(&path, OFlags::empty())?.0),
            source => source,
        };
        match (source, inspector) {
            (Source::Bytes(bytes), mut inspector) => {
                check_length(stated, bytes.len() as u64)?;
                if let Some(inspector) = &mut inspector {
                    inspector.update(&bytes)?;
                }
                inspector.map_or(Ok(()), Inspector::finish)?;
                let staged = open(target)?;
                let size = copy::bytes(staged.file(), &bytes)?;
                Ok((staged, size))
            }
            (Source::Temp(temp), inspector) => {
                let (is_closed, file) = (temp.is_closed(), temp.open()?);
                let taken = Staged::taken(temp, file);
                if is_closed && can_take(taken.file(), target)? {
                    let size = inspect(taken.file(), inspector)?;
                    return Ok((taken, size));
                }
                let staged = open(target)?;
                let size = self.copy_file(&staged, taken.file(), inspector, cancel)?;
                Ok((staged, size))
            }
            (Source::File(file), inspector) if plain_copy(&file, inspector.as_ref()) => {
                check_length(stated, file.metadata()?.len())?;
                let staged = open(target)?;
                let size = self.copy_file(&staged, &file, inspector, cancel)?;
                Ok((staged, size))
            }
            (source, inspector) => {
                let mut content = Content::new(source);
                if let Some(stated) = stated {
                    content = content.with_len(stated);
                }
                if let Some(inspector) = inspector {
                    content = content.with_inspector(inspector);
                }
                let staged = open(target)?;
                // A file that says it is empty may be one that the kernel makes up while it is read.
                let len = len.filter(|len| *len > 0);
                let size = copy::content(staged.file(), content.blocking(), len, cancel)?;
                Ok((staged, size))
            }
        }
    }

    /// Copies a whole file and lets the inspector judge the copy: who can write to `from` may do so meanwhile.
    fn copy_file(
        &self,
        to: &Staged,
        from: &File,
        inspector: Option<Inspector>,
        cancel: &Cancel,
    ) -> Result<u64> {
        let len = from.metadata()?.len();
        if let Some(inspector) = &inspector {
            inspector.check_size(len, "")?;
        }
        copy::file(&self.calls, to.file(), from, len, cancel)?;
        inspect(to.file(), inspector)
    }

    pub(super) fn open_staged(&self, target: &mut Target, owner: Option<&str>) -> Result<Staged> {
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
    /// may call it clean the second time. Whether the file keeps its owner.
    pub(super) fn finish(&self, file: &File, options: &SaveOptions) -> Result<bool> {
        sys::set_mode(file.as_fd(), self.file_mode)?;
        let keeps_owner = match options.owner.as_ref().filter(|_| !planted!("no-owner")) {
            Some(owner) => self.set_attribute(file, owner)?,
            None => true,
        };
        step!("local.owned");
        if self.durability != Durability::None && !planted!("no-fsync") {
            file.sync_all()
                .or_else(|error| if planted!("fsync-error-ignored") { Ok(()) } else { Err(error) })?;
        }
        step!("local.synced");
        Ok(keeps_owner)
    }

    /// Puts the owner token into an attribute of the file; whether the file system keeps such.
    pub(super) fn set_attribute(&self, file: &File, owner: &str) -> Result<bool> {
        match rustix::fs::fsetxattr(file, OWNER, owner.as_bytes(), XattrFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                self.keeps_no_attributes();
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Before the bytes: whether a planted bug shows the name already. The bytes need not be read for a name that is taken.
pub(super) fn begin(target: &Target, leaf: &str, options: &SaveOptions) -> Result<bool> {
    step!("local.made");
    let early = planted!("publish-before-write") && show_early(target, leaf);
    if options.exact && !early && sys::kind_at(target.directory.as_fd(), leaf).is_ok() {
        return Err(taken());
    }
    Ok(early)
}

/// Whether the kernel may copy the file without our seeing its bytes.
fn plain_copy(file: &File, inspector: Option<&Inspector>) -> bool {
    !inspector.is_some_and(Inspector::needs_all_bytes)
        && file.metadata().is_ok_and(|file| file.is_file() && file.len() > 0)
}

/// Whether a temporary file may itself become the stored one. One that has other names too, or belongs to somebody
/// else, could be changed by way of that; and a directory that hands down its group must get to do so (D221).
fn can_take(temp: &File, target: &Target) -> rustix::io::Result<bool> {
    let (file, here) = (rustix::fs::fstat(temp)?, rustix::fs::fstat(&target.directory)?);
    if file.st_dev != here.st_dev || file.st_nlink != 1 || file.st_uid != rustix::process::geteuid().as_raw()
    {
        return Ok(false);
    }
    if Mode::from_raw_mode(here.st_mode).contains(Mode::SGID) && file.st_gid != here.st_gid {
        return Ok(rustix::fs::fchown(temp, None, Some(Gid::from_raw(here.st_gid))).is_ok());
    }
    Ok(true)
}

/// Lets the inspector judge a file as a whole; its length, which must not change meanwhile.
fn inspect(file: &File, inspector: Option<Inspector>) -> Result<u64> {
    let before = file.metadata()?.len();
    if let Some(inspector) = inspector {
        inspector.inspect_file(file)?;
        if file.metadata()?.len() != before {
            return Err(Error::new(ErrorKind::Io, "the file was changed while it was saved").retryable());
        }
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

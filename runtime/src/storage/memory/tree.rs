//! The tree of directories and files of a [`MemoryStorage`](super::MemoryStorage).

use crate::name::RESERVED_COMPONENT;
use crate::storage::Listing;
use crate::{Error, ErrorKind, FileName, Result};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

/// A stored file. Replacing it never changes bytes that a reader holds.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) bytes: Bytes,
    pub(super) owner: Option<Arc<str>>,
    pub(super) created: SystemTime,
    pub(super) modified: SystemTime,
}

#[derive(Debug)]
enum Node {
    Directory(Directory),
    File(Stored),
}

/// A directory. Stays when it becomes empty, as on disk.
#[derive(Debug, Default)]
pub(super) struct Directory(BTreeMap<String, Node>);

/// What to do if the name is taken.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum IfTaken {
    Fail,
    Replace,
}

fn not_found() -> Error {
    Error::new(ErrorKind::NotFound, "no such file")
}

fn is_a_directory() -> Error {
    Error::new(ErrorKind::IsADirectory, "a directory stands there")
}

fn not_a_directory() -> Error {
    Error::new(ErrorKind::NotADirectory, "the path leads through a file")
}

impl Directory {
    fn directory(&self, path: &str) -> Result<&Directory> {
        let mut at = self;
        for component in path.split('/').filter(|component| !component.is_empty()) {
            at = match at.0.get(component) {
                Some(Node::Directory(next)) => next,
                Some(Node::File(_)) => return Err(not_a_directory()),
                None => return Err(not_found()),
            };
        }
        Ok(at)
    }

    fn directory_mut(&mut self, path: &str) -> Result<&mut Directory> {
        let mut at = self;
        for component in path.split('/').filter(|component| !component.is_empty()) {
            at = match at.0.get_mut(component) {
                Some(Node::Directory(next)) => next,
                Some(Node::File(_)) => return Err(not_a_directory()),
                None => return Err(not_found()),
            };
        }
        Ok(at)
    }

    /// Returns the directory at `path`. Creates it and missing parents.
    fn make_directory(&mut self, path: &str) -> Result<&mut Directory> {
        let mut at = self;
        for component in path.split('/').filter(|component| !component.is_empty()) {
            // Everything below a missing directory can be created, so a failure has created nothing.
            let node =
                at.0.entry(component.to_owned()).or_insert_with(|| Node::Directory(Directory::default()));
            at = match node {
                Node::Directory(next) => next,
                Node::File(_) => return Err(not_a_directory()),
            };
        }
        Ok(at)
    }

    /// Returns the file of that name. A path through a file is `NotFound`.
    pub(super) fn get(&self, name: FileName<'_>) -> Result<&Stored> {
        let directory = self.directory(name.parent()).map_err(|_| not_found())?;
        match directory.0.get(name.file_name()) {
            Some(Node::File(file)) => Ok(file),
            Some(Node::Directory(_)) => Err(is_a_directory()),
            None => Err(not_found()),
        }
    }

    /// Puts `file` under `name` and creates the directories above it.
    ///
    /// # Errors
    /// Returns [`ErrorKind::AlreadyExists`] if the name is taken by a file or a directory, unless `if_taken`
    /// replaces files; then a directory is [`ErrorKind::IsADirectory`].
    pub(super) fn put(&mut self, name: FileName<'_>, file: &Stored, if_taken: IfTaken) -> Result<()> {
        let directory = self.make_directory(name.parent())?;
        match directory.0.get_mut(name.file_name()) {
            None => {
                directory.0.insert(name.file_name().to_owned(), Node::File(file.clone()));
                Ok(())
            }
            Some(Node::File(old)) if if_taken == IfTaken::Replace => {
                *old = file.clone();
                Ok(())
            }
            Some(Node::Directory(_)) if if_taken == IfTaken::Replace => Err(is_a_directory()),
            Some(_) => Err(Error::new(ErrorKind::AlreadyExists, "the name is taken")),
        }
    }

    /// Removes a file. A missing one is a success.
    pub(super) fn remove(&mut self, name: FileName<'_>) -> Result<()> {
        let Ok(directory) = self.directory_mut(name.parent()) else { return Ok(()) };
        if let Some(Node::Directory(_)) = directory.0.get(name.file_name()) {
            return Err(is_a_directory());
        }
        directory.0.remove(name.file_name());
        Ok(())
    }

    pub(super) fn list(&self, path: &str) -> Result<Listing> {
        let mut listing = Listing::default();
        for (name, node) in &self.directory(path)?.0 {
            match node {
                Node::Directory(_) if name == RESERVED_COMPONENT => {}
                Node::Directory(_) => listing.dirs.push(name.clone()),
                Node::File(_) => listing.files.push(name.clone()),
            }
        }
        Ok(listing)
    }
}

//! The place of a world: a folder in memory, and a database.

use super::Result;
use super::child::{Durable, Setup};
use super::options::Options;
use super::world::World;
use filefield_tests::databases::{Database, Kind};
use tempfile::TempDir;

/// An empty place for a world. It is removed on drop.
pub(crate) struct Place {
    folder: TempDir,
    url: String,
    _database: Option<Database>,
}

impl Place {
    /// In memory: a kill is not a power loss, so nothing has to wait for a disk.
    pub(crate) fn new(options: &Options) -> Result<Place> {
        Place::of(options, in_memory()?)
    }

    /// In `folder`, which is removed on drop.
    pub(crate) fn of(options: &Options, folder: TempDir) -> Result<Place> {
        std::fs::create_dir(folder.path().join("temp"))?;
        if options.db == Kind::Sqlite {
            let url = World::sqlite(folder.path());
            return Ok(Place { folder, url, _database: None });
        }
        let database = Database::fresh(options.db)?;
        Ok(Place { folder, url: database.url().to_owned(), _database: Some(database) })
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn setup(&self, durable: Durable, counted: bool) -> Setup {
        Setup { folder: self.path().to_owned(), url: self.url.clone(), judge: None, durable, counted }
    }
}

/// A temporary folder in memory, if there is such a file system.
pub(crate) fn in_memory() -> Result<TempDir> {
    let memory = std::path::Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    builder.prefix("campaign");
    Ok(if memory.is_dir() { builder.tempdir_in(memory)? } else { builder.tempdir()? })
}

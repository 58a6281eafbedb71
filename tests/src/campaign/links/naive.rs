//! A storage that joins paths: the negative control.

use async_trait::async_trait;
use filefield::storage::{Listing, Metadata, Reader, Saved, Storage};
use filefield::{Content, Error, ErrorKind, FileName, Result, SaveOptions};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{fs, io};

#[derive(Debug)]
pub(super) struct Naive(PathBuf);

impl Naive {
    pub(super) fn new(root: &Path) -> Self {
        Naive(root.to_owned())
    }

    fn path(&self, name: FileName<'_>) -> PathBuf {
        self.0.join(name.as_str())
    }
}

fn failed(error: io::Error) -> Error {
    Error::new(ErrorKind::NotFound, error.to_string())
}

#[async_trait]
impl Storage for Naive {
    async fn save(&self, name: FileName<'_>, content: Content, _: &SaveOptions) -> Result<Saved> {
        let bytes = content.read_all().await?;
        let path = self.path(name);
        fs::OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
        fs::write(path, &bytes).map_err(failed)?;
        Ok(Saved::new(name.as_str(), bytes.len() as u64))
    }

    async fn open_range(&self, name: FileName<'_>, range: Range<u64>) -> Result<Reader> {
        let reader = Reader::from(filefield::Bytes::from(fs::read(self.path(name)).map_err(failed)?));
        Ok(reader.into_range(range))
    }

    async fn delete(&self, name: FileName<'_>) -> Result<()> {
        fs::remove_file(self.path(name)).map_err(failed)
    }

    async fn metadata(&self, name: FileName<'_>) -> Result<Metadata> {
        Ok(Metadata::new(fs::metadata(self.path(name)).map_err(failed)?.len()))
    }

    fn url(&self, _: FileName<'_>) -> Result<String> {
        Ok(String::new())
    }

    fn kind(&self) -> &'static str {
        "naive"
    }

    async fn list(&self, directory: &str) -> Result<Listing> {
        let mut listing = Listing::default();
        for entry in fs::read_dir(self.0.join(directory)).map_err(failed)? {
            listing.files.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
        }
        Ok(listing)
    }
}

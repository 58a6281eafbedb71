//! Saving several files: each directory is synced once, after its last file.

use super::cancel::Cancel;
use super::directories::Target;
use super::disk::Disk;
use super::save::split;
use crate::{Content, Error, Result, SaveOptions, Saved};

/// The error for a file of a batch if it is unknown whether it was saved.
pub(super) fn unknown(error: &Error) -> Error {
    Error::new(error.kind(), error.to_string()).uncertain()
}

impl Disk {
    /// Saves all files, up to and including the first that fails.
    pub(super) fn save_all(
        &self,
        files: Vec<(String, Content, SaveOptions)>,
        cancel: &Cancel,
    ) -> Vec<Result<Saved>> {
        let mut targets: Vec<(String, Target)> = Vec::new();
        let mut results = Vec::with_capacity(files.len());
        for (name, content, options) in files {
            results.push(self.save_one_of(&mut targets, &name, content, &options, cancel));
            if results.last().is_some_and(Result::is_err) {
                break;
            }
        }
        for (_, target) in targets {
            if let Err(error) = self.settle_name(target) {
                // It is now unknown which names are durable.
                for saved in results.iter_mut().filter(|saved| saved.is_ok()) {
                    *saved = Err(unknown(&error));
                }
            }
        }
        results
    }

    fn save_one_of(
        &self,
        targets: &mut Vec<(String, Target)>,
        name: &str,
        content: Content,
        options: &SaveOptions,
        cancel: &Cancel,
    ) -> Result<Saved> {
        cancel.check()?;
        let (names, wanted) = self.names(name, options)?;
        let directory = split(&wanted).0;
        let index = match targets.iter().position(|(known, _)| known == directory) {
            Some(index) => index,
            None => {
                targets.push((directory.to_owned(), self.make_target(directory)?));
                targets.len() - 1
            }
        };
        self.publish(&mut targets[index].1, names, wanted, content, options, cancel)
    }
}

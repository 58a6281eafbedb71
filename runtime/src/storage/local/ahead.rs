//! Saving while the gate is closed: everything invisible is done before the gate opens, the rest after.
//!
//! No thread waits at a gate, because opening it may need a thread.

use super::cancel::Cancel;
use super::directories::Target;
use super::disk::Disk;
use super::save::split;
use super::stage::Staged;
use super::write::Written;
use super::{FileSystemStorage, located};
use crate::content::Source;
use crate::failpoints::step;
use crate::storage::Gate;
use crate::{Content, FileName, Result, SaveOptions, Saved};
use tokio::sync::Semaphore;

/// The maximum number of files that are written and wait for their gate at the same time, per process.
/// Further files are written after their gate opens: a file holds descriptors, and a gate may take long to
/// open.
const MOST_AHEAD: usize = 32;
static AHEAD: Semaphore = Semaphore::const_new(MOST_AHEAD);

/// The progress of a save.
enum Ahead {
    /// The gate opened in time.
    Saved(Saved),
    Unpublished(Box<(Target, Written)>),
    /// Nothing could be done without becoming visible.
    Untouched(Box<Content>),
}

impl FileSystemStorage {
    /// Saves what it can before `gate` opens, and the rest afterwards. Or waits for the gate and returns the
    /// content.
    pub(super) async fn save_ahead(
        &self,
        name: FileName<'_>,
        mut content: Content,
        options: &SaveOptions,
        gate: &Gate,
    ) -> Result<std::result::Result<Saved, Box<Content>>> {
        let text = name.as_str();
        let opened = async || gate.opened().await.map_err(|error| located(error, "save", Some(text)));
        // A content that is short is not worth two thread switches. A temporary file already has a name.
        let is_worth_it = !matches!(content.source(), Source::Temp(_)) && !content.may_wait();
        let place = match self.disk.is_short(&content) || !is_worth_it {
            true => None,
            false => AHEAD.try_acquire().ok(),
        };
        let Some(_place) = place else {
            opened().await?;
            return Ok(Err(Box::new(content)));
        };
        let cancel = Cancel::default();
        let _held = (cancel.on_drop(), content.guard());
        let work = {
            let (name, options) = (text.to_owned(), options.clone());
            let (gate, cancel) = (gate.clone(), cancel.clone());
            move |disk: &Disk| disk.write_ahead(&name, content, &options, &gate, &cancel)
        };
        match self.writing("save", Some(text), work).await? {
            Ahead::Saved(saved) => Ok(Ok(saved)),
            Ahead::Untouched(content) => {
                opened().await?;
                Ok(Err(content))
            }
            Ahead::Unpublished(unpublished) => {
                opened().await?;
                let (name, options) = (text.to_owned(), options.clone());
                let publish = move |disk: &Disk| disk.publish_later(*unpublished, &name, &options, &cancel);
                self.writing("save", Some(text), publish).await.map(Ok)
            }
        }
    }
}

impl Disk {
    fn write_ahead(
        &self,
        name: &str,
        content: Content,
        options: &SaveOptions,
        gate: &Gate,
        cancel: &Cancel,
    ) -> Result<Ahead> {
        cancel.check()?;
        let (_, wanted) = self.names(name, options)?;
        let (directory, leaf) = split(&wanted);
        // No directory and no staging file with a name may be created yet.
        let Some(mut target) = self.standing_target(directory) else {
            return Ok(Ahead::Untouched(Box::new(content)));
        };
        let Ok(Some(opened)) = Staged::unnamed(&self.calls, &target) else {
            return Ok(Ahead::Untouched(Box::new(content)));
        };
        step!("local.opened");
        match self.write(&mut target, leaf, content, Some(opened), options, cancel) {
            Ok(written) if gate.is_open() => {
                self.publish_later((target, written), name, options, cancel).map(Ahead::Saved)
            }
            Ok(written) => Ok(Ahead::Unpublished(Box::new((target, written)))),
            Err(error) => {
                self.settle(target);
                Err(error)
            }
        }
    }

    fn publish_later(
        &self,
        (mut target, written): (Target, Written),
        name: &str,
        options: &SaveOptions,
        cancel: &Cancel,
    ) -> Result<Saved> {
        let (names, wanted) = self.names(name, options)?;
        let saved = self.publish_written(&mut target, names, wanted, written, options, cancel);
        self.settled(target, saved)
    }
}

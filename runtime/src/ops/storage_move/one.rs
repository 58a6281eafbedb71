//! Moving one file: reserve the name, copy, check the copy, and change the row.

use super::rows::{Row, Rows};
use crate::backend::journal_of;
use crate::db::Table;
use crate::db::{Change, FileChange, Relocation, RowWrite};
use crate::failpoints::step;
use crate::field::FieldDef;
use crate::field::store::Prepared;
use crate::inspect::hex;
use crate::inspect::{Rules, Stated};
use crate::journal::{self, Request, Staged};
use crate::registry::StorageHandle;
use crate::storage::from_hex;
use crate::{Error, ErrorKind, FileMeta, FileName, Result, StorageExt, name};

/// The parameters that are the same for all rows.
#[derive(Debug)]
pub(super) struct Job<M> {
    pub(super) rows: Rows<M>,
    pub(super) def: &'static FieldDef,
    pub(super) from: StorageHandle<'static>,
    pub(super) to: StorageHandle<'static>,
    /// Whether the target storage keeps an owner token with each file.
    pub(super) keeps_owners: bool,
    /// In seconds.
    pub(super) grace: i64,
    pub(super) keep_source: bool,
    /// Whether only the name changes, and not the storage.
    pub(super) in_place: bool,
    pub(super) dry_run: bool,
}

/// Where a file is that may have to be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// In the source storage.
    From,
    /// The row records no storage, and its field now stores in the target.
    Unsaid,
}

/// The outcome for one row.
#[derive(Debug)]
pub(super) enum Outcome {
    Moved { bytes: u64, renamed: bool, left: bool },
    Skipped,
    Overtaken,
    Failed(Error),
}

impl<M: Table> Job<M> {
    /// Adds field, name and the alias of the storage to an error. The storage itself knows only its kind.
    pub(super) fn blame(&self, error: Error, row: &Row) -> Error {
        let error = self.def.blame(error.with_operation("move").with_name(&row.name));
        let to = self.to.alias();
        if error.storage().is_some_and(|storage| storage != to) {
            return error.with_storage(self.from.alias());
        }
        error
    }

    /// Adds the alias of the target storage to an error.
    fn of_target(&self, error: Error) -> Error {
        error.with_storage(self.to.alias())
    }

    /// Moves the file of one row.
    pub(super) async fn run(&self, row: &Row, whereabouts: Whereabouts) -> Result<Outcome> {
        let name = FileName::existing(&row.name)?;
        if whereabouts == Whereabouts::Unsaid {
            let there = self.to.exists(name).await;
            if there.map_err(|error| self.of_target(error))? {
                return Ok(Outcome::Skipped);
            }
        }
        step!("move.chosen");
        match self.copy(row, name).await {
            Ok(outcome) => Ok(outcome),
            // Another writer replaced the file during the copy, and it was deleted.
            Err(error) if error.kind() == ErrorKind::NotFound && !self.rows.is_current(row).await? => {
                Ok(Outcome::Overtaken)
            }
            Err(error) => Err(error),
        }
    }

    async fn copy(&self, row: &Row, name: FileName<'_>) -> Result<Outcome> {
        if self.dry_run {
            let size = self.from.size(name).await?;
            check_size(row.meta.size, size)?;
            let wanted = name::cleaned(&row.name);
            let renamed =
                wanted != row.name || self.to.exists(name).await.map_err(|error| self.of_target(error))?;
            return Ok(Outcome::Moved { bytes: size, renamed, left: !self.is_proven(name).await? });
        }
        let left = !self.keep_source && !self.is_proven(name).await?;
        let reader = self.from.open(name).await?;
        if let Some(len) = reader.len() {
            check_size(row.meta.size, len)?;
        }
        let sha256 = row.meta.sha256.as_deref().map(parse).transpose()?;
        let stated = Stated { size: row.meta.size, sha256, ..Stated::default() };
        let rules = Rules { checksum: true, dimensions: true, stated, ..Rules::default() };
        // If the storage keeps no owner tokens, a token in the name proves that the file is ours.
        let token = match name::token_in(&row.name) {
            Some(token) if !self.keeps_owners => token.to_owned(),
            _ => name::token()?,
        };
        // A name made by an older program is not given to a new file.
        let wanted = name::cleaned(&row.name);
        let wanted = name::available_name(&wanted, Some(self.def.spec().max_length), |_| Ok(false))?;
        let prepared = Prepared::new(wanted, "", token, reader.into_content(), rules);
        let request =
            Request { def: self.def, table: M::TABLE, handle: self.to.clone(), prepared, pending: None };
        let staged = journal::stage(&journal_of(&self.rows.db), vec![request]).await?.pop();
        let staged = staged.ok_or_else(|| Error::new(ErrorKind::Usage, "nothing was staged"))?;
        match self.attach(row, &staged, left).await {
            Ok(Outcome::Overtaken) => {
                journal::work_off(&journal_of(&self.rows.db), vec![staged.id]).await;
                Ok(Outcome::Overtaken)
            }
            Ok(outcome) => Ok(outcome),
            Err((error, rolled_back)) => {
                if rolled_back {
                    journal::work_off(&journal_of(&self.rows.db), vec![staged.id]).await;
                }
                Err(error)
            }
        }
    }

    /// Attaches the copy to the row, if the row still names the original. An error tells whether the row is
    /// certainly unchanged.
    async fn attach(&self, row: &Row, staged: &Staged, left: bool) -> Result<Outcome, (Error, bool)> {
        let (saved, learned) = (&staged.stored.saved, &staged.stored.inspection);
        let checked = async {
            step!("move.copied");
            let stored = self.to.size(FileName::new(&saved.name)?).await?;
            check_size(Some(learned.size), stored)?;
            check_size(row.meta.size, stored)?;
            step!("move.checked");
            Ok(())
        };
        checked.await.map_err(|error: Error| (self.of_target(error), true))?;
        let own = self.def.storage().map_err(|error| (error, true))?.alias().to_owned();
        let dimensions = learned.dimensions;
        let relocation = Relocation {
            name: row.name.clone(),
            known: row.meta.clone(),
            from: self.from.alias().to_owned(),
            learned: FileMeta {
                storage: if self.in_place {
                    row.meta.storage.clone()
                } else {
                    Some(self.to.alias().to_owned())
                },
                size: Some(learned.size),
                content_type: learned.content_type.map(str::to_owned),
                sha256: learned.sha256.as_ref().map(|hash| hex(hash)),
                width: dimensions.map(|dimensions| dimensions.width),
                height: dimensions.map(|dimensions| dimensions.height),
                ..FileMeta::default()
            },
            grace: self.grace,
        };
        let file = FileChange {
            column: self.def.spec().column,
            meta: self.def.spec().meta_column,
            storage: own,
            name: saved.name.clone(),
            home: self.to.alias().to_owned(),
            entry: Some(staged.id),
            delete: !self.keep_source && !left,
            ..FileChange::default()
        };
        let write = RowWrite {
            table: M::TABLE,
            key: (self.rows.key, row.key.clone()),
            change: Change::Relocate(Box::new(relocation)),
            files: vec![file],
        };
        let written =
            write.run(&self.rows.db).await.map_err(|failure| (failure.error, failure.rolled_back))?;
        if written.overtaken {
            return Ok(Outcome::Overtaken);
        }
        let told = || {
            step!("move.moved");
            Ok(())
        };
        // The row already has its copy.
        told().map_err(|error: Error| (error.uncertain(), false))?;
        Ok(Outcome::Moved { bytes: learned.size, renamed: saved.name != row.name, left })
    }

    /// Whether the sweeper will be able to prove that the original is ours.
    async fn is_proven(&self, name: FileName<'_>) -> Result<bool> {
        match self.from.owner(name).await {
            Ok(owner) => Ok(owner.is_some()),
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                Ok(name::token_in(name.as_str()).is_some())
            }
            Err(error) => Err(error),
        }
    }
}

fn check_size(expected: Option<u64>, found: u64) -> Result<()> {
    match expected.filter(|expected| *expected != found) {
        None => Ok(()),
        Some(expected) => Err(Error::new(
            ErrorKind::NotAsStated,
            format!("the file has {found} bytes, and had {expected} before"),
        )),
    }
}

/// Parses a SHA-256 in hexadecimal digits.
fn parse(digits: &str) -> Result<[u8; 32]> {
    let text = "the SHA-256 in the row is malformed";
    from_hex(&digits.to_ascii_lowercase()).ok_or_else(|| Error::new(ErrorKind::NotAsStated, text))
}

//! What a bucket guarantees.

use super::ObjectStorage;
use super::error::{Effect, convert, may_pass};
use crate::Result;
use object_store::{CopyMode, CopyOptions, Error as StoreError, PutMode, PutOptions, PutResult};

/// The object that shows it.
const MARKER: &str = "create-only";
const TEXT: &str =
    "This object lets filefield see whether the bucket refuses to replace what is there. Keep it.\n";

/// What a bucket guarantees, as [`ObjectStorage::check`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guarantees {
    /// Whether the bucket refuses to replace an object where that is asked for. Where it does not, every name that is
    /// not exact has a token of 130 bits, as with `naming = "unique"`; an exact one is only asked for beforehand, and
    /// by one save of this process at a time.
    ///
    /// A service that looks first and writes then, instead of doing both in one step, passes the check and can still
    /// lose a race between two saves of one name; use `naming = "unique"` there.
    pub create_only: bool,
}

impl ObjectStorage {
    /// The guarantees; the first call asks the bucket.
    pub(super) async fn ask(&self) -> Result<Guarantees> {
        let ask = || async {
            let found = self.probe().await?;
            if !found.create_only {
                log::warn!(
                    "the bucket of the storage `{}` replaces files although it is asked not to: from now on every name \
                     gets a token, as with `naming = \"unique\"`",
                    self.kind
                );
            }
            Ok(found)
        };
        self.guarantees.get_or_try_init(ask).await.copied()
    }

    /// Makes the marker, which must be refused where it is there. It stays: nothing has to be deleted, which may not
    /// be allowed, and the next process needs one request.
    async fn probe(&self) -> Result<Guarantees> {
        for _ in 0..2 {
            match self.probe_with(PutMode::Create).await? {
                Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => {
                    return Ok(Guarantees { create_only: true });
                }
                Err(StoreError::NotImplemented { .. } | StoreError::NotSupported { .. }) => break,
                result => drop(result.map_err(|error| convert(error, Effect::Put))?),
            }
        }
        Ok(Guarantees { create_only: false })
    }

    /// Writes the marker, in a way that is to be refused.
    pub(super) async fn probe_with(&self, mode: PutMode) -> Result<object_store::Result<PutResult>> {
        let marker = self.keys.reserved(MARKER)?;
        let options = PutOptions { mode, ..PutOptions::default() };
        Ok(self.store.put_opts(&marker, TEXT.into(), options).await)
    }

    /// Whether the bucket refuses a copy onto a name that is taken: a copy of the marker onto itself shows it. Any
    /// other answer is a no, which is remembered; an error that may pass is an error, and the next call asks again.
    pub(super) async fn copies_create_only(&self) -> Result<bool> {
        let ask = || async {
            if !self.ask().await?.create_only {
                return Ok(false);
            }
            let marker = self.keys.reserved(MARKER)?;
            let options = CopyOptions { mode: CopyMode::Create, ..CopyOptions::default() };
            match self.store.copy_opts(&marker, &marker, options).await {
                Err(StoreError::AlreadyExists { .. }) => Ok(true),
                Err(error) if may_pass(&error) => Err(convert(error, Effect::Read)),
                _ => Ok(false),
            }
        };
        self.copies_create_only.get_or_try_init(ask).await.copied()
    }
}

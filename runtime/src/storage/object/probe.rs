//! Testing what a bucket guarantees.

use super::ObjectStorage;
use super::error::{Effect, convert, may_pass};
use crate::Result;
use object_store::{CopyMode, CopyOptions, Error as StoreError, PutMode, PutOptions, PutResult};

/// The object used for the test.
const MARKER: &str = "create-only";
const TEXT: &str =
    "This object lets filefield see whether the bucket refuses to replace what is there. Keep it.\n";

/// What a bucket guarantees, as found by [`ObjectStorage::check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guarantees {
    /// Whether the bucket supports conditional writes that never replace an object. If not, every name that
    /// is not exact gets a token of 130 bits, as with `naming = "unique"`. An exact name is only checked
    /// before the write, and only one save at a time per process may use it.
    ///
    /// A service that checks and then writes, instead of doing both in one step, passes the test and can
    /// still lose a file if two saves of one name race. Use `naming = "unique"` there.
    pub create_only: bool,
}

impl ObjectStorage {
    /// Returns the guarantees. The first call tests the bucket.
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

    /// Creates the marker, which must be refused if it exists. It is not deleted: that may not be allowed,
    /// and with it the next process needs only one request.
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

    /// Writes the marker with a condition that must fail.
    pub(super) async fn probe_with(&self, mode: PutMode) -> Result<object_store::Result<PutResult>> {
        let marker = self.keys.reserved(MARKER)?;
        let options = PutOptions { mode, ..PutOptions::default() };
        Ok(self.store.put_opts(&marker, TEXT.into(), options).await)
    }

    /// Whether the bucket refuses a copy to a taken name. Tested by copying the marker onto itself. Any other
    /// answer means no and is remembered. A temporary error is returned, and the next call tests again.
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

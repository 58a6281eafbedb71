//! Giving an existing object an owner token.

use super::error::{Effect, convert, may_pass};
use super::save::Facts;
use super::{ObjectStorage, attributes};
use crate::{Error, ErrorKind, FileName, Result};
use object_store::{Error as StoreError, GetOptions, ObjectStore, PutMode, PutOptions, UpdateVersion};

impl ObjectStorage {
    /// Rewrites the object with the same bytes and headers, unless another client has replaced or deleted it.
    /// `object_store` has no other way to change the metadata of an object.
    pub(super) async fn give_owner(&self, name: FileName<'_>, owner: &str) -> Result<()> {
        let key = self.keys.key(name)?;
        let unsupported = || Error::unsupported("set_owner", self.kind);
        let found = self.store.get_opts(&key, GetOptions::default()).await;
        let found = found.map_err(|error| convert(error, Effect::Read))?;
        let mut facts = Facts::of(&found);
        if facts.owner.as_deref() == Some(owner) {
            return Ok(());
        }
        attributes::set_owner(&mut facts.attributes, &self.defaults, owner)?;
        let seen = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        let is_small = facts.size <= self.part_size as u64;
        if seen.e_tag.is_none() || !is_small || !self.replaces_what_was_seen().await? {
            return Err(unsupported());
        }
        let bytes = found.bytes().await.map_err(|error| convert(error, Effect::Read))?;
        if bytes.len() as u64 != facts.size {
            let text = "the service sent less of the file than it has";
            return Err(Error::new(ErrorKind::Io, text).retryable());
        }
        let mode = PutMode::Update(seen);
        let put = PutOptions { mode, attributes: facts.attributes, ..PutOptions::default() };
        let Err(error) = self.store.put_opts(&key, bytes.into(), put).await else { return Ok(()) };
        let is_other = matches!(error, StoreError::Precondition { .. } | StoreError::NotFound { .. });
        let error = convert(error, Effect::Put);
        // The answer may be lost, or be that to a retry of the client.
        match self.facts(&key).await {
            Ok(facts) if facts.owner.as_deref() == Some(owner) => Ok(()),
            Err(missing) if is_other && missing.kind() == ErrorKind::NotFound => Err(missing),
            _ if is_other => {
                let text = "the file was replaced while it was given an owner token";
                Err(Error::new(ErrorKind::Io, text).retryable())
            }
            _ => Err(error),
        }
    }

    /// Whether the bucket supports replacing only a given version. Tested with a version that does not exist.
    async fn replaces_what_was_seen(&self) -> Result<bool> {
        let ask = || async {
            let never =
                UpdateVersion { e_tag: Some(NO_TAG.to_owned()), version: Some(NO_VERSION.to_owned()) };
            match self.probe_with(PutMode::Update(never)).await? {
                Err(StoreError::Precondition { .. }) => Ok(true),
                Err(error) if may_pass(&error) => Err(convert(error, Effect::Put)),
                _ => Ok(false),
            }
        };
        self.replaces_seen.get_or_try_init(ask).await.copied()
    }
}

/// A generation that no object in Google Cloud Storage has, and an ETag that no object has.
const NO_VERSION: &str = "9223372036854775807";
const NO_TAG: &str = "\"00000000000000000000000000000000\"";

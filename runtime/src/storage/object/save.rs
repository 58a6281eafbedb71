//! Saving: one conditional PUT, or parts under a name that is exclusively ours.

use super::error::{Effect, convert};
use super::feed::Feed;
use super::multipart::Upload;
use super::{ObjectStorage, attributes};
use crate::content::Part;
use crate::failpoints::planted;
use crate::inspect::SNIFF_LEN;
use crate::name::{self, posix, shortened_name};
use crate::storage::MOST_PARTS;
use crate::storage::local::Names;
use crate::{Content, Error, ErrorKind, FileName, Result, SaveOptions, Saved};
use object_store::path::Path;
use object_store::{Attributes, GetOptions, GetResult, ObjectStore, PutMode, PutOptions, PutPayload};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The maximum number of names tried. Variants have seven random characters. If several are taken, the
/// service reports objects that it has just stored itself, and more tries would leave more objects.
const MOST_NAMES: u32 = 5;

/// How a name is made ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// The bucket refuses a taken name.
    Conditional,
    /// A name that nobody else can have.
    Unique,
    /// A name that was checked, and that no other save of this process uses at the same time.
    Asked,
    /// Any existing object is replaced.
    Replace,
}

/// Whose object has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Ours,
    Anothers,
}

/// What is known about an object.
pub(super) struct Facts {
    pub(super) size: u64,
    pub(super) owner: Option<String>,
    pub(super) attributes: Attributes,
}

impl Facts {
    pub(super) fn of(found: &GetResult) -> Self {
        let (size, attributes) = (found.meta.size, found.attributes.clone());
        Facts { size, owner: attributes::owner(&attributes), attributes }
    }
}

impl Facts {
    /// Whether the object is a copy of the original, as far as can be determined: a bucket copies the token
    /// of the save.
    pub(super) fn is_copy_of(&self, original: &Facts) -> bool {
        let save = attributes::save(&original.attributes);
        self.size == original.size && save.is_some_and(|save| attributes::is_of_save(&self.attributes, save))
    }
}

impl ObjectStorage {
    /// Looks up an object by HEAD, in one request.
    pub(super) async fn facts(&self, key: &Path) -> Result<Facts> {
        self.facts_by(key, GetOptions { head: true, ..GetOptions::default() }).await
    }

    /// Like [`facts`](Self::facts), by GET, whose answer distinguishes a missing object from a missing
    /// bucket.
    pub(super) async fn read_facts(&self, key: &Path) -> Result<Facts> {
        self.facts_by(key, GetOptions::default()).await
    }

    async fn facts_by(&self, key: &Path, options: GetOptions) -> Result<Facts> {
        let found = self.store.get_opts(key, options).await.map_err(|error| convert(error, Effect::Read))?;
        Ok(Facts::of(&found))
    }

    /// Finds out whose object exists after a lost answer or an answer to a retry: that of the save of `size`
    /// bytes with this token, or another's. A service may show an object before its metadata, so an object of
    /// this size without a token may be ours: then returns `None`.
    async fn found(&self, key: &Path, save: &str, size: u64) -> Option<Whose> {
        let facts = self.facts(key).await.ok()?;
        match attributes::save(&facts.attributes) {
            Some(found) if found == save => Some(Whose::Ours),
            None if facts.size == size => None,
            _ => Some(Whose::Anothers),
        }
    }

    pub(super) async fn save_content(
        &self,
        wanted: FileName<'_>,
        content: Content,
        options: &SaveOptions,
    ) -> Result<Saved> {
        let replace = self.allow_overwrite && !options.exact;
        let create_only = replace || self.ask().await?.create_only;
        // An invalid name is rejected before a byte is read.
        let mut names = Names::new(wanted, options, replace);
        let first_name = names.next()?.into_owned();
        self.keys.key(FileName::or_upload(&first_name)?)?;
        if content.len().is_some_and(|len| len.div_ceil(self.part_size as u64) > MOST_PARTS) {
            return Err(self.too_many_parts());
        }
        let stated = content.content_type().map(str::to_owned);
        let mut feed = Feed::new(content.chunks(), self.part_size);
        let mut part = feed.part().await?;
        let save = name::token()?;
        let attributes = attributes::of_file(
            &self.defaults,
            wanted,
            &part.first(SNIFF_LEN),
            stated.as_deref(),
            options.owner.as_deref(),
            &save,
        )?;
        let claim = match (replace, options.exact, create_only && feed.ended()) {
            (true, ..) => Claim::Replace,
            (false, _, true) => Claim::Conditional,
            (false, true, false) => Claim::Asked,
            (false, false, false) => Claim::Unique,
        };
        let first_name = match claim {
            Claim::Unique => unique(wanted, options.max_length)?,
            _ => first_name,
        };
        let _wanted_by_us = match claim {
            Claim::Asked => Some(Wanted::new(&self.wanted, &first_name)?),
            _ => None,
        };
        let upload = Ready { claim, attributes, save, options };
        if feed.ended() {
            self.put(first_name, names, part, upload).await
        } else {
            self.put_parts(first_name, part, feed, upload).await
        }
    }

    /// Saves by one PUT for each name tried.
    async fn put(
        &self,
        mut name: String,
        mut names: Names<'_>,
        part: Part,
        ready: Ready<'_>,
    ) -> Result<Saved> {
        let size = part.len() as u64;
        let payload: PutPayload = part.into_pieces().into_iter().collect();
        let mut tried = 0;
        loop {
            let key = self.keys.key(FileName::or_upload(&name)?)?;
            if ready.claim == Claim::Asked {
                self.ask_for(&key).await?;
            }
            let mode = match ready.claim {
                Claim::Conditional => PutMode::Create,
                _ => PutMode::Overwrite,
            };
            let put = PutOptions { mode, attributes: ready.attributes.clone(), ..PutOptions::default() };
            let Err(error) = self.store.put_opts(&key, payload.clone(), put).await else { break };
            let error = convert(error, Effect::Put);
            let mut is_taken = error.kind() == ErrorKind::AlreadyExists;
            if is_taken || error.is_uncertain() {
                match self.found(&key, &ready.save, size).await {
                    Some(Whose::Ours) => break,
                    // A service that refuses a name need not read the bytes. It may close the connection, and
                    // its answer is lost.
                    Some(Whose::Anothers) if ready.claim == Claim::Conditional => is_taken = true,
                    // The first try of the client may have taken the name.
                    None if error.is_uncertain() => return Err(error),
                    _ => {}
                }
            }
            match (is_taken, ready.options.exact) {
                (true, false) => {}
                (true, true) => return Err(taken()),
                (false, _) => return Err(error),
            }
            tried += 1;
            if tried == MOST_NAMES {
                let message =
                    format!("{MOST_NAMES} names were tried, and the service says that all are taken");
                return Err(Error::new(ErrorKind::NoAvailableName, message).uncertain());
            }
            name = names.next()?.into_owned();
        }
        Ok(Saved::new(name, size))
    }

    async fn put_parts(&self, name: String, first: Part, mut feed: Feed, ready: Ready<'_>) -> Result<Saved> {
        let key = self.keys.key(FileName::or_upload(&name)?)?;
        if ready.claim == Claim::Asked {
            // Avoids sending the bytes for a taken name.
            self.ask_for(&key).await?;
        }
        let owner = ready.options.owner.clone();
        let log = self.multipart.as_ref().zip(ready.options.upload_log.as_ref());
        let (concurrency, unfinished) = (self.concurrency, &self.unfinished);
        let begun = Upload::begin(&*self.store, &key, ready.attributes, owner, concurrency, unfinished, log);
        let mut upload = begun.await?;
        let mut size = first.len() as u64;
        let sent = async {
            upload.send(first).await?;
            while !feed.ended() {
                upload.wait_for_room().await?;
                let part = feed.part().await?;
                size += part.len() as u64;
                if size.div_ceil(self.part_size as u64) > MOST_PARTS {
                    return Err(self.too_many_parts());
                }
                upload.send(part).await?;
            }
            upload.settle().await?;
            if ready.claim == Claim::Asked { self.ask_for(&key).await } else { Ok(()) }
        };
        if let Err(error) = sent.await {
            return Err(given_up(upload, error).await);
        }
        if let Err(error) = upload.complete().await {
            // A retry of the client finds the name taken by its first try, or the upload gone.
            if self.found(&key, &ready.save, size).await == Some(Whose::Ours) {
                upload.forget();
            } else if error.is_uncertain() {
                upload.leave_to_owner();
                return Err(error);
            } else {
                return Err(given_up(upload, error).await);
            }
        }
        Ok(Saved::new(name, size))
    }

    /// Fails unless the name is free at the moment.
    pub(super) async fn ask_for(&self, key: &Path) -> Result<()> {
        match self.facts(key).await {
            Ok(_) => Err(taken()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn too_many_parts(&self) -> Error {
        let message = format!(
            "the content has more than {MOST_PARTS} parts of {} bytes; allow larger ones with `part_size`",
            self.part_size
        );
        Error::new(ErrorKind::TooLarge, message)
    }
}

/// The parameters of a save besides the bytes.
struct Ready<'a> {
    claim: Claim,
    attributes: Attributes,
    save: String,
    options: &'a SaveOptions,
}

/// Aborts an upload after an error and returns the error. If the upload stays open, the error is uncertain,
/// because the journal forgets what certainly failed and nobody would clean up.
async fn given_up(upload: Upload, error: Error) -> Error {
    let is_over = upload.abort().await || planted!("open-upload-forgotten");
    if is_over { error } else { error.uncertain() }
}

pub(super) fn taken() -> Error {
    Error::new(ErrorKind::AlreadyExists, "the name is taken")
}

/// Returns `wanted` with a unique token.
fn unique(wanted: FileName<'_>, max_length: Option<u32>) -> Result<String> {
    let token = name::token()?;
    let name = shortened_name(&name::with_token(wanted.as_str(), &token), max_length)?;
    FileName::or_upload(&name)?;
    if !posix::base_name(&name).starts_with(&token) {
        let message = "a name made unique has 26 characters more; allow a larger `max_length`";
        return Err(Error::new(ErrorKind::NoAvailableName, message).with_name(wanted));
    }
    Ok(name)
}

/// A name that one save of this process uses exclusively.
pub(super) struct Wanted<'a> {
    names: &'a Mutex<BTreeSet<String>>,
    name: String,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(names: &'a Mutex<BTreeSet<String>>, name: &str) -> Result<Self> {
        match names.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned()) {
            true => Ok(Wanted { names, name: name.to_owned() }),
            false => Err(taken()),
        }
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

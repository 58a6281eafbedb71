//! Tickets for files that a client sends straight to the storage.

use super::Table;
use crate::backend::journal_of;
use crate::backend::sqlx::Db;
use crate::error::{not_accepted, too_large};
use crate::field::FieldDef;
use crate::inspect::hex;
use crate::inspect::{TYPES, UNKNOWN, accepts};
use crate::journal;
use crate::registry::StorageHandle;
use crate::storage::{self, UploadRequest, UploadTerms, framed, now};
use crate::{Error, ErrorKind, FileName, Result, StorageExt, name, settings};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// The longest lifetime of a ticket, which is the longest lifetime of a signed URL.
const MAX_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The default lifetime of a ticket.
const LIFE: Duration = Duration::from_secs(15 * 60);

/// The largest upload that S3 and Azure accept in one request.
const MOST_AT_ONCE: u64 = 5_000_000_000;

/// A request of a client to send a file straight to the storage of a field. `Car::photo_upload(..)` creates it.
///
/// The client declares beforehand what it will send. The bytes are stored under a name that is never served, until a
/// row [claims](crate::field::FieldFileMut::claim) them. An upload that nobody claims is swept. The settings need a
/// `SECRET_KEY`.
///
/// A client sends to a bucket directly. For a storage on disk or in memory, the requests go to URLs below its base URL,
/// and your program must serve them with [`receive_upload`](crate::storage::receive_upload).
///
/// When an upload is claimed, the bucket copies it if its type was [declared](Self::content_type) and it has at most 5
/// GiB. Azure copies only an upload that was not sent in parts. The bytes of all other uploads pass through your program.
///
/// ```no_run
/// # use filefield::prelude::*;
/// # use filefield::db::{self, UploadClaim};
/// # #[derive(Debug, Clone, Default, Model)]
/// # #[model(table = "cars")]
/// # struct Car { #[model(primary_key)] id: i64, #[file(upload_to = "cars")] photo: ImageField }
/// # async fn run(db: &db::Db) -> filefield::Result<()> {
/// // The client asks, and gets JSON: where to send what, and a token.
/// let ticket = Car::photo_upload("chevy.jpg", 52_341).content_type("image/jpeg").owner("user 7").ticket(db).await?;
///
/// // It sends the bytes to `ticket.requests[0].url`, then the token with its form.
/// let mut car = Car::default();
/// car.photo_mut().claim(&UploadClaim::new(&ticket.token).owner("user 7"), db).await?;
/// car.save(db).await?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct NewUpload<M> {
    number: usize,
    filename: String,
    terms: UploadTerms,
    owner: String,
    model: PhantomData<fn() -> M>,
}

/// What a client needs to send an upload, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UploadTicket {
    /// The token that the client sends back after the upload, for
    /// [`UploadClaim::new`](super::UploadClaim::new).
    pub token: String,
    /// One request, or one for each part, in the order of the parts.
    pub requests: Vec<UploadRequest>,
    /// When the requests expire, in seconds since 1970-01-01T00:00:00Z.
    pub expires_at: u64,
}

/// The content of a token. It is not secret. The code of the token proves that it is unchanged.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Terms {
    pub(super) entry: i64,
    pub(super) upload: String,
    pub(super) filename: String,
    pub(super) size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<String>,
    pub(super) expires: u64,
}

impl<M> NewUpload<M> {
    pub(crate) fn new(number: usize, filename: &str, size: u64) -> Self {
        NewUpload {
            number,
            filename: filename.to_owned(),
            terms: UploadTerms::new(size, LIFE),
            owner: String::new(),
            model: PhantomData,
        }
    }

    /// Declares the media type. A file whose bytes are of another type is refused. The field's `accept` is checked in
    /// any case. With a declared type, most buckets copy the object when it is claimed. Without one, the bytes pass
    /// through your program.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.terms.content_type = Some(content_type.into());
        self
    }

    /// Declares the SHA-256 of the bytes. S3 itself refuses bytes with another hash.
    pub fn sha256(mut self, sha256: [u8; 32]) -> Self {
        self.terms.sha256 = Some(sha256);
        self
    }

    /// Sets who may claim the upload, such as a user or a session. The ticket does not contain the owner:
    /// [`UploadClaim::owner`](super::UploadClaim::owner) must set the same one. The default is the empty string.
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = owner.into();
        self
    }

    /// Sets the lifetime of the ticket. The default is 15 minutes, the maximum is 7 days.
    pub fn expires(mut self, life: Duration) -> Self {
        self.terms.expires = life;
        self
    }

    /// Sends the upload in parts of this many bytes. Each part can be retried. S3 and Google Cloud Storage accept no
    /// parts below 5 MiB. By default, a file of up to 5 GB is sent in one request, and a larger one in parts.
    pub fn part_size(mut self, bytes: u64) -> Self {
        self.terms.part_size = Some(bytes);
        self
    }
}

impl<M: Table> NewUpload<M> {
    /// Records the upload in the journal and returns the requests that send it.
    ///
    /// # Errors
    /// * [`TooLarge`](ErrorKind::TooLarge) or [`NotAccepted`](ErrorKind::NotAccepted) if the declared size or type breaks
    ///   the field's rules.
    /// * [`Usage`](ErrorKind::Usage) if the lifetime is zero or too long, the media type is invalid, or there are too
    ///   many parts.
    /// * [`Settings`](ErrorKind::Settings) if there is no `SECRET_KEY`.
    /// * [`Unsupported`](ErrorKind::Unsupported) if clients cannot send to the storage, for example because it has no
    ///   signed URLs.
    ///
    /// Propagates storage and journal errors.
    pub async fn ticket(self, db: &Db) -> Result<UploadTicket> {
        let def = M::FIELDS.at(self.number).def();
        self.ticket_of(def, db).await.map_err(|error| def.blame(error.with_operation("upload")))
    }

    async fn ticket_of(mut self, def: &'static FieldDef, db: &Db) -> Result<UploadTicket> {
        super::enter::<M>()?;
        self.check(def)?;
        let (handle, signer) = (def.storage()?, signer()?);
        let (token, expires) = (name::token()?, now()?.saturating_add(seconds(self.terms.expires)));
        let upload = name::of_upload(&token);
        let upload = FileName::or_upload(&upload)?;
        let life = i64::try_from(seconds(self.terms.expires)).unwrap_or(i64::MAX);
        let journal = journal_of(db);
        let entry = journal::announce(&journal, def, M::TABLE, &handle, upload, life).await?;
        let sent = async {
            self.terms.owner = Some(journal::owner_token(&journal::identity(&journal).await?, &token));
            let sent = handle.direct_upload(upload, &self.terms).await?;
            if let Some(id) = &sent.id
                && let Err(error) = journal::note_parts(&journal, entry, id).await
            {
                // No sweep knows the id. If the abort fails too, only the lifecycle rules of the bucket remove the parts.
                let _ = handle.abort_upload(upload, id).await;
                return Err(error);
            }
            Ok(sent.requests)
        };
        let requests = match sent.await {
            Ok(requests) => requests,
            Err(error) => {
                journal::withdraw(&journal, entry, &error).await;
                return Err(error);
            }
        };
        let terms = Terms {
            entry,
            upload: token,
            filename: self.filename,
            size: self.terms.size,
            content_type: self.terms.content_type,
            sha256: self.terms.sha256.map(|hash| hex(&hash)),
            expires,
        };
        let text = serde_json::to_string(&terms)
            .map_err(|error| Error::new(ErrorKind::Usage, "no ticket").with_source(error))?;
        let code = signer.code(&message(def, M::TABLE, &handle, &self.owner, &text));
        let token = format!("{}.{}", hex(text.as_bytes()), hex(&code));
        Ok(UploadTicket { token, requests, expires_at: expires })
    }

    /// Checks everything that can be checked before a byte is sent.
    fn check(&mut self, def: &FieldDef) -> Result<()> {
        let (spec, terms) = (def.spec(), &mut self.terms);
        if terms.expires.is_zero() || terms.expires > MAX_LIFE {
            let text = format!("a ticket lives for 1 to {} seconds", MAX_LIFE.as_secs());
            return Err(Error::new(ErrorKind::Usage, text));
        }
        if let Some(most) = spec.max_size.filter(|most| terms.size > *most) {
            let text = format!("the file has {} bytes, the limit is {most} bytes", terms.size);
            return Err(Error::new(ErrorKind::TooLarge, text).with_message(too_large(most)));
        }
        if let Some(stated) = &terms.content_type {
            let essence = stated.split(';').next().unwrap_or_default().trim();
            if !may_be_accepted(spec.accept, essence) {
                let text = format!(
                    "the type is {}, accepted are {}",
                    essence.escape_debug(),
                    spec.accept.join(", ")
                );
                let error = Error::new(ErrorKind::NotAccepted, text);
                return Err(error.with_message(not_accepted(spec.accept)));
            }
            let plain = stated.bytes().all(|byte| matches!(byte, b'!'..=b'~' | b' ')) && stated.len() <= 255;
            if !plain || !essence.contains('/') {
                return Err(Error::new(ErrorKind::Usage, "the type is no media type"));
            }
        }
        if terms.part_size.is_none() && terms.size > MOST_AT_ONCE {
            terms.part_size = Some(terms.size.div_ceil(storage::MOST_PARTS).next_multiple_of(64 << 20));
        }
        Ok(())
    }
}

/// Returns whether a file of this declared type may be accepted. A type that cannot be detected from the bytes, such as a
/// Word document, is detected as unknown.
fn may_be_accepted(accept: &[&str], declared: &str) -> bool {
    accept.is_empty()
        || accepts(accept, declared)
        || (accept.contains(&UNKNOWN) && !TYPES.iter().any(|known| known.eq_ignore_ascii_case(declared)))
}

fn seconds(life: Duration) -> u64 {
    life.as_secs() + u64::from(life.subsec_nanos() > 0)
}

pub(super) fn signer() -> Result<storage::Signer> {
    settings::try_settings()?.signer()?.ok_or_else(|| {
        Error::new(ErrorKind::Settings, "uploads straight to the storage need a `SECRET_KEY` in the settings")
    })
}

/// Returns what the code of a token covers. The parts are framed, so no byte can move from one part to the next.
///
/// The table is included because models of two modules can have the same name.
pub(super) fn message(
    def: &FieldDef,
    table: &str,
    handle: &StorageHandle<'_>,
    owner: &str,
    terms: &str,
) -> Vec<u8> {
    framed(&[
        Some("filefield upload ticket 2"),
        Some(def.model()),
        Some(table),
        Some(def.name()),
        Some(handle.alias()),
        Some(owner),
        Some(terms),
    ])
}

impl<M> fmt::Debug for NewUpload<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NewUpload { filename, terms, .. } = self;
        f.debug_struct("NewUpload").field("filename", filename).field("terms", terms).finish_non_exhaustive()
    }
}

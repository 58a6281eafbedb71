//! Uploads that a client sends straight to the storage, and rows that take them.

use super::Table;
use super::stage::take_over;
use crate::field::{FieldDef, FieldFileMut, store};
use crate::inspect::{Stated, accepts};
use crate::journal::{self, Request, Taken};
use crate::registry::StorageHandle;
use crate::storage::{self, UploadRequest, UploadTerms, bytes_from_hex, framed, from_hex, now};
use crate::{Error, ErrorKind, FileName, Result, name, settings};
use sea_orm::DatabaseConnection;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// The longest life of a ticket: that of a signed URL (requirement 83).
const MAX_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The life of a ticket that is not told otherwise.
const LIFE: Duration = Duration::from_secs(15 * 60);

/// The largest upload in one request (S3, Azure).
const MOST_AT_ONCE: u64 = 5_000_000_000;

/// A file that a client wants to send straight to the storage of a field: what `Car::photo_upload(..)` gives.
///
/// The client says beforehand what it will send. Bytes go to the storage, and never through this program; they lie
/// under a name that is never served until a row [claims](FieldFileMut::claim) them, and what nobody claims is
/// swept. Settings need a `SECRET_KEY`.
///
/// ```no_run
/// # use filefield::prelude::*;
/// # use filefield::db::{self, UploadClaim};
/// # #[derive(Debug, Clone, Default, Model)]
/// # #[model(table = "cars")]
/// # struct Car { #[model(primary_key)] id: i64, #[file(upload_to = "cars")] photo: ImageField }
/// # async fn run(db: &db::DatabaseConnection) -> filefield::Result<()> {
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
    /// What the client sends back once the bytes are there, for [`UploadClaim::new`].
    pub token: String,
    /// One request, or one for each part in their order.
    pub requests: Vec<UploadRequest>,
    /// When the requests end: seconds since 1970-01-01T00:00:00Z.
    pub expires_at: u64,
}

/// What a client says of an upload that it has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct UploadClaim {
    token: String,
    owner: String,
    tags: Vec<String>,
}

/// What a token says. It is not secret; that it was not changed is what its code shows.
#[derive(Debug, Serialize, Deserialize)]
struct Terms {
    entry: i64,
    upload: String,
    filename: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    expires: u64,
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

    /// The media type. A file whose bytes show another one is refused; said or not, the field's `accept` is asked.
    /// With it a bucket can keep the object as it is, without it the bytes pass through this program when they are
    /// claimed.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.terms.content_type = Some(content_type.into());
        self
    }

    /// The SHA-256 that the bytes must have. S3 refuses others by itself.
    pub fn sha256(mut self, sha256: [u8; 32]) -> Self {
        self.terms.sha256 = Some(sha256);
        self
    }

    /// Who may claim the upload, such as a user or a session. It is not in the ticket: who claims must say the same.
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = owner.into();
        self
    }

    /// How long the ticket is good, a quarter of an hour if not said, a week at most.
    pub fn expires(mut self, life: Duration) -> Self {
        self.terms.expires = life;
        self
    }

    /// Bytes of a part, for an upload in parts of which each can be tried again. S3 and Google Cloud Storage take no
    /// parts below 5 MiB. If not said, a file of up to 5 GB goes in one request.
    pub fn part_size(mut self, bytes: u64) -> Self {
        self.terms.part_size = Some(bytes);
        self
    }
}

impl<M: Table> NewUpload<M> {
    /// Enters the upload in the journal and says how to send it.
    ///
    /// # Errors
    /// [`TooLarge`](ErrorKind::TooLarge) and [`NotAccepted`](ErrorKind::NotAccepted) by the field's rules;
    /// [`Usage`](ErrorKind::Usage) for a life that is too long, or too many parts; [`Settings`](ErrorKind::Settings)
    /// without `SECRET_KEY`; those of the storage and of the journal.
    pub async fn ticket(self, db: &DatabaseConnection) -> Result<UploadTicket> {
        let def = M::FIELDS.at(self.number).def();
        self.ticket_of(def, db).await.map_err(|error| def.blame(error.with_operation("upload")))
    }

    async fn ticket_of(mut self, def: &'static FieldDef, db: &DatabaseConnection) -> Result<UploadTicket> {
        crate::registry::enter_model::<M>()?;
        self.check(def)?;
        let (handle, signer) = (def.storage()?, signer()?);
        let (token, expires) = (name::token()?, now()?.saturating_add(seconds(self.terms.expires)));
        let upload = name::of_upload(&token);
        let upload = FileName::or_upload(&upload)?;
        let life = i64::try_from(seconds(self.terms.expires)).unwrap_or(i64::MAX);
        let entry = journal::announce(db, def, M::TABLE, &handle, upload, life).await?;
        let sent = async {
            let sent = handle.direct_upload(upload, &self.terms).await?;
            if let Some(id) = &sent.id {
                journal::note_parts(db, entry, id).await?;
            }
            Ok(sent.requests)
        };
        let requests = match sent.await {
            Ok(requests) => requests,
            Err(error) => {
                journal::withdraw(db, entry, &error).await;
                return Err(error);
            }
        };
        let terms = Terms {
            entry,
            upload: token,
            filename: self.filename,
            size: self.terms.size,
            content_type: self.terms.content_type,
            sha256: self.terms.sha256.map(|hash| store::hex(&hash)),
            expires,
        };
        let text = serde_json::to_string(&terms)
            .map_err(|error| Error::new(ErrorKind::Usage, "no ticket").with_source(error))?;
        let code = signer.code(&message(def, &handle, &self.owner, &text));
        let token = format!("{}.{}", store::hex(text.as_bytes()), store::hex(&code));
        Ok(UploadTicket { token, requests, expires_at: expires })
    }

    /// What can be refused before a byte is sent.
    fn check(&mut self, def: &FieldDef) -> Result<()> {
        let (spec, terms) = (def.spec(), &mut self.terms);
        if terms.expires.is_zero() || terms.expires > MAX_LIFE {
            let text = format!("a ticket lives for 1 to {} seconds", MAX_LIFE.as_secs());
            return Err(Error::new(ErrorKind::Usage, text));
        }
        if let Some(most) = spec.max_size.filter(|most| terms.size > *most) {
            let text = format!("the file has {} bytes, the limit is {most} bytes", terms.size);
            return Err(Error::new(ErrorKind::TooLarge, text));
        }
        if let Some(stated) = &terms.content_type {
            let essence = stated.split(';').next().unwrap_or_default().trim();
            if !spec.accept.is_empty() && !accepts(spec.accept, essence) {
                let text = format!(
                    "the type is {}, accepted are {}",
                    essence.escape_debug(),
                    spec.accept.join(", ")
                );
                return Err(Error::new(ErrorKind::NotAccepted, text));
            }
            let plain = stated.bytes().all(|byte| matches!(byte, b'!'..=b'~' | b' ')) && stated.len() <= 255;
            if !plain || !essence.contains('/') {
                return Err(Error::new(ErrorKind::Usage, "the type is no media type"));
            }
        }
        if terms.part_size.is_none() && terms.size > MOST_AT_ONCE {
            terms.part_size = Some(terms.size.div_ceil(storage::MOST_PARTS).next_multiple_of(64 << 20));
        }
        name::from_client(&self.filename).map(drop)
    }
}

impl UploadClaim {
    /// The upload of a ticket with this token.
    pub fn new(token: impl Into<String>) -> Self {
        UploadClaim { token: token.into(), owner: String::new(), tags: Vec::new() }
    }

    /// Who claims it: as in [`NewUpload::owner`].
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = owner.into();
        self
    }

    /// For an upload in parts, what the storage answered for each in its header `ETag`, in their order. S3 and Google
    /// Cloud Storage need them.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// What the ticket says, if it is ours, for this field and this owner, and its time is not over. All refusals are
    /// the same (requirement 83).
    fn terms(&self, def: &FieldDef, handle: &StorageHandle<'_>) -> Result<Terms> {
        let signer = signer()?;
        let read = || {
            let (text, code) = self.token.split_once('.')?;
            let (text, code) = (String::from_utf8(bytes_from_hex(text)?).ok()?, from_hex(code)?);
            let is_ours = signer.is_code(&message(def, handle, &self.owner, &text), &code);
            if is_ours { serde_json::from_str::<Terms>(&text).ok() } else { None }
        };
        let now = now()?;
        read().filter(|terms| now < terms.expires).ok_or_else(|| {
            let text = "the ticket of the upload is no good for this, or no longer";
            Error::new(ErrorKind::PermissionDenied, text)
        })
    }
}

impl<M: Table> FieldFileMut<'_, M> {
    /// Takes an upload that a client has sent straight to the storage: looks whether it is what its ticket says and
    /// what the field accepts, makes it a file of its own, and puts it into the field. It belongs to no row yet, as
    /// after [`Table::stage`]: the save of the instance attaches it, here or in a transaction of the caller's.
    ///
    /// An upload can be claimed once. One that is not what was stated, or not accepted, is gone; after any other error
    /// it may be tried again while the ticket lasts. Only where the journal could not be told of the error, which then
    /// says so and is not [retryable](Error::is_retryable), the upload is refused as claimed until that is made up for:
    /// it is tried for some minutes.
    ///
    /// A claim whose future is dropped, or whose process dies, keeps the upload: nobody can claim it again, and it is
    /// swept when the ticket has ended, or after an hour where that is later. A server that drops the futures of
    /// requests whose client went away does better to claim on a task of its own.
    ///
    /// # Errors
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) for a ticket that was changed, is another field's or owner's,
    /// or has expired; [`StagedExpired`](ErrorKind::StagedExpired) for an upload that was claimed before or swept, also
    /// while another claim of it is under way that may fail yet, and where one was dropped or died;
    /// [`NotFound`](ErrorKind::NotFound), retryable, where nothing was sent yet, or not all;
    /// [`NotAsStated`](ErrorKind::NotAsStated), [`TooLarge`](ErrorKind::TooLarge),
    /// [`NotAccepted`](ErrorKind::NotAccepted); those of the storage and of the journal. The instance is as it was.
    pub async fn claim(&mut self, claim: &UploadClaim, db: &DatabaseConnection) -> Result<()> {
        let def = self.def();
        self.claim_for(def, claim, db).await.map_err(|error| def.blame(error.with_operation("claim")))
    }

    async fn claim_for(
        &mut self,
        def: &'static FieldDef,
        claim: &UploadClaim,
        db: &DatabaseConnection,
    ) -> Result<()> {
        crate::registry::enter_model::<M>()?;
        let handle = def.storage()?;
        let terms = claim.terms(def, &handle)?;
        let left = terms.expires.saturating_sub(now()?);
        let taken = journal::take(db, terms.entry, &terms.upload, left)
            .await?
            .ok_or_else(|| Error::new(ErrorKind::StagedExpired, "the upload was claimed before, or swept"))?;
        match self.promote(def, &handle, &terms, &taken, claim, db).await {
            Ok(()) => {
                journal::settle(db, taken);
                Ok(())
            }
            Err(error) if is_refusal(&error) => {
                journal::settle(db, taken);
                Err(error)
            }
            Err(error) => Err(journal::give_back(db, taken, error).await),
        }
    }

    async fn promote(
        &mut self,
        def: &'static FieldDef,
        handle: &StorageHandle<'static>,
        terms: &Terms,
        taken: &Taken,
        claim: &UploadClaim,
        db: &DatabaseConnection,
    ) -> Result<()> {
        let upload = name::of_upload(&terms.upload);
        let upload = FileName::or_upload(&upload)?;
        let missing = |error: Error| match error.kind() {
            ErrorKind::NotFound => {
                let text = "the upload was not sent, or not all of it";
                Error::new(ErrorKind::NotFound, text).with_storage(handle.alias()).retryable()
            }
            _ => error,
        };
        if let Some(id) = taken.parts() {
            handle.finish_upload(upload, id, &claim.tags).await.map_err(missing)?;
        }
        // Nothing is copied that is refused anyway.
        let size = handle.size(upload).await.map_err(missing)?;
        if size != terms.size {
            let text = format!("the upload has {size} bytes, and {} were stated", terms.size);
            return Err(Error::new(ErrorKind::NotAsStated, text));
        }
        let stated = Stated {
            size: Some(terms.size),
            sha256: terms.sha256.as_deref().and_then(from_hex),
            content_type: terms.content_type.clone(),
        };
        let filename = name::from_client(&terms.filename)?;
        let field = self.field();
        let mut prepared = store::prepare_upload(self.model, field, handle, &filename, upload, stated)?;
        terms.filename.clone_into(&mut prepared.original_name);
        let request = Request { def, table: M::TABLE, handle: handle.clone(), prepared, pending: None };
        let staged = journal::stage(db, vec![request]).await?;
        for staged in &staged {
            take_over(self.model, self.number, handle.alias(), staged, db);
        }
        Ok(())
    }
}

/// Whether the upload itself is at fault, which no other try would change.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotAsStated | ErrorKind::TooLarge | ErrorKind::NotAccepted)
}

fn seconds(life: Duration) -> u64 {
    life.as_secs() + u64::from(life.subsec_nanos() > 0)
}

fn signer() -> Result<storage::Signer> {
    settings::try_settings()?.signer()?.ok_or_else(|| {
        Error::new(ErrorKind::Settings, "uploads straight to the storage need a `SECRET_KEY` in the settings")
    })
}

/// What the code of a token covers; no part can lend to its neighbour (requirement 80).
fn message(def: &FieldDef, handle: &StorageHandle<'_>, owner: &str, terms: &str) -> Vec<u8> {
    framed(&[
        Some("filefield upload ticket 1"),
        Some(def.model()),
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

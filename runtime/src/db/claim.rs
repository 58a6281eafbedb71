//! Claims of files that clients have sent straight to the storage.

use super::Table;
use super::stage::take_over;
use super::upload::{Terms, message, signer};
use crate::backend::journal_of;
use crate::backend::sqlx::Db;
use crate::field::{FieldDef, FieldFileMut, store};
use crate::inspect::Stated;
use crate::journal::{self, Request, Taken};
use crate::registry::StorageHandle;
use crate::storage::{bytes_from_hex, from_hex, now};
use crate::{Error, ErrorKind, FileName, Result, StorageExt, name};

/// An upload that a client has sent, as the client reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct UploadClaim {
    token: String,
    owner: String,
    tags: Vec<String>,
}

impl UploadClaim {
    /// Creates a claim from the token of the ticket.
    pub fn new(token: impl Into<String>) -> Self {
        UploadClaim { token: token.into(), owner: String::new(), tags: Vec::new() }
    }

    /// Sets the user who claims the upload, as in [`NewUpload::owner`](super::NewUpload::owner).
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = owner.into();
        self
    }

    /// Sets the `ETag` response headers of an upload in parts, in the order of the parts. S3 and Google Cloud
    /// Storage need one for each part. With more or fewer the claim fails, and the upload stays as it is.
    /// Azure, disk and memory need none. A script in a browser can read the header only if the CORS rule of
    /// the bucket exposes it: `ExposeHeaders: ["ETag"]`.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// Reads the ticket. Refuses one that filefield did not sign for this field and this owner, or that has expired. All
    /// refusals have the same text, so a client learns nothing from them.
    fn terms(&self, def: &FieldDef, table: &str, handle: &StorageHandle<'_>) -> Result<Terms> {
        let signer = signer()?;
        let read = || {
            let (text, code) = self.token.split_once('.')?;
            let (text, code) = (String::from_utf8(bytes_from_hex(text)?).ok()?, from_hex(code)?);
            let is_ours = signer.is_code(&message(def, table, handle, &self.owner, &text), &code);
            if is_ours { serde_json::from_str::<Terms>(&text).ok() } else { None }
        };
        let now = now()?;
        read().filter(|terms| now < terms.expires).ok_or_else(|| {
            Error::new(ErrorKind::PermissionDenied, "the upload ticket is invalid or has expired")
                .with_message("The upload ticket is invalid or has expired. Please send the file again.")
        })
    }
}

impl<M: Table> FieldFileMut<'_, M> {
    /// Redeems an upload that a client has sent straight to the storage. It checks that the upload matches
    /// its ticket and is accepted by the field, publishes it as a file and puts it into the field. The file
    /// belongs to no row yet, as after [`Table::stage`]: saving the instance attaches it, in a transaction of
    /// `save` or of the caller.
    ///
    /// An upload can be claimed once. If it does not match its ticket, or is not accepted, it is deleted.
    /// After any other error it can be claimed again while the ticket lasts. If the journal cannot be updated
    /// after a failed claim, the upload stays locked while filefield retries in the background for about 4
    /// minutes. The error says so and is not [retryable](Error::is_retryable).
    ///
    /// If the future of a claim is dropped, or its process dies, the upload stays locked. Nobody can claim it
    /// again, and it is swept when the ticket has expired, but not within one hour. If your server drops the
    /// futures of requests whose client has disconnected, run the claim in a spawned task.
    ///
    /// # Errors
    /// * [`PermissionDenied`](ErrorKind::PermissionDenied) if the ticket was changed, belongs to another
    ///   field or owner, or has expired.
    /// * [`StagedExpired`](ErrorKind::StagedExpired) if the upload was claimed before or swept, or if another claim holds
    ///   it. That claim may still be running, or it was dropped, or its process died.
    /// * [`NotFound`](ErrorKind::NotFound), retryable, if nothing or only a part was sent, or if the
    ///   [tags](UploadClaim::tags) are not those of the parts.
    /// * [`NotAsStated`](ErrorKind::NotAsStated), [`TooLarge`](ErrorKind::TooLarge) or
    ///   [`NotAccepted`](ErrorKind::NotAccepted) if the content does not match the ticket or the field's
    ///   rules.
    ///
    /// Propagates storage and journal errors. After an error the instance is unchanged.
    pub async fn claim(&mut self, claim: &UploadClaim, db: &Db) -> Result<()> {
        let def = self.def();
        self.claim_for(def, claim, db).await.map_err(|error| def.blame(error.with_operation("claim")))
    }

    async fn claim_for(&mut self, def: &'static FieldDef, claim: &UploadClaim, db: &Db) -> Result<()> {
        super::enter::<M>()?;
        let handle = def.storage()?;
        let terms = claim.terms(def, M::TABLE, &handle)?;
        let left = terms.expires.saturating_sub(now()?);
        let taken = journal::take(&journal_of(db), terms.entry, &terms.upload, left)
            .await?
            .ok_or_else(|| Error::new(ErrorKind::StagedExpired, "the upload was claimed before, or swept"))?;
        match self.promote(def, &handle, &terms, &taken, claim, db).await {
            Ok(()) => {
                journal::settle(&journal_of(db), taken);
                Ok(())
            }
            Err(error) if is_refusal(&error) => {
                journal::settle(&journal_of(db), taken);
                Err(error)
            }
            Err(error) => Err(journal::give_back(&journal_of(db), taken, error).await),
        }
    }

    async fn promote(
        &mut self,
        def: &'static FieldDef,
        handle: &StorageHandle<'static>,
        terms: &Terms,
        taken: &Taken,
        claim: &UploadClaim,
        db: &Db,
    ) -> Result<()> {
        let upload = name::of_upload(&terms.upload);
        let upload = FileName::or_upload(&upload)?;
        let missing = |error: Error| match error.kind() {
            // A retryable error already says what is missing.
            ErrorKind::NotFound if !error.is_retryable() => {
                let text = "the upload was not sent, or not all of it";
                Error::new(ErrorKind::NotFound, text).with_storage(handle.alias()).retryable()
            }
            _ => error,
        };
        if let Some(id) = taken.parts() {
            handle.finish_upload(upload, id, &claim.tags).await.map_err(missing)?;
        }
        // A wrong size is refused before anything is copied.
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
        let field = self.field();
        let is_image = field.value(self.model).is_image();
        let prepared = if store::examines(def) {
            let mut content = handle.open(upload).await.map_err(missing)?.into_content();
            let (_, extensions) = store::examine(def, is_image, &mut content).await?;
            if def.spec().verify.is_some() {
                // Stores the bytes that were verified, not what the client may have sent since.
                let examined = store::Examined { content, extensions };
                store::prepare(self.model, field, handle, &terms.filename, examined, stated)?
            } else {
                let upload = (upload, extensions);
                store::prepare_upload(self.model, field, handle, &terms.filename, upload, stated)?
            }
        } else {
            store::prepare_upload(self.model, field, handle, &terms.filename, (upload, None), stated)?
        };
        let request = Request { def, table: M::TABLE, handle: handle.clone(), prepared, pending: None };
        let staged = journal::stage(&journal_of(db), vec![request]).await?;
        for staged in &staged {
            take_over(self.model, self.number, handle.alias(), staged, db);
        }
        Ok(())
    }
}

/// Returns whether the upload itself is at fault, so that a retry cannot succeed.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotAsStated | ErrorKind::TooLarge | ErrorKind::NotAccepted | ErrorKind::NotAnImage
    )
}

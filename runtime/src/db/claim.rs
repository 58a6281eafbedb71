//! Rows that take what clients have sent straight to the storage.

use super::Table;
use super::stage::take_over;
use super::upload::{Terms, message, signer};
use crate::backend::journal_of;
use crate::field::{FieldDef, FieldFileMut, store};
use crate::inspect::Stated;
use crate::journal::{self, Request, Taken};
use crate::registry::StorageHandle;
use crate::storage::{bytes_from_hex, from_hex, now};
use crate::{Error, ErrorKind, FileName, Result, StorageExt, name};
use sea_orm::DatabaseConnection;

/// What a client says of an upload that it has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct UploadClaim {
    token: String,
    owner: String,
    tags: Vec<String>,
}

impl UploadClaim {
    /// The upload of a ticket with this token.
    pub fn new(token: impl Into<String>) -> Self {
        UploadClaim { token: token.into(), owner: String::new(), tags: Vec::new() }
    }

    /// Who claims it: as in [`NewUpload::owner`](super::NewUpload::owner).
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = owner.into();
        self
    }

    /// For an upload in parts, what the storage answered for each in its header `ETag`, in their order. S3 and Google
    /// Cloud Storage need one for each part; with more or fewer the claim fails and the upload stays as it is. Azure,
    /// disk and memory need none. A script in a browser sees that header only if the CORS rule of the bucket exposes
    /// it: `ExposeHeaders: ["ETag"]`.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// What the ticket says, if it is ours, for this field and this owner, and its time is not over. All refusals are
    /// the same (requirement 83).
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
    /// [`NotFound`](ErrorKind::NotFound), retryable, where nothing was sent yet, or not all, or where the
    /// [tags](UploadClaim::tags) are not those of the parts;
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
        db: &DatabaseConnection,
    ) -> Result<()> {
        let upload = name::of_upload(&terms.upload);
        let upload = FileName::or_upload(&upload)?;
        let missing = |error: Error| match error.kind() {
            // One that may be tried again says itself what is missing.
            ErrorKind::NotFound if !error.is_retryable() => {
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
        let field = self.field();
        let is_image = field.value(self.model).is_image();
        let prepared = if store::examines(def) {
            let mut content = handle.open(upload).await.map_err(missing)?.into_content();
            let (_, extensions) = store::examine(def, is_image, &mut content).await?;
            if def.spec().verify.is_some() {
                // What was verified is stored, and not what the client may have sent since.
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

/// Whether the upload itself is at fault, which no other try would change.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotAsStated | ErrorKind::TooLarge | ErrorKind::NotAccepted | ErrorKind::NotAnImage
    )
}

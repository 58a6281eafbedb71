//! From content to a stored file: the requested name, the rules, and the properties found in one pass.

use super::{FieldDef, FileField, FileMeta, Naming, UploadTo};
use crate::error::BAD_UPLOAD_TO;
use crate::field::PixelCount;
use crate::image::Dimensions;
use crate::inspect::{Inspection, InspectionResult, Inspector, Rules, Stated, extensions, hex, sniff};
use crate::model::{Companion, FileModel, ModelField};
use crate::registry::StorageHandle;
use crate::storage::NewFile;
use crate::{Content, Error, ErrorKind, FileName, Result, SaveOptions, Saved, name, settings, upload_to};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Content ready to be stored for a field: its name is chosen and its rules are attached.
pub(crate) struct Prepared {
    /// The name requested by the field's rules.
    pub(crate) name: String,
    /// The client's file name.
    pub(crate) original_name: String,
    /// Random. Part of the name if names are unique.
    #[cfg(feature = "db")]
    pub(crate) token: String,
    /// Proves that this process stored the file: the token, prefixed with the identity of the database if it
    /// is known.
    pub(crate) owner: String,
    /// The upload to promote, for which the content stands in.
    #[cfg(feature = "db")]
    pub(crate) upload: Option<String>,
    /// In a lock because content is not `Sync`, and waiting content is borrowed across an await.
    content: Mutex<Option<Content>>,
    #[cfg(feature = "db")]
    rules: Rules,
    result: InspectionResult,
}

/// A file that has been stored for a field.
pub(crate) struct Stored {
    pub(crate) saved: Saved,
    pub(crate) original_name: String,
    pub(crate) inspection: Inspection,
}

/// Content, and the extensions that its bytes allow if the field requires that.
pub(crate) struct Examined {
    pub(crate) content: Content,
    pub(crate) extensions: Option<&'static [&'static str]>,
}

/// Whether a field examines content before it is stored.
#[cfg(feature = "db")]
pub(crate) fn examines(def: &FieldDef) -> bool {
    def.spec().detected_extension || def.spec().verify.is_some()
}

/// Runs `verify` on the content and determines the allowed extensions from its first bytes, as far as the
/// field requires it; other fields cost nothing. Returns whether the content is now a copy, and the allowed
/// extensions. Content that is refused can still be read.
pub(crate) async fn examine(
    def: &FieldDef,
    is_image: bool,
    content: &mut Content,
) -> Result<(bool, Option<&'static [&'static str]>)> {
    let spec = def.spec();
    limit_time(content);
    let is_copy = match spec.verify {
        None => false,
        Some(verify) => {
            let rules = Rules { max_size: spec.max_size, accept: spec.accept, ..Rules::default() };
            let refused = if is_image { ErrorKind::NotAnImage } else { ErrorKind::NotAccepted };
            content.check(rules, verify, refused).await?
        }
    };
    let extensions = match spec.detected_extension {
        true => Some(extensions(sniff(&content.head().await?))),
        false => None,
    };
    Ok((is_copy, extensions))
}

/// Sets the time limits of the settings on content that may wait, if it has none.
fn limit_time(content: &mut Content) {
    if content.may_wait() {
        content.fill_timeouts(settings::settings().upload_timeouts());
    }
}

/// Prepares `content` for `field`. `filename` counts as a client's name, whoever wrote it. Reads and writes
/// nothing.
pub(crate) fn prepare<M: FileModel>(
    model: &M,
    field: ModelField<M>,
    handle: &StorageHandle<'_>,
    filename: &str,
    examined: Examined,
    stated: Stated,
) -> Result<Prepared> {
    let token = name::token().map_err(|error| field.def().blame(error.with_operation("save")))?;
    prepare_stated(model, field, handle, filename, examined, token, stated)
}

/// Like [`prepare`], for the upload `upload` with this token and the properties declared by its sender. The
/// content is already in the storage.
#[cfg(feature = "db")]
pub(crate) fn prepare_upload<M: FileModel>(
    model: &M,
    field: ModelField<M>,
    handle: &StorageHandle<'_>,
    filename: &str,
    (upload, extensions): (FileName<'_>, Option<&'static [&'static str]>),
    stated: Stated,
) -> Result<Prepared> {
    let token = upload.upload_token().unwrap_or_default().to_owned();
    let examined = Examined { content: "".into(), extensions };
    let prepared = prepare_stated(model, field, handle, filename, examined, token, stated)?;
    Ok(Prepared { upload: Some(upload.to_string()), ..prepared })
}

fn prepare_stated<M: FileModel>(
    model: &M,
    field: ModelField<M>,
    handle: &StorageHandle<'_>,
    original_name: &str,
    examined: Examined,
    token: String,
    stated: Stated,
) -> Result<Prepared> {
    let def = field.def();
    let mut content = examined.content;
    limit_time(&mut content);
    let valid = |base: &str| handle.valid_name(base);
    // The only place where a client's name becomes a stored name.
    let filename = name::from_client(original_name);
    let filename = &match examined.extensions {
        Some(allowed) => name::with_extension(&filename, allowed),
        None => filename,
    };
    let generated = match def.spec().upload_to {
        UploadTo::Template(template) => {
            upload_to::generate_filename(&name::nfc(template), &settings::now(), filename, valid)
        }
        UploadTo::Function => match catch_unwind(AssertUnwindSafe(|| field.upload_name(model, filename))) {
            Ok(Some(returned)) => {
                // The client's part of the name is valid, so renaming the file would not help.
                upload_to::callable_filename(&returned, valid)
                    .map_err(|error| error.with_message(BAD_UPLOAD_TO))
            }
            Ok(None) => Err(Error::new(ErrorKind::UploadTo, "the field has no `upload_to` function")),
            Err(_) => Err(Error::new(ErrorKind::UploadTo, "the `upload_to` function panicked")),
        },
    };
    let named = generated.and_then(|generated| {
        let wanted = match def.spec().naming {
            Naming::Keep => generated,
            Naming::Unique => name::with_token(&generated, &token),
        };
        // A name over a limit is shortened like a taken one.
        let wanted = name::fitted(&wanted, def.spec().max_length)?;
        FileName::new(&wanted)?;
        Ok(wanted)
    });
    let wanted = named.map_err(|error| def.blame(error.with_operation("save").with_name(original_name)))?;
    let measured = field.width().is_some() || field.height().is_some() || field.meta().is_some();
    let is_image = field.value(model).is_image();
    let max_pixels = |side: Option<Companion<M, dyn PixelCount>>| {
        side.map_or(u32::MAX, |side| side.get(model).max_pixels())
    };
    let max_sides = Dimensions { width: max_pixels(field.width()), height: max_pixels(field.height()) };
    let mut pixels = [field.width(), field.height()].into_iter().flatten();
    let accept = def.spec().accept;
    let rules = Rules {
        max_size: def.spec().max_size,
        accept,
        checksum: field.meta().is_some(),
        dimensions: measured && is_image,
        max_sides: Some(max_sides),
        needs_dimensions: is_image && pixels.any(|side| !side.get(model).can_be_empty()),
        sound_images: is_image && !accept.is_empty(),
        stated,
    };
    Ok(Prepared::new(wanted, original_name, token, content, rules))
}

impl Prepared {
    /// Prepares content to be stored under `name` or a free variant of it.
    pub(crate) fn new(
        name: String,
        original_name: &str,
        token: String,
        content: Content,
        rules: Rules,
    ) -> Self {
        let (inspector, result) = Inspector::new(rules.clone());
        let content = Mutex::new(Some(content.with_inspector(inspector)));
        Prepared {
            name,
            original_name: original_name.to_owned(),
            owner: token.clone(),
            #[cfg(feature = "db")]
            token,
            #[cfg(feature = "db")]
            upload: None,
            content,
            #[cfg(feature = "db")]
            rules,
            result,
        }
    }

    /// Writes the bytes under a free variant of the name.
    pub(crate) async fn store(
        mut self,
        def: &'static FieldDef,
        handle: &StorageHandle<'_>,
    ) -> Result<Stored> {
        let file = self.file(def, false)?;
        let saved = handle.save(file.name, file.content, &file.options).await;
        self.finish(def, handle.alias(), saved)
    }

    /// Returns the file for a storage to save: under the exact name if `exact`, otherwise under a free
    /// variant of it.
    pub(crate) fn file(&mut self, def: &'static FieldDef, exact: bool) -> Result<NewFile<'_>> {
        let content =
            self.content.get_mut().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(|| {
                def.blame(
                    Error::new(ErrorKind::Consumed, "the content was stored before").with_operation("save"),
                )
            })?;
        let options = SaveOptions {
            exact,
            owner: Some(self.owner.clone()),
            max_length: Some(def.spec().max_length),
            upload_log: None,
            gate: None,
        };
        Ok(NewFile { name: FileName::new(&self.name)?, content, options })
    }

    /// The content that is still to be stored.
    #[cfg(feature = "db")]
    pub(crate) fn content(&mut self) -> Option<&Content> {
        self.content.get_mut().unwrap_or_else(PoisonError::into_inner).as_ref()
    }

    /// Sets the same content again for another try.
    #[cfg(feature = "db")]
    pub(crate) fn set_content(&mut self, content: Content) {
        let (inspector, result) = Inspector::new(self.rules.clone());
        self.content = Mutex::new(Some(content.with_inspector(inspector)));
        self.result = result;
    }

    /// Combines the result of the storage with the inspection.
    pub(crate) fn finish(&self, def: &'static FieldDef, alias: &str, saved: Result<Saved>) -> Result<Stored> {
        let blame =
            |error: Error| def.blame(error.with_operation("save").with_name(&self.name).with_storage(alias));
        let saved = saved.map_err(blame)?;
        // A storage that did not read the content to its end has not stored it.
        let inspection = self.result.get().cloned().ok_or_else(|| {
            blame(Error::new(ErrorKind::Usage, "the storage did not read the content to its end").uncertain())
        })?;
        FileName::new(&saved.name).map_err(|error| blame(error.uncertain()))?;
        Ok(Stored { saved, original_name: self.original_name.clone(), inspection })
    }
}

/// Sets a stored file on its field and fills the companion fields.
pub(crate) fn fill<M: FileModel>(
    model: &mut M,
    field: ModelField<M>,
    alias: &str,
    stored: &Stored,
    file: FileField,
) {
    let dimensions = stored.inspection.dimensions;
    put(model, field, file);
    set_pixels(model, field, dimensions.map(|d| (d.width, d.height)));
    if let Some(meta) = field.meta() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok();
        meta.get_mut(model).set_meta(Some(FileMeta {
            original_name: Some(stored.original_name.clone()),
            storage: Some(alias.to_owned()),
            size: Some(stored.inspection.size),
            content_type: stored.inspection.content_type.map(str::to_owned),
            sha256: stored.inspection.sha256.as_ref().map(|hash| hex(hash)),
            width: dimensions.map(|d| d.width),
            height: dimensions.map(|d| d.height),
            stored_at: now.and_then(|now| i64::try_from(now.as_secs()).ok()),
        }));
    }
}

/// The values of the companion fields of a file.
#[cfg(feature = "db")]
pub(crate) fn beside<M: FileModel>(
    model: &M,
    field: ModelField<M>,
) -> (Option<u32>, Option<u32>, Option<&FileMeta>) {
    let width = field.width().and_then(|width| width.get(model).pixels());
    let height = field.height().and_then(|height| height.get(model).pixels());
    (width, height, field.meta().and_then(|meta| meta.get(model).meta()))
}

/// Copies the file of a field and its companion fields from `from` to `model`.
#[cfg(feature = "db")]
pub(crate) fn copy<M: FileModel>(model: &mut M, field: ModelField<M>, from: &M) {
    put(model, field, field.value(from).file().clone());
    for pixels in [field.width(), field.height()].into_iter().flatten() {
        pixels.get_mut(model).set_pixels(pixels.get(from).pixels());
    }
    if let Some(meta) = field.meta() {
        meta.get_mut(model).set_meta(meta.get(from).meta().cloned());
    }
}

/// Sets `file` on its field and clears the companion fields.
pub(crate) fn replace<M: FileModel>(model: &mut M, field: ModelField<M>, file: FileField) {
    put(model, field, file);
    set_pixels(model, field, None);
    if let Some(meta) = field.meta() {
        meta.get_mut(model).set_meta(None);
    }
}

/// Sets `file` on its field. Keeps what the instance knows of its row.
pub(crate) fn put<M: FileModel>(model: &mut M, field: ModelField<M>, file: FileField) {
    let value = field.value_mut(model);
    #[cfg(feature = "db")]
    let file = file.in_place_of(value.file());
    value.set_file(file);
}

fn set_pixels<M: FileModel>(model: &mut M, field: ModelField<M>, pixels: Option<(u32, u32)>) {
    if let Some(width) = field.width() {
        width.get_mut(model).set_pixels(pixels.map(|(width, _)| width));
    }
    if let Some(height) = field.height() {
        height.get_mut(model).set_pixels(pixels.map(|(_, height)| height));
    }
}

//! Reading a stored file of a field and its properties.

use super::{FieldDef, FieldFile, ImageValue, PixelCount};
use crate::file::{DEFAULT_CHUNK_SIZE, LineStream};
use crate::image::{Dimensions, HeaderReader, ImageInfo, Need, feed_from};
use crate::inspect::hex;
use crate::inspect::{SNIFF_LEN, sniff};
use crate::model::{Companion, FileModel};
use crate::registry::StorageHandle;
use crate::storage::SignOptions;
use crate::{Bytes, Error, ErrorKind, FileName, Reader, Result, StorageExt};
use futures_core::Stream;
use sha2::{Digest, Sha256};
use std::ops::Range;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

impl<M: FileModel, V> FieldFile<'_, M, V> {
    /// Returns the URL. Does no I/O.
    ///
    /// # Errors
    /// Returns [`NoFile`](crate::ErrorKind::NoFile) without a file,
    /// [`NotStored`](crate::ErrorKind::NotStored) for pending content, and
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if the storage has no base URL.
    pub fn url(&self) -> Result<String> {
        let (name, handle) = self.stored("url")?;
        handle.url(name).map_err(|error| self.blame("url", &handle, error))
    }

    /// Returns a URL that allows one kind of request for a limited time: a download for a
    /// [`Duration`](std::time::Duration), or what [`SignOptions`] specify.
    ///
    /// # Errors
    /// Returns the errors of [`url`](Self::url), [`Usage`](crate::ErrorKind::Usage) if the lifetime is too
    /// long, and [`Unsupported`](crate::ErrorKind::Unsupported) if the storage has no key.
    pub async fn signed_url(&self, options: impl Into<SignOptions>) -> Result<String> {
        let (name, handle) = self.stored("signed_url")?;
        let signed = handle.signed_url(name, &options.into()).await;
        signed.map_err(|error| self.blame("signed_url", &handle, error))
    }

    /// Returns the absolute path, on storages that have one.
    ///
    /// # Errors
    /// Returns the errors of [`url`](Self::url), and [`Unsupported`](crate::ErrorKind::Unsupported) on other
    /// storages.
    pub fn path(&self) -> Result<PathBuf> {
        let (name, handle) = self.stored("path")?;
        handle.path(name).map_err(|error| self.blame("path", &handle, error))
    }

    /// Returns the size in bytes: of pending content, otherwise from the row if a `meta_field` has it,
    /// otherwise from the storage.
    ///
    /// # Errors
    /// Returns [`NoFile`](crate::ErrorKind::NoFile) without a file,
    /// [`NotStored`](crate::ErrorKind::NotStored) for pending content of unknown length, and
    /// [`NotFound`](crate::ErrorKind::NotFound) if the file is missing; propagates errors of the storage.
    pub async fn size(&self) -> Result<u64> {
        if let Some(size) = self.value().file().as_pending().and_then(|pending| pending.len()) {
            return Ok(size);
        }
        if let Some(size) = self.meta().and_then(|meta| meta.size) {
            return Ok(size);
        }
        let (name, handle) = self.stored("size")?;
        handle.size(name).await.map_err(|error| self.blame("size", &handle, error))
    }

    /// Returns whether the stored file exists. `false` for a field without a stored file.
    ///
    /// # Errors
    /// Propagates errors of the storage.
    pub async fn exists(&self) -> Result<bool> {
        if !self.is_stored() {
            return Ok(false);
        }
        let (name, handle) = self.stored("exists")?;
        handle.exists(name).await.map_err(|error| self.blame("exists", &handle, error))
    }

    /// Returns the time of the last change of the bytes.
    ///
    /// # Errors
    /// Returns [`NoFile`](crate::ErrorKind::NoFile) without a file,
    /// [`NotStored`](crate::ErrorKind::NotStored) for pending content, and
    /// [`NotFound`](crate::ErrorKind::NotFound) if the file is missing; propagates errors of the storage.
    pub async fn modified(&self) -> Result<SystemTime> {
        let (name, handle) = self.stored("modified")?;
        handle.modified(name).await.map_err(|error| self.blame("modified", &handle, error))
    }

    /// Opens the stored file. Every call returns a separate reader, which closes when it is dropped.
    ///
    /// # Errors
    /// Returns [`NoFile`](crate::ErrorKind::NoFile) without a file,
    /// [`NotStored`](crate::ErrorKind::NotStored) for pending content, and
    /// [`NotFound`](crate::ErrorKind::NotFound) if the file is missing; propagates errors of the storage.
    pub async fn open(&self) -> Result<Reader> {
        let (name, handle) = self.stored("open")?;
        handle.open(name).await.map_err(|error| self.blame("open", &handle, error))
    }

    /// Opens part of the stored file. `range` is in bytes and is cut at the end of the file.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open).
    pub async fn open_range(&self, range: Range<u64>) -> Result<Reader> {
        let (name, handle) = self.stored("open")?;
        handle.open_range(name, range).await.map_err(|error| self.blame("open", &handle, error))
    }

    /// Reads the whole stored file.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open).
    pub async fn read(&self) -> Result<Bytes> {
        self.read_limited(u64::MAX).await
    }

    /// Reads the whole stored file, at most `limit` bytes.
    ///
    /// # Errors
    /// Returns [`TooLarge`](crate::ErrorKind::TooLarge) if the file is larger, and the errors of
    /// [`open`](Self::open).
    pub async fn read_limited(&self, limit: u64) -> Result<Bytes> {
        let (name, handle) = self.stored("read")?;
        let blame = |error| self.blame("read", &handle, error);
        handle.open(name).await.map_err(blame)?.read_all(limit).await.map_err(blame)
    }

    /// Reads the whole stored file and checks that it has the size and the SHA-256 recorded in the row.
    ///
    /// # Errors
    /// Returns [`NotAsStated`](crate::ErrorKind::NotAsStated) if the bytes differ,
    /// [`Usage`](crate::ErrorKind::Usage) if the field has no `meta_field` or the row has no hash, and the
    /// errors of [`open`](Self::open).
    pub async fn read_verified(&self) -> Result<Bytes> {
        let recorded = self.recorded("read")?;
        // One byte more shows whether the file is longer.
        let limit = recorded.size.map_or(u64::MAX, |size| size.saturating_add(1));
        let (name, handle) = self.stored("read")?;
        let blame = |error| self.blame("read", &handle, error);
        let reader = handle.open_range(name, 0..limit).await.map_err(blame)?;
        let bytes = reader.read_all(limit).await.map_err(blame)?;
        recorded.check(bytes.len() as u64, Sha256::digest(&bytes).as_slice()).map_err(blame)?;
        Ok(bytes)
    }

    /// Reads the stored file in pieces and checks that it has the size and the SHA-256 recorded in the row.
    ///
    /// # Errors
    /// The errors of [`read_verified`](Self::read_verified).
    pub async fn verify(&self) -> Result<()> {
        let recorded = self.recorded("verify")?;
        let (name, handle) = self.stored("verify")?;
        let blame = |error| self.blame("verify", &handle, error);
        let mut reader = handle.open(name).await.map_err(blame)?;
        let (mut size, mut hash) = (0, Sha256::new());
        while let Some(piece) = reader.next_chunk(DEFAULT_CHUNK_SIZE.get()).await.map_err(blame)? {
            size += piece.len() as u64;
            hash.update(&piece);
            if recorded.size.is_some_and(|recorded| size > recorded) {
                break;
            }
        }
        recorded.check(size, hash.finalize().as_slice()).map_err(blame)
    }

    /// The recorded properties of the file, to compare with its bytes.
    fn recorded(&self, operation: &'static str) -> Result<Recorded<'_>> {
        let meta = self.meta();
        match meta.and_then(|meta| meta.sha256.as_deref()) {
            Some(sha256) => Ok(Recorded { size: meta.and_then(|meta| meta.size), sha256 }),
            None => {
                let text = "the row has no hash of the file: the field needs a `meta_field`, and the file must have been \
                            saved with it";
                Err(self.def().blame(Error::new(ErrorKind::Usage, text).with_operation(operation)))
            }
        }
    }

    /// Returns the stored file in pieces of `size` bytes; the last one may be shorter.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open).
    pub async fn chunks(
        &self,
        size: usize,
    ) -> Result<impl Stream<Item = Result<Bytes>> + Send + Unpin + use<M, V>> {
        let (name, handle) = self.stored("open")?;
        let chunks = self.open().await?.into_stream(size);
        Ok(Blamed { chunks, def: self.def(), handle, name: name.to_string() })
    }

    /// Returns the lines of the stored file, including their endings: `\n`, `\r\n` or `\r`. Set
    /// [`max_len`](LineStream::max_len) for untrusted files.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open).
    pub async fn lines(
        &self,
    ) -> Result<LineStream<impl Stream<Item = Result<Bytes>> + Send + Unpin + use<M, V>>> {
        Ok(LineStream::new(self.chunks(DEFAULT_CHUNK_SIZE.get()).await?))
    }

    /// Returns the media type detected from the bytes: from the row if a `meta_field` has it, otherwise from
    /// the first 4 KiB of the file. `None` if no signature matches.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open).
    pub async fn content_type(&self) -> Result<Option<String>> {
        if let Some(meta) = self.meta() {
            return Ok(meta.content_type.clone());
        }
        let (name, handle) = self.stored("read")?;
        let blame = |error| self.blame("read", &handle, error);
        let head = handle.open_range(name, 0..SNIFF_LEN as u64).await.map_err(blame)?;
        let head = head.read_all(SNIFF_LEN as u64).await.map_err(blame)?;
        Ok(sniff(&head).map(str::to_owned))
    }

    /// Returns the SHA-256 of the bytes as 64 hexadecimal digits, from the row; `None` if no `meta_field` has
    /// it.
    pub fn checksum(&self) -> Option<&str> {
        self.meta()?.sha256.as_deref()
    }

    /// Returns the row's metadata of the stored file, from its `meta_field`. `None` for content that was
    /// assigned and not stored yet.
    pub fn meta(&self) -> Option<&super::FileMeta> {
        if self.is_stored() { self.field().meta()?.get(self.model).meta() } else { None }
    }
}

/// The recorded properties of a row's file.
struct Recorded<'a> {
    size: Option<u64>,
    sha256: &'a str,
}

impl Recorded<'_> {
    fn check(&self, size: u64, sha256: &[u8]) -> Result<()> {
        if self.size.is_some_and(|recorded| recorded != size)
            || !self.sha256.eq_ignore_ascii_case(&hex(sha256))
        {
            let text = "the file is not the one that the row was saved with: its bytes are others";
            return Err(Error::new(ErrorKind::NotAsStated, text));
        }
        Ok(())
    }
}

impl<M: FileModel, V: ImageValue> FieldFile<'_, M, V> {
    /// Returns the stored width in pixels; `None` if the file is not an image.
    ///
    /// # Errors
    /// The errors of [`dimensions`](Self::dimensions).
    pub async fn width(&self) -> Result<Option<u32>> {
        if let Some(width) = self.pixels(self.field().width()) {
            return Ok(Some(width));
        }
        Ok(self.dimensions().await?.map(|dimensions| dimensions.width))
    }

    /// Returns the stored height in pixels; `None` if the file is not an image.
    ///
    /// # Errors
    /// The errors of [`dimensions`](Self::dimensions).
    pub async fn height(&self) -> Result<Option<u32>> {
        if let Some(height) = self.pixels(self.field().height()) {
            return Ok(Some(height));
        }
        Ok(self.dimensions().await?.map(|dimensions| dimensions.height))
    }

    /// Returns the stored width and height: from the row if it has them, otherwise from the image's header.
    /// Requests at most 64 KiB (of a JPEG, the heads of its first 1,024 segments); from a storage without
    /// local paths, 4 KiB and then pieces of at most 60 KiB. `None` if the file is not an image.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open).
    pub async fn dimensions(&self) -> Result<Option<Dimensions>> {
        let (width, height) = (self.pixels(self.field().width()), self.pixels(self.field().height()));
        if let (Some(width), Some(height)) = (width, height) {
            return Ok(Some(Dimensions { width, height }));
        }
        if let Some(meta) = self.meta() {
            return Ok(meta.width.zip(meta.height).map(|(width, height)| Dimensions { width, height }));
        }
        Ok(self.header(HeaderReader::dimensions_only()).await?.map(|info| info.dimensions))
    }

    /// Returns width and height as displayed: the stored ones turned by the EXIF orientation.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open).
    pub async fn oriented_dimensions(&self) -> Result<Option<Dimensions>> {
        Ok(self.header(HeaderReader::new()).await?.map(|info| info.oriented_dimensions()))
    }

    /// Returns the EXIF orientation, 1 to 8. It is 1 if the image has none, or has it where it is not looked
    /// for: after more than 64 KiB of headers (some 60 large frames of a WebP) or after the pixels of a PNG.
    /// `None` if the file is not an image.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open).
    pub async fn orientation(&self) -> Result<Option<u8>> {
        Ok(self.header(HeaderReader::new()).await?.map(|info| info.orientation))
    }

    /// The row's value for a stored image.
    fn pixels(&self, companion: Option<Companion<M, dyn PixelCount>>) -> Option<u32> {
        if self.is_stored() { companion?.get(self.model).pixels() } else { None }
    }

    async fn header(&self, header: HeaderReader) -> Result<Option<ImageInfo>> {
        let (name, handle) = self.stored("read")?;
        read_header(header, name, &handle).await.map_err(|error| self.blame("read", &handle, error))
    }
}

async fn read_header(
    mut header: HeaderReader,
    name: FileName<'_>,
    handle: &StorageHandle<'_>,
) -> Result<Option<ImageInfo>> {
    let Need::Bytes { offset, len } = header.need() else { return Ok(None) };
    let mut reader = handle.open_range(name, offset..offset.saturating_add(len as u64)).await?;
    // A cached local file is read here. The reader's own bytes are useful only if it was not.
    let fed = feed_from(&mut header, |offset, buf| reader.try_read_at(offset, buf))?;
    read_remote_header(header, name, handle, (!fed).then_some(reader)).await
}

/// Continues if the file is remote or on a disk. A local file is read with one more open. A bucket receives a
/// request for each piece, never for the rest of the file.
async fn read_remote_header(
    mut header: HeaderReader,
    name: FileName<'_>,
    handle: &StorageHandle<'_>,
    mut first: Option<Reader>,
) -> Result<Option<ImageInfo>> {
    let local = handle.path(name).is_ok();
    let mut open: Option<(Reader, u64)> = None;
    let mut hops = false;
    loop {
        let (offset, len) = match if hops { header.need() } else { header.need_far() } {
            Need::Done(info) => return Ok(info),
            Need::Bytes { offset, len } => (offset, len),
        };
        let ahead = open.take().and_then(|(mut reader, at)| {
            let hopped = reader.try_skip(offset.checked_sub(at)?);
            hopped.then_some(reader)
        });
        let end = if hops { u64::MAX } else { offset.saturating_add(len as u64) };
        let mut reader = match first.take().or(ahead) {
            Some(reader) => reader,
            None => handle.open_range(name, offset..end).await?,
        };
        let mut bytes = Vec::with_capacity(len);
        while let Some(chunk) = reader.next_chunk(len - bytes.len()).await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() >= len {
                break;
            }
        }
        let at = offset + bytes.len() as u64;
        if hops {
            open = Some((reader, at));
        } else {
            hops = local && reader.try_skip(0);
        }
        header.feed(offset, &bytes);
    }
}

/// The chunks of a field's file. Their errors name the field.
struct Blamed<S> {
    chunks: S,
    def: &'static FieldDef,
    handle: StorageHandle<'static>,
    name: String,
}

impl<S: Stream<Item = Result<Bytes>> + Unpin> Stream for Blamed<S> {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let chunk = ready!(Pin::new(&mut self.chunks).poll_next(cx));
        Poll::Ready(chunk.map(|chunk| {
            chunk.map_err(|error| {
                let error = error.with_operation("read").with_name(&self.name);
                self.def.blame(error.with_storage(self.handle.alias()))
            })
        }))
    }
}

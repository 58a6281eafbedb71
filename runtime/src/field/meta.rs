//! Metadata of a stored file, kept in one JSON column.

use serde::Serialize;

/// Metadata collected while a file is stored: filled through `meta_field`, kept as one JSON column.
///
/// The default value means "no file" and serialises to `{}`. Database columns are read unchanged.
/// `Deserialize` accepts only "no file", because `storage` determines where the file is read: see
/// [`filefield::serde`](mod@crate::serde).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct FileMeta {
    /// The client's file name, unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_name: Option<String>,
    /// The alias of the storage that holds the file. The file is read there, even if the field has a
    /// different storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// Size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The media type detected from the bytes, never the one declared by the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// SHA-256 of the bytes, 64 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Stored width in pixels, for images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Stored height in pixels, for images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// When the file was stored, in seconds since 1970-01-01T00:00:00Z.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_at: Option<i64>,
}

impl FileMeta {
    /// Returns whether there is no metadata, because there is no file.
    pub fn is_empty(&self) -> bool {
        *self == FileMeta::default()
    }
}

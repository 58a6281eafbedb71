//! What is known of a stored file, kept in one JSON column.

use serde::Serialize;

/// What was learned of a file while it was stored: filled through `meta_field`, kept as one JSON column.
///
/// The default value stands for "no file" and serialises to `{}`. A column of the database is read as it is. `Deserialize`
/// takes nothing but "no file", because `storage` decides where the file is read: see
/// [`filefield::serde`](mod@crate::serde).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct FileMeta {
    /// The name the client gave, as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_name: Option<String>,
    /// The alias of the storage that holds the file: where it is not that of the field, the file is read there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// Size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The media type the bytes show; never what the client claimed.
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
    /// When it was stored: seconds since 1970-01-01T00:00:00Z.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_at: Option<i64>,
}

impl FileMeta {
    /// Whether nothing is known, because there is no file.
    pub fn is_empty(&self) -> bool {
        *self == FileMeta::default()
    }
}

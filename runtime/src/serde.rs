//! File values and serde: what is written, and what may be read back.
//!
//! A file value serialises as its stored name, or `null` if there is no file. A [`FileMeta`](crate::FileMeta)
//! serialises as a map.
//!
//! Deserialising reads no stored name, because whoever names a file in a row can read it, link to it and delete it.
//! A missing field, `null` and `""` make an empty field; any other text is an error. So a model can derive
//! `Deserialize` and be the body of a request: the client cannot name a file, and your code assigns the upload.
//!
//! ```
//! # use filefield::prelude::*;
//! #[derive(Debug, Model, serde::Deserialize)]
//! struct Car {
//!     name: String,
//!     #[file(upload_to = "cars", meta_field = photo_meta)]
//!     photo: ImageField,
//!     #[serde(default)]
//!     photo_meta: FileMeta,
//! }
//! let car: Car = serde_json::from_str(r#"{"name": "57 Chevy"}"#).unwrap();
//! assert!(car.photo.is_empty());
//! let attack = r#"{"name": "57 Chevy", "photo": "docs/secret.pdf"}"#;
//! assert!(serde_json::from_str::<Car>(attack).is_err());
//! ```
//!
//! Keep the primary key of such a model out as well, with `#[serde(skip_deserializing)]`, or call
//! `insert`: `save` of an instance that has a key updates that row, and an empty file field takes the row's file away.
//!
//! A client that sends back what it was given has to leave the file out. To ignore the field whatever is sent, write
//! `#[serde(skip_deserializing)]`. Fixtures, exports, caches and JSON columns are your own data: read them with
//! [`trusted`].

/// Reads the stored names and the [`FileMeta`](crate::FileMeta) of data that no client has written:
/// `#[serde(with = "filefield::serde::trusted")]`.
///
/// It is for fields of type [`FileField`](crate::FileField), [`ImageField`](crate::ImageField), `FileMeta` and `Option`
/// of these. As with any `with`, a field that may be missing also needs `#[serde(default)]`.
///
/// ```
/// use filefield::{FileField, FileMeta};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Fixture {
///     #[serde(with = "filefield::serde::trusted")]
///     manual: FileField,
///     #[serde(default, with = "filefield::serde::trusted")]
///     manual_meta: Option<FileMeta>,
/// }
/// let fixture: Fixture = serde_json::from_str(r#"{"manual": "manuals/57.pdf"}"#).unwrap();
/// assert_eq!(fixture.manual.name(), Some("manuals/57.pdf"));
/// ```
pub mod trusted {
    use crate::field::Trusted;
    use serde::{Deserializer, Serialize, Serializer};

    /// Writes the value as it is written without `with`.
    ///
    /// # Errors
    /// Those of the serializer, and content that is not stored yet.
    pub fn serialize<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    /// Reads a value, a stored name included.
    ///
    /// # Errors
    /// Those of the deserializer, and a value of another type.
    pub fn deserialize<'de, T: Trusted, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        T::deserialize_trusted(deserializer)
    }
}

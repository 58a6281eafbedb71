//! File values and serde: what is serialised, and what can be deserialised.
//!
//! A file value serialises as its stored name, or `null` if there is no file. A [`FileMeta`](crate::FileMeta)
//! serialises as a map.
//!
//! Deserialising accepts no stored names, because whoever can name a file in a row can read it, link to it
//! and delete it. A missing field, `null` and `""` produce an empty field; any other text is an error. A
//! model can therefore derive `Deserialize` and be the body of a request: the client cannot name a file, and
//! your code assigns the upload.
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
//! Also exclude the primary key of such a model, with `#[serde(skip_deserializing)]`, or call `insert`:
//! `save` of an instance with a key updates that row, and an empty file field clears the row's file.
//!
//! A client that sends back a serialised value must omit the file. To ignore the field whatever is sent, use
//! `#[serde(skip_deserializing)]`. Fixtures, exports, caches and JSON columns are your own data: read them
//! with [`trusted`].

/// Deserialises stored names and [`FileMeta`](crate::FileMeta) from data that no client has written:
/// `#[serde(with = "filefield::serde::trusted")]`.
///
/// For fields of type [`FileField`](crate::FileField), [`ImageField`](crate::ImageField), `FileMeta` and
/// `Option` of these. As with any `with`, a field that may be missing also needs `#[serde(default)]`.
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

    /// Serialises the value as without `with`.
    ///
    /// # Errors
    /// Fails for content that is not stored yet; propagates errors of the serializer.
    pub fn serialize<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    /// Deserialises a value, including a stored name.
    ///
    /// # Errors
    /// Fails for a value of another type; propagates errors of the deserializer.
    pub fn deserialize<'de, T: Trusted, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        T::deserialize_trusted(deserializer)
    }
}

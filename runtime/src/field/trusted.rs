//! Deserialising file values: from clients and from trusted data.

use super::{FileField, FileMeta, ImageField, Listed};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A type supported by [`filefield::serde::trusted`](crate::serde::trusted): [`FileField`], [`ImageField`],
/// [`FileMeta`] and `Option` of these.
#[diagnostic::on_unimplemented(
    message = "`filefield::serde::trusted` cannot read `{Self}`",
    label = "expected `FileField`, `ImageField` or `FileMeta`, optionally inside `Option`"
)]
pub trait Trusted: Listed + Sized {
    /// Deserialises a value that no client has written.
    ///
    /// # Errors
    /// Fails for a value of another type; propagates errors of the deserializer.
    fn deserialize_trusted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

const NO_NAME: &str = "a file cannot be named here: leave this field out, and send the file as an upload (for data that no \
     client has written: `#[serde(with = \"filefield::serde::trusted\")]`)";

const NO_META: &str = "what is known of a file cannot be given here: leave this field out (for data that no client has \
     written: `#[serde(with = \"filefield::serde::trusted\")]`)";

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    Ok(name.filter(|name| !name.is_empty()))
}

/// `null`, a missing field and `""` mean no file. A name is an error, because a client that can name a file
/// can read it.
impl<'de> Deserialize<'de> for FileField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match name(deserializer)? {
            None => Ok(FileField::empty()),
            Some(_) => Err(D::Error::custom(NO_NAME)),
        }
    }
}

/// As for [`FileField`], a name is an error.
impl<'de> Deserialize<'de> for ImageField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        FileField::deserialize(deserializer).map(ImageField::from)
    }
}

/// The JSON form of [`FileMeta`].
#[derive(Deserialize)]
#[serde(remote = "FileMeta")]
struct Known {
    original_name: Option<String>,
    storage: Option<String>,
    size: Option<u64>,
    content_type: Option<String>,
    sha256: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    stored_at: Option<i64>,
}

#[derive(Deserialize)]
struct Meta(#[serde(with = "Known")] FileMeta);

fn meta<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<FileMeta>, D::Error> {
    Ok(Option::<Meta>::deserialize(deserializer)?.map(|Meta(meta)| meta))
}

/// `null`, a missing field and `{}` are the default. Anything else is an error, because a client could name
/// the storage the file is read from, or a wrong type or size.
impl<'de> Deserialize<'de> for FileMeta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match meta(deserializer)? {
            Some(meta) if !meta.is_empty() => Err(D::Error::custom(NO_META)),
            _ => Ok(FileMeta::default()),
        }
    }
}

#[diagnostic::do_not_recommend]
impl Trusted for FileField {
    fn deserialize_trusted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(name(deserializer)?.map(FileField::stored).unwrap_or_default())
    }
}

#[diagnostic::do_not_recommend]
impl Trusted for ImageField {
    fn deserialize_trusted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(name(deserializer)?.map(ImageField::stored).unwrap_or_default())
    }
}

#[diagnostic::do_not_recommend]
impl Trusted for Option<FileField> {
    fn deserialize_trusted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(name(deserializer)?.map(FileField::stored))
    }
}

#[diagnostic::do_not_recommend]
impl Trusted for Option<ImageField> {
    fn deserialize_trusted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(name(deserializer)?.map(ImageField::stored))
    }
}

#[diagnostic::do_not_recommend]
impl Trusted for FileMeta {
    fn deserialize_trusted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(meta(deserializer)?.unwrap_or_default())
    }
}

#[diagnostic::do_not_recommend]
impl Trusted for Option<FileMeta> {
    fn deserialize_trusted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        meta(deserializer)
    }
}

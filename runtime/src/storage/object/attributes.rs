//! The metadata stored with an object.

use crate::inspect::sniff;
use crate::name::posix;
use crate::{Error, ErrorKind, FileName, Result};
use object_store::{Attribute, Attributes};
use std::borrow::Cow;

/// The metadata key of the owner token. Azure allows no dash in such a key, and proxies drop underscores.
const OWNER: &str = "filefieldowner";
/// The metadata key of the token of the save, which distinguishes an object of an earlier try from another's.
const SAVE: &str = "filefieldsave";

/// How browsers treat a file: its `Content-Disposition`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disposition {
    /// Documents that can run scripts, such as HTML and SVG, are downloaded. Others are shown. The default.
    #[default]
    ActiveAsAttachment,
    /// Every file is downloaded.
    Attachment,
    /// No header: the browser decides by the type. Use it only if no untrusted user can upload, or if the
    /// base URL is on a separate domain.
    Unstated,
}

/// Settings for all objects of a storage.
#[derive(Clone, Debug, Default)]
pub(super) struct Defaults {
    pub(super) disposition: Disposition,
    pub(super) cache_control: Option<String>,
    pub(super) storage_class: Option<String>,
}

impl Defaults {
    pub(super) fn check(&self) -> Result<()> {
        for value in [&self.cache_control, &self.storage_class].into_iter().flatten() {
            if !is_header(value) {
                return Err(Error::new(ErrorKind::Settings, "a header is visible ASCII and not empty"));
            }
        }
        Ok(())
    }
}

/// Whether a value can be sent as a header and is returned unchanged.
fn is_header(value: &str) -> bool {
    let inner = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    inner && !value.is_empty() && value.trim() == value && value.len() <= 255
}

/// Returns the attributes of a file. `first` are its first bytes, `stated` is the type that the client
/// declared.
pub(super) fn of_file(
    defaults: &Defaults,
    name: FileName<'_>,
    first: &[u8],
    stated: Option<&str>,
    owner: Option<&str>,
    save: &str,
) -> Result<Attributes> {
    let content_type = content_type(name.file_name(), first, stated);
    let mut attributes = Attributes::with_capacity(6);
    let attachment = match defaults.disposition {
        Disposition::Attachment => true,
        Disposition::ActiveAsAttachment => is_active(&content_type),
        Disposition::Unstated => false,
    };
    if attachment {
        attributes.insert(Attribute::ContentDisposition, "attachment".into());
    }
    attributes.insert(Attribute::ContentType, content_type.into_owned().into());
    for (attribute, value) in [
        (Attribute::CacheControl, &defaults.cache_control),
        (Attribute::StorageClass, &defaults.storage_class),
    ] {
        if let Some(value) = value {
            attributes.insert(attribute, value.clone().into());
        }
    }
    if let Some(owner) = owner {
        insert_owner(&mut attributes, owner)?;
    }
    attributes.insert(Attribute::Metadata(SAVE.into()), save.to_owned().into());
    Ok(attributes)
}

fn insert_owner(attributes: &mut Attributes, owner: &str) -> Result<()> {
    if !is_header(owner) {
        let text = "an owner token is up to 255 characters of visible ASCII";
        return Err(Error::new(ErrorKind::Usage, text));
    }
    attributes.insert(Attribute::Metadata(OWNER.into()), owner.to_owned().into());
    Ok(())
}

/// Replaces the owner token in the attributes of an object. Adds the storage class, which services do not
/// return.
pub(super) fn set_owner(attributes: &mut Attributes, defaults: &Defaults, owner: &str) -> Result<()> {
    if let Some(class) = &defaults.storage_class {
        attributes.insert(Attribute::StorageClass, class.clone().into());
    }
    insert_owner(attributes, owner)
}

/// Returns the owner token of the attributes.
pub(super) fn owner(attributes: &Attributes) -> Option<String> {
    attributes.get(&Attribute::Metadata(OWNER.into())).map(|value| value.to_string())
}

/// Returns the token of the save that wrote the object.
pub(super) fn save(attributes: &Attributes) -> Option<&str> {
    attributes.get(&Attribute::Metadata(SAVE.into())).map(AsRef::as_ref)
}

/// Whether the save with this token wrote the object.
pub(super) fn is_of_save(attributes: &Attributes, save: &str) -> bool {
    self::save(attributes) == Some(save)
}

/// Types by extension, if the bytes alone are not enough: the extension, the type detected from the bytes,
/// and the result.
const BY_EXTENSION: &[(&str, Option<&str>, &str)] = &[
    ("css", Some("text/plain"), "text/css"),
    ("csv", Some("text/plain"), "text/csv"),
    ("ics", Some("text/plain"), "text/calendar"),
    ("js", Some("text/plain"), "text/javascript"),
    ("json", Some("text/plain"), "application/json"),
    ("md", Some("text/plain"), "text/markdown"),
    ("mjs", Some("text/plain"), "text/javascript"),
    ("vcf", Some("text/plain"), "text/vcard"),
    ("docx", Some(ZIP), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("epub", Some(ZIP), "application/epub+zip"),
    ("odp", Some(ZIP), "application/vnd.oasis.opendocument.presentation"),
    ("ods", Some(ZIP), "application/vnd.oasis.opendocument.spreadsheet"),
    ("odt", Some(ZIP), "application/vnd.oasis.opendocument.text"),
    ("pptx", Some(ZIP), "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("xlsx", Some(ZIP), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("7z", None, "application/x-7z-compressed"),
    ("aac", None, "audio/aac"),
    ("doc", None, "application/msword"),
    ("otf", None, "font/otf"),
    ("ppt", None, "application/vnd.ms-powerpoint"),
    ("rtf", Some("text/plain"), "application/rtf"),
    ("tar", None, "application/x-tar"),
    ("ttf", None, "font/ttf"),
    ("wasm", None, "application/wasm"),
    ("xls", None, "application/vnd.ms-excel"),
    ("zst", None, "application/zstd"),
];

const ZIP: &str = "application/zip";

/// Returns the media type of a file: the type detected from its bytes, refined by the extension for text and
/// containers. If nothing is detected: the declared type, or else the type of the extension.
fn content_type<'a>(file_name: &str, first: &[u8], stated: Option<&'a str>) -> Cow<'a, str> {
    let shown = sniff(first).filter(|_| !first.is_empty());
    let (_, extension) = file_name.split_at(posix::suffixes_at(file_name));
    let extension = extension.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let by_extension = BY_EXTENSION
        .iter()
        .find(|(known, from, _)| *known == extension && *from == shown)
        .map(|(_, _, content_type)| *content_type);
    let stated = stated.filter(|stated| is_header(stated) && stated.contains('/'));
    match (by_extension, shown) {
        (Some(found), Some(_)) | (None, Some(found)) => found.into(),
        (found, None) => stated.or(found).unwrap_or("application/octet-stream").into(),
    }
}

/// Whether a browser that shows this type may run scripts in it.
fn is_active(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.contains("html")
        || essence.contains("xml") && !essence.starts_with("application/vnd.")
        || essence.contains("javascript")
        || essence.contains("ecmascript")
        || essence.ends_with("/x-shockwave-flash")
        || essence.starts_with("multipart/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_decide_and_the_name_refines() {
        for (name, bytes, stated, wanted) in [
            ("photo.jpg", &b"<html><script>"[..], Some("image/jpeg"), "text/html"),
            ("photo.html", b"\x89PNG\r\n\x1a\n", Some("text/html"), "image/png"),
            ("a.csv", b"a,b\n1,2\n", None, "text/csv"),
            ("a.txt", b"a,b\n1,2\n", Some("text/csv"), "text/plain"),
            ("report.DOCX", b"PK\x03\x04", None, BY_EXTENSION[8].2),
            ("report.zip", b"PK\x03\x04", None, ZIP),
            ("x.tar", b"\0\x01\x02\x03", None, "application/x-tar"),
            ("x.docx", b"\0\x01\x02\x03", None, "application/octet-stream"),
            ("x", b"\0\x01\x02\x03", Some("model/stl"), "model/stl"),
            ("x", b"\0\x01\x02\x03", Some("a/b\r\nX: y"), "application/octet-stream"),
            ("x", b"", None, "application/octet-stream"),
        ] {
            assert_eq!(content_type(name, bytes, stated), wanted, "{name}");
        }
    }

    #[test]
    fn scripts_are_downloaded() {
        for active in ["text/html", "image/svg+xml", "Text/XML; charset=utf-8", "text/javascript", "a/x+html"]
        {
            assert!(is_active(active), "{active}");
        }
        for passive in ["image/png", "text/plain", "application/pdf", BY_EXTENSION[8].2] {
            assert!(!is_active(passive), "{passive}");
        }
    }
}

//! The table, and the content of its files.

use super::Random;
use filefield::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An image with metadata, an optional file, and a file whose name has a token.
#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "cars")]
pub(crate) struct Car {
    #[model(primary_key)]
    pub(crate) id: i64,
    #[model(unique)]
    pub(crate) name: String,
    #[file(upload_to = "cars", accept = ["image/*"], width_field = width, height_field = height, meta_field = photo_meta)]
    pub(crate) photo: ImageField,
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
    pub(crate) photo_meta: FileMeta,
    #[file(upload_to = "manuals", meta_field = manual_meta)]
    pub(crate) manual: Option<FileField>,
    pub(crate) manual_meta: FileMeta,
    #[file(upload_to = "keys/%Y", naming = "unique")]
    pub(crate) key: FileField,
}

/// The numbers of the files that a row names. A file's bytes follow from its number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Files {
    pub(crate) photo: Option<u32>,
    pub(crate) manual: Option<u32>,
    pub(crate) key: Option<u32>,
}

/// Rows by their name.
pub(crate) type Rows = BTreeMap<String, Files>;

impl Files {
    pub(crate) fn photo(number: u32) -> Files {
        Files { photo: Some(number), ..Files::default() }
    }

    pub(crate) fn key(number: u32) -> Files {
        Files { key: Some(number), ..Files::default() }
    }

    pub(crate) fn all(random: &mut Random) -> Files {
        Files { photo: Some(random.file()), manual: Some(random.file()), key: Some(random.file()) }
    }

    /// These files, completed with those of `before`.
    pub(crate) fn over(self, before: Files) -> Files {
        Files {
            photo: self.photo.or(before.photo),
            manual: self.manual.or(before.manual),
            key: self.key.or(before.key),
        }
    }

    /// Assigns these files to `car` as new content. Some names differ only in the case or accent of one
    /// letter (R7).
    pub(crate) fn assign(self, car: &mut Car) {
        const NAMES: [&str; 5] = ["chevy.gif", "Chevy.gif", "ch\u{e9}vy.gif", "chevy.GIF", "chevy_.gif"];
        let name = |number: u32| NAMES[number as usize % NAMES.len()];
        if let Some(number) = self.photo {
            car.photo_mut().assign(ImageField::new(name(number), bytes(number)));
        }
        if let Some(number) = self.manual {
            car.manual_mut().assign(FileField::new(name(number), bytes(number)));
        }
        if let Some(number) = self.key {
            car.key_mut().assign(FileField::new(name(number), bytes(number)));
        }
    }
}

/// From this number on, files are so large that a bucket takes them in two parts.
pub(crate) const LARGE: u32 = u32::MAX - 1_000;

/// A GIF up to the end of its picture.
const HEAD: &[u8] = b"GIF89a\x01\x02\x03\x04\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02\x4c\x01\0;";

/// The bytes of a file: an image's head, the number, and bytes that follow from it. One file in eight is long
/// enough for several writes.
pub(crate) fn bytes(number: u32) -> Vec<u8> {
    let mut random = Random::new(number.into());
    let len = match random.below(8) {
        _ if number >= LARGE => (5 << 20) + random.below(100_000),
        0 => 100_000 + random.below(100_000),
        _ => random.below(4_000),
    };
    let mut bytes = HEAD.to_vec();
    bytes.extend(number.to_le_bytes());
    let len = bytes.len() + usize::try_from(len).unwrap_or(0);
    while bytes.len() < len {
        bytes.extend(random.next().to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// The number of a file with these bytes, if they are complete.
pub(crate) fn number(found: &[u8]) -> Option<u32> {
    let number = u32::from_le_bytes(found.get(HEAD.len()..)?.get(..4)?.try_into().ok()?);
    (bytes(number) == found).then_some(number)
}

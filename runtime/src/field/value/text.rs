//! File fields as text, for people and other programs.

use super::{FileField, ImageField, State};
use std::fmt;

/// Writes the stored name, or nothing.
impl fmt::Display for FileField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().unwrap_or_default())
    }
}

impl fmt::Display for ImageField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn debug(file: &FileField, kind: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match &file.state {
        State::Empty(_) => write!(f, "{kind}(None)"),
        State::Stored { name, .. } => write!(f, "{kind}({name:?})"),
        State::Pending(pending) => write!(f, "{kind}(pending {:?})", pending.name()),
    }
}

impl fmt::Debug for FileField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(self, "FileField", f)
    }
}

impl fmt::Debug for ImageField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(self, "ImageField", f)
    }
}

/// Serialises the stored name, or `null` for no file. Pending content is an error. See
/// [`filefield::serde`](mod@crate::serde) for deserialising.
impl serde::Serialize for FileField {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.column_str().map_err(serde::ser::Error::custom)? {
            "" => serializer.serialize_none(),
            name => serializer.serialize_some(name),
        }
    }
}

impl serde::Serialize for ImageField {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

//! Operations on names.

use super::{Answer, Failure, shape};
use filefield::{name, upload_to};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashSet;

#[derive(Debug, Deserialize)]
pub(super) struct Available {
    name: String,
    #[serde(default)]
    existing: HashSet<String>,
    max_length: Option<u32>,
    #[serde(default)]
    allow_overwrite: bool,
}

pub(super) fn available(question: &Available) -> Answer {
    if question.allow_overwrite {
        let got = name::shortened_name(&question.name, question.max_length)?;
        return Ok(shape::plain(&got, Some(&question.name)));
    }
    let taken = |name: &str| Ok(question.existing.contains(name));
    let got = name::available_name(&question.name, question.max_length, taken)?;
    let wanted = question.name.replace('\\', "/");
    if got == wanted {
        return Ok(shape::plain(&got, Some(&question.name)));
    }
    let (_, file_name) = shape::split(&wanted);
    shape::varied(&got, shape::suffixes(file_name), Some(&question.name))
}

pub(super) fn alternative(root: &str, extension: &str) -> Answer {
    shape::varied(&name::alternative_name(root, extension)?, extension, None)
}

pub(super) fn generate(template: &str, now: &str, filename: &str) -> Answer {
    let now = now.parse().map_err(|_| Failure { error: "ValueError", kind: "date" })?;
    Ok(json!(upload_to::generate_filename(template, &now, filename, name::valid_name)?))
}

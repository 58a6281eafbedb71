//! The form in which the oracle describes a name that may have a random part.

use super::Failure;
use serde_json::{Value, json};

/// Length of the random part.
const RANDOM: usize = 7;

/// Directory and last component, like Python's `os.path.split`.
pub(super) fn split(path: &str) -> (&str, &str) {
    let at = path.rfind('/').map_or(0, |slash| slash + 1);
    let (head, tail) = path.split_at(at);
    let trimmed = head.trim_end_matches('/');
    (if trimmed.is_empty() { head } else { trimmed }, tail)
}

/// All suffixes of a file name, like `PurePath.suffixes` of Python 3.11.
pub(super) fn suffixes(file_name: &str) -> &str {
    if file_name.ends_with('.') {
        return "";
    }
    let stem = file_name.trim_start_matches('.');
    stem.find('.').map_or("", |dot| &stem[dot..])
}

/// Describes `name`, which has no random part.
pub(super) fn plain(name: &str, original: Option<&str>) -> Value {
    let (directory, file_name) = split(name);
    let extension = suffixes(file_name);
    let stem = &file_name[..file_name.len() - extension.len()];
    json!({
        "dir": directory, "stem": stem, "suffix_len": 0, "ext": extension, "len": name.chars().count(),
        "changed": original.is_some_and(|original| original != name), "template": name,
    })
}

/// Describes `name`, which has a random part before `extension`; the part must be `_` and seven letters or digits.
pub(super) fn varied(name: &str, extension: &str, original: Option<&str>) -> Result<Value, Failure> {
    let wrong = Failure { error: "Probe", kind: "no_random_part" };
    let Some(head) = name.strip_suffix(extension) else { return Err(wrong) };
    let Some((before, random)) = head.len().checked_sub(RANDOM).and_then(|at| head.split_at_checked(at))
    else {
        return Err(wrong);
    };
    let (true, Some(base)) =
        (random.bytes().all(|byte| byte.is_ascii_alphanumeric()), before.strip_suffix('_'))
    else {
        return Err(wrong);
    };
    let (directory, stem) = split(base);
    Ok(json!({
        "dir": directory, "stem": stem, "suffix_len": RANDOM, "ext": extension, "len": name.chars().count(),
        "changed": original.is_some_and(|original| original != name),
        "template": format!("{before}*******{extension}"),
    }))
}

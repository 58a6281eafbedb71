//! Differences in names.

use super::Case;
use filefield::FileName;
use filefield::name::{MAX_COMPONENT_BYTES, MAX_NAME_BYTES};
use filefield::upload_to::{DIRECTIVES, FLAGS};
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

fn is_mark(c: &char) -> bool {
    matches!(c.general_category(), GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark)
}

/// The letters only, decomposed.
fn skeleton(text: &str) -> String {
    text.nfd().filter(|c| !is_mark(c)).collect()
}

/// The answers have the same letters. Ours is in normalization form C, and has no mark without a word
/// character before it. The directories, which are not cleaned, are the same.
pub(super) fn normal_form_and_marks(case: &Case<'_>) -> bool {
    let cleaning =
        ["get_valid_name", "generate_filename", "generate_filename_callable", "storage_generate_filename"];
    let (true, Some((want, got))) = (cleaning.contains(&case.op()), case.texts()) else { return false };
    let (want_directory, want_name) = want.rsplit_once('/').unwrap_or(("", want));
    let (got_directory, got_name) = got.rsplit_once('/').unwrap_or(("", got));
    let mut after_base = false;
    let marks_follow = got_name.chars().all(|c| {
        let fine = !is_mark(&c) || after_base;
        after_base = !matches!(c, '-' | '.');
        fine
    });
    want_directory == got_directory
        && skeleton(want_name) == skeleton(got_name)
        && unicode_normalization::is_nfc(got_name)
        && marks_follow
}

fn fits_bytes(name: &str) -> bool {
    name.len() <= MAX_NAME_BYTES && name.split('/').all(|component| component.len() <= MAX_COMPONENT_BYTES)
}

/// Django's name exceeds a limit of bytes. Ours has the longest stem that does not, or there is none.
pub(super) fn bytes_count(case: &Case<'_>) -> bool {
    let Some(wanted) = case.want["ok"]["template"].as_str() else { return false };
    if case.op() != "get_available_name" || fits_bytes(wanted) {
        return false;
    }
    let replaced = case.question["allow_overwrite"] == true;
    let file_name = wanted.rsplit_once('/').map_or(wanted, |(_, last)| last);
    let directory = &wanted[..wanted.len() - file_name.len()];
    // The requested name, without Django's random part.
    let (stem, extension) = match case.want["ok"]["suffix_len"].as_u64() {
        Some(7) => file_name.split_once("_*******").unwrap_or((file_name, "")),
        _ => (case.want["ok"]["stem"].as_str().unwrap_or(""), case.want["ok"]["ext"].as_str().unwrap_or("")),
    };
    let random = if replaced { "" } else { "_*******" };
    // Doubled slashes before the file name do not survive renaming.
    let directory = match directory.trim_end_matches('/') {
        "" => directory.to_owned(),
        trimmed => format!("{trimmed}/"),
    };
    let limit = case.question["max_length"].as_u64().filter(|&limit| limit > 0 || !replaced);
    let longest = stem
        .char_indices()
        .map(|(at, c)| &stem[..at + c.len_utf8()])
        .map(|stem| format!("{directory}{stem}{random}{extension}"))
        .rfind(|name| fits_bytes(name) && limit.is_none_or(|limit| name.chars().count() as u64 <= limit));
    match longest {
        Some(longest) => case.got["ok"]["template"] == longest.as_str() && case.got["ok"]["changed"] == true,
        None => case.failed_with("no_available_name"),
    }
}

/// Django cut a valid name to an invalid one. Ours is the longest shorter valid one, or there is none.
pub(super) fn cut_to_a_valid_name(case: &Case<'_>) -> bool {
    let Some(wanted) = case.want["ok"]["template"].as_str() else { return false };
    let replaced = case.op() == "get_available_name" && case.question["allow_overwrite"] == true;
    if !replaced || FileName::new(case.argument("name")).is_err() || FileName::new(wanted).is_ok() {
        return false;
    }
    let extension = case.want["ok"]["ext"].as_str().unwrap_or("");
    let Some(start) = wanted.strip_suffix(extension) else { return false };
    let stem_at = start.rfind('/').map_or(0, |slash| slash + 1);
    let shorter = start.char_indices().map(|(at, _)| at).filter(|&at| at > stem_at);
    let longest =
        shorter.map(|at| format!("{}{extension}", &start[..at])).rfind(|name| FileName::new(name).is_ok());
    match longest {
        Some(longest) => case.got["ok"]["template"] == longest.as_str() && case.got["ok"]["changed"] == true,
        None => case.failed_with("no_available_name"),
    }
}

/// The longest start of `text` that, with `rest` after it, has at most 255 bytes.
fn longest_start<'a>(text: &'a str, rest: &str) -> &'a str {
    (0..=text.len())
        .rev()
        .filter(|&end| text.is_char_boundary(end))
        .map(|end| &text[..end])
        .find(|start| start.len() + rest.len() <= MAX_COMPONENT_BYTES)
        .unwrap_or("")
}

/// Django's name exceeds 255 bytes. Ours has the extension, which is cut last, and as much of the stem as
/// fits.
pub(super) fn uploaded_bytes_count(case: &Case<'_>) -> bool {
    let (true, Some((want, got))) = (case.op() == "uploaded_name", case.texts()) else { return false };
    let asked = case.argument("name").rsplit('/').next().unwrap_or("");
    let dot =
        asked.rfind('.').filter(|&dot| !asked[..dot].bytes().all(|byte| byte == b'.')).unwrap_or(asked.len());
    let extension = longest_start(&asked[dot..], "");
    let stem = longest_start(&asked[..dot], extension);
    want.len() > MAX_COMPONENT_BYTES && got.strip_suffix(extension) == Some(stem)
}

/// The template has a directive outside the list.
pub(super) fn unsupported_directive(case: &Case<'_>) -> bool {
    let mut rest = case.argument("upload_to");
    let mut unsupported = false;
    while let Some((_, after)) = rest.split_once('%') {
        let directive = after.trim_start_matches(|c| FLAGS.contains(c));
        let flagged = directive.len() < after.len();
        unsupported |= match directive.chars().next() {
            Some('f' | '%') => flagged,
            Some(c) => !DIRECTIVES.contains(c),
            None => true,
        };
        rest = directive.get(directive.chars().next().map_or(0, char::len_utf8)..).unwrap_or("");
    }
    case.op() == "generate_filename" && unsupported && case.failed_with("usage")
}

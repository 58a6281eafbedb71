//! Values that a shell, an env file, a template or another program has mangled.
//!
//! Such a value is refused, never repaired. Each error says what to write and never contains the value.

use super::value::Parsed;
use std::path::{Component, Path};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Words that other languages write for a missing value.
const NOTHING: [&str; 5] = ["null", "none", "nil", "undefined", "nan"];

const QUOTES: [char; 11] = ['"', '\'', '`', '“', '”', '„', '‘', '’', '‚', '«', '»'];

/// Whether a character is invisible: blanks, line breaks, controls, byte order marks, zero-width characters.
fn is_invisible(c: char) -> bool {
    c.is_whitespace() || c.is_control() || c.general_category() == GeneralCategory::Format
}

/// Refuses text that is invalid for every setting.
pub(super) fn check_text(text: &str) -> Parsed<()> {
    let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else { return Ok(()) };
    if is_invisible(first) || is_invisible(last) {
        return Err("begins or ends with a blank, a line break or an invisible character; remove it".into());
    }
    if text.chars().any(char::is_control) {
        return Err("has a line break or another control character; write the value in one line".into());
    }
    // A header may end with a closing quote if it contains an opening one.
    let is_open = QUOTES.contains(&last) && text.matches(last).count() % 2 == 1;
    if QUOTES.contains(&first) || is_open {
        return Err("is in quotes, which nothing removes here; write the value without them".into());
    }
    if text.contains(" #") || text.contains("\t#") {
        return Err("has a comment behind the value; put the comment on its own line".into());
    }
    Ok(())
}

/// Refuses variables and placeholders that were not replaced.
pub(super) fn check_filled(text: &str) -> Parsed<()> {
    let begins_name = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    // Azure has a container named `$web`.
    let is_web = |rest: &str| {
        rest.strip_prefix("web").is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    };
    let is_variable = |rest: &str| (rest.starts_with(['{', '(']) || begins_name(rest)) && !is_web(rest);
    // The parts between two percent signs.
    let pieces: Vec<&str> = text.split('%').collect();
    let mut between = pieces.iter().take(pieces.len() - 1).skip(1);
    let is_name = |part: &str| {
        begins_name(part) && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if text.split('$').skip(1).any(is_variable)
        || text.contains('`')
        // `%ad%` and similar are URL escapes.
        || between.any(|part| is_name(part) && !part.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
    {
        return Err("variables such as `$HOME` are not replaced here; write what they stand for".into());
    }
    let is_between =
        |mark: &str| text.len() > 2 * mark.len() && text.starts_with(mark) && text.ends_with(mark);
    if ["{{", "}}", "#{"].iter().any(|mark| text.contains(mark))
        || (text.contains('<') && text.contains('>'))
        || is_between("@")
        || is_between("__")
    {
        return Err("has a placeholder that nothing has filled in; write the value itself".into());
    }
    if NOTHING.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Err("is a word for no value; leave the setting out".into());
    }
    if is_assignment(text) {
        return Err("begins with the name of a variable and `=`; write the value alone".into());
    }
    Ok(())
}

/// Matches `MEDIA_ROOT=..` and `=..`.
fn is_assignment(text: &str) -> bool {
    text.split_once('=')
        .is_some_and(|(name, _)| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
}

/// Refuses text that is not a valid path here or probably not the intended one. Any folder can be given as a
/// storage URL with percent escapes.
pub(super) fn check_path(text: &str) -> Parsed<()> {
    check_text(text)?;
    if text.starts_with('~') {
        return Err("`~` is not replaced here; write the path from `/` on".into());
    }
    let has_drive = |text: &str| {
        let mut bytes = text.bytes();
        bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && bytes.next() == Some(b':')
            && matches!(bytes.next(), None | Some(b'/' | b'\\'))
    };
    if text.contains('\\') || has_drive(text) {
        return Err("has a backslash or a drive; write a path such as `/srv/media`".into());
    }
    if let Some((scheme, rest)) = text.split_once(':')
        && (rest.starts_with("//") || scheme.eq_ignore_ascii_case("file"))
    {
        return Err("expected a path such as `/srv/media`, found a URL; write the path alone, or name a storage by its \
                    URL in `DEFAULT_FILE_STORAGE`"
            .into());
    }
    check_filled(text)?;
    if text.contains(":/") {
        return Err("has several paths, or a host; write one path such as `/srv/media`".into());
    }
    let is_escape = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if text.split('%').skip(1).any(is_escape) {
        return Err("has a percent escape, which is for URLs; write the character itself, or name the storage by its \
                    URL in `DEFAULT_FILE_STORAGE`"
            .into());
    }
    check_place(Path::new(text))
}

/// Refuses the root of the file system, the result of an empty variable before a slash, and paths of
/// examples.
pub(super) fn check_place(path: &Path) -> Parsed<()> {
    if path.is_absolute() && !path.components().any(|part| matches!(part, Component::Normal(_))) {
        return Err(
            "the root of the file system is no place for files; write a path such as `/srv/media`".into()
        );
    }
    if path.starts_with("/path/to") {
        return Err("has a placeholder that nothing has filled in; write the value itself".into());
    }
    Ok(())
}

/// Refuses a storage URL that is probably a mistake. `text` is not decoded: such characters are allowed if
/// escaped.
pub(super) fn check_storage_url(text: &str) -> Parsed<()> {
    check_text(text)?;
    check_filled(text)?;
    if text.contains('\\') {
        return Err("has a backslash; write a URL such as `file:///srv/media`".into());
    }
    Ok(())
}

/// Like [`check_storage_url`], for the undecoded path of a URL.
pub(super) fn check_url_path(raw: &str) -> Parsed<()> {
    let path = raw.trim_start_matches('/');
    if path.starts_with('~') {
        return Err("`~` is not replaced here; write the path from `/` on: `file:///srv/media`".into());
    }
    let bytes = path.as_bytes();
    if bytes.get(1) == Some(&b':') && matches!(bytes.get(2), None | Some(b'/')) {
        return Err("has a drive; write a URL such as `file:///srv/media`".into());
    }
    Ok(())
}

/// Refuses a base URL that leads nowhere.
pub(super) fn check_base_url(text: &str) -> Parsed<()> {
    check_filled(text)?;
    const WANTED: &str = "write a path such as `/media/`, or a URL such as `https://cdn.example.com/media/`";
    let first = text.split('/').next().unwrap_or_default();
    if !first.contains(':') && first.contains('.') && first.trim_matches('.') == first {
        return Err(format!("begins with a host and no scheme; {WANTED}").into());
    }
    let scheme = first.split(':').next().unwrap_or_default();
    if first.contains(':') && !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(format!("is no URL that a browser can open; {WANTED}").into());
    }
    Ok(())
}

/// Words in keys of examples and templates, in lower case and without separators.
const EXAMPLES: [&str; 14] = [
    "changeme",
    "changethis",
    "replaceme",
    "replacethis",
    "placeholder",
    "yoursecret",
    "yourkey",
    "mysecret",
    "supersecret",
    "topsecret",
    "secretkey",
    "insecure",
    "password",
    "keyhere",
];

/// The minimum number of different characters in a key.
const LEAST_DIFFERENT: usize = 5;

/// Refuses a key that is publicly known or was mangled.
pub(super) fn check_secret(text: &str) -> Parsed<()> {
    const MAKE: &str = "make one with `openssl rand -hex 32`";
    check_text(text)?;
    if text.ends_with("\\n") || text.ends_with("\\r") {
        return Err("ends with `\\n` as two characters; remove them".into());
    }
    let whole = |open: &str, close: &str| text.starts_with(open) && text.ends_with(close);
    let is_open = [("${", "}"), ("$(", ")"), ("{{", "}}"), ("#{", "}"), ("<", ">"), ("__", "__")];
    if is_open.iter().any(|(open, close)| whole(open, close)) || is_named(text) {
        return Err(format!("is a placeholder that nothing has filled in; {MAKE}").into());
    }
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    if EXAMPLES.iter().any(|word| letters.contains(word)) {
        return Err(format!("is an example that others know; {MAKE}").into());
    }
    let mut different: Vec<char> = text.chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < LEAST_DIFFERENT {
        return Err(format!("repeats the same few characters; {MAKE}").into());
    }
    Ok(())
}

/// Matches `$SECRET_KEY`, `%SECRET_KEY%` and `SECRET_KEY=..`.
fn is_named(text: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let between = |open: char, close: &str| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let assigned =
        text.split_once('=').is_some_and(|(name, _)| name.ends_with("SECRET_KEY") && is_name(name));
    assigned || between('$', "").is_some_and(is_name) || between('%', "%").is_some_and(is_name)
}

/// The letters and digits of a name, in upper case.
fn bare(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase()
}

/// The variable that `name` was probably meant to be, if they differ only in spelling: case, a byte order
/// mark, blanks, a leading `export `, or other separators between words.
pub(super) fn meant_variable<'a>(
    prefix: &str,
    name: &str,
    keys: impl Iterator<Item = &'a str>,
) -> Option<String> {
    let found = bare(name);
    let found = found.strip_prefix("EXPORT").unwrap_or(&found);
    let found = found.strip_prefix(&bare(prefix))?;
    if found.starts_with("STORAGES") && found.len() > "STORAGES".len() {
        return Some(format!("{prefix}STORAGES__<alias>"));
    }
    keys.into_iter().find(|key| bare(key) == found).map(|key| format!("{prefix}{key}"))
}

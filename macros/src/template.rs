//! `upload_to` as a template: a folder with date directives, checked at compile time.
//!
//! This file takes text and returns byte ranges. The tests of the runtime include it to compare the
//! directives.

use std::ops::Range;

/// The date directives, without `%`: those of the runtime whose result is one path component.
pub(crate) const DIRECTIVES: &str = "aAbBCdeFfgGhHIjklmMpPSuUVwWyY%";

/// Flags allowed between `%` and a directive: padding and case.
pub(crate) const FLAGS: &str = "-_0^#";

/// The shortest result of a directive in this century, if it is not `01`. Numbers have the form they have in
/// names.
const SHORTEST: &[(&str, &str)] = &[
    ("a", "Mon"),
    ("A", "Monday"),
    ("bBh", "May"),
    ("C", "20"),
    ("ekl", " 1"),
    ("f", "000001"),
    ("F", "2026-12-12"),
    ("gy", "26"),
    ("GY", "2026"),
    ("j", "001"),
    ("p", "AM"),
    ("P", "am"),
    ("uw", "1"),
    ("%", "%"),
];

/// What is wrong with a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The template is empty.
    Empty,
    /// The template starts with `/` or a drive letter.
    Absolute,
    /// A component is `.` or `..`.
    Dots,
    /// `\` in place of `/`.
    Backslash,
    /// `s3://`
    Url,
    /// `~` or `$HOME` at the start.
    Expanded,
    /// `YYYY` in place of `%Y`.
    Letters,
    /// A component starts or ends with a space.
    Space,
    /// A component has more bytes than file systems allow.
    LongPart(usize),
    /// A character that has a special meaning on some file systems.
    Forbidden,
    /// A control character or another invisible character.
    Hidden(char),
    /// A component begins with a dot.
    DotFirst,
    /// A component ends in a dot.
    DotLast,
    /// A component ends in `#` and digits.
    Mark,
    /// A component is a device name.
    Device,
    /// `//`.
    EmptyPart,
    /// `%` before something that is not a directive.
    Directive,
    /// `%` at the end.
    LonePercent,
    /// `{` or `}`.
    Brace,
}

/// Returns all mistakes of `template`, with their byte ranges.
pub(crate) fn problems(template: &str) -> Vec<(Range<usize>, Problem)> {
    if template.is_empty() {
        return vec![(0..0, Problem::Empty)];
    }
    let mut found = Vec::new();
    if let [drive, b':', ..] = template.as_bytes()
        && drive.is_ascii_alphabetic()
    {
        // The backslashes after a drive letter belong to the same mistake.
        return vec![(0..2, Problem::Absolute)];
    }
    if let Some(scheme) = template.find("://")
        && !template[..scheme].contains('/')
    {
        return vec![(0..scheme + 3, Problem::Url)];
    }
    let first = template.split('/').next().unwrap_or_default();
    let variable =
        first.strip_prefix('$').is_some_and(|name| name.starts_with(|c: char| c.is_ascii_uppercase()));
    if first == "~" || variable {
        return vec![(0..first.len(), Problem::Expanded)];
    }
    if let Some(at) = ["YYYY", "yyyy"].iter().find_map(|year| template.find(year)) {
        return vec![(at..at + 4, Problem::Letters)];
    }
    if template.starts_with('/') {
        let slashes = template.len() - template.trim_start_matches('/').len();
        found.push((0..slashes, Problem::Absolute));
    }
    parts(template, &mut found);
    characters(template, &mut found);
    found.sort_by_key(|(range, _)| range.start);
    found
}

fn parts(template: &str, found: &mut Vec<(Range<usize>, Problem)>) {
    let start = template.len() - template.trim_start_matches('/').len();
    let mut at = start;
    for part in template[start..].split('/') {
        let range = at..at + part.len();
        at = range.end + 1;
        match part {
            // A trailing slash is allowed.
            "" if range.start >= template.len() => {}
            "" => found.push((range.start - 1..range.end + 1, Problem::EmptyPart)),
            "." | ".." => found.push((range, Problem::Dots)),
            part if part.trim_matches(' ') != part => found.push((range, Problem::Space)),
            part => found.extend(component(&rendered(part)).map(|problem| (range, problem))),
        }
    }
}

/// The rules by which the runtime refuses a folder name. Tests compare the two.
fn component(name: &str) -> Option<Problem> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    match name {
        _ if name.len() > 255 => Some(Problem::LongPart(name.len())),
        _ if name.starts_with('.') => Some(Problem::DotFirst),
        _ if name.ends_with('.') => Some(Problem::DotLast),
        _ if stem.len() < name.len() && stem.ends_with('#') => Some(Problem::Mark),
        _ if is_device(name) => Some(Problem::Device),
        _ => None,
    }
}

/// Whether Windows treats the name as a device, with or without an extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(' ').to_ascii_lowercase();
    let port = ["com", "lpt"].iter().find_map(|port| stem.strip_prefix(port));
    let is_digit =
        |port: &str| port.len() <= 2 && port.chars().count() == 1 && "0123456789¹²³".contains(port);
    matches!(&stem[..], "con" | "prn" | "aux" | "nul" | "conin$" | "conout$" | "clock$")
        || port.is_some_and(is_digit)
}

/// Whether the character is invisible in a name: a control, format, private-use or unassigned character.
pub(crate) fn is_hidden(c: char) -> bool {
    // Apart from blanks, these are the characters that the standard library escapes after a letter.
    let escaped = || format!("a{c}").escape_debug().count() > 2;
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffd}')
        || c.is_control()
        || (!c.is_ascii() && !c.is_whitespace() && escaped())
}

fn characters(template: &str, found: &mut Vec<(Range<usize>, Problem)>) {
    let mut chars = template.char_indices();
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        match c {
            '\\' if found.iter().any(|(_, problem)| *problem == Problem::Backslash) => {}
            '\\' => found.push((at..end, Problem::Backslash)),
            ':' | '<' | '>' | '"' | '|' | '?' | '*'
                if found.iter().any(|(_, problem)| *problem == Problem::Forbidden) => {}
            ':' | '<' | '>' | '"' | '|' | '?' | '*' => found.push((at..end, Problem::Forbidden)),
            '{' | '}' => {
                // `{name}` is one mistake.
                let end = template[at..].find('}').map_or(end, |close| at + close + 1);
                found.push((at..end, Problem::Brace));
                while chars.clone().next().is_some_and(|(next, _)| next < end) {
                    chars.next();
                }
            }
            c if is_hidden(c) => found.push((at..end, Problem::Hidden(c))),
            '%' => {
                let flags =
                    template[end..].len() - template[end..].trim_start_matches(|c| FLAGS.contains(c)).len();
                let directive = template[end + flags..].chars().next();
                for _ in 0..flags + 1 {
                    chars.next();
                }
                match directive {
                    Some('{') if template[end..].contains('}') => {
                        let end = template[at..].find('}').map_or(end, |close| at + close + 1);
                        found.push((at..end, Problem::Brace));
                        while chars.clone().next().is_some_and(|(next, _)| next < end) {
                            chars.next();
                        }
                    }
                    None => found.push((at..template.len(), Problem::LonePercent)),
                    Some(c) if !DIRECTIVES.contains(c) || (flags > 0 && matches!(c, 'f' | '%')) => {
                        found.push((at..end + flags + c.len_utf8(), Problem::Directive));
                    }
                    Some(_) => {}
                }
            }
            _ => {}
        }
    }
}

/// Replaces `YYYY/MM/DD` and `{year}/{month}/{day}` by directives.
pub(crate) fn directives(template: &str) -> String {
    const WORDS: &[(&str, &str)] = &[
        ("%{year}", "%Y"),
        ("%{month}", "%m"),
        ("%{day}", "%d"),
        ("{year}", "%Y"),
        ("{month}", "%m"),
        ("{day}", "%d"),
        ("YYYY", "%Y"),
        ("yyyy", "%Y"),
        ("MM", "%m"),
        ("mm", "%m"),
        ("DD", "%d"),
        ("dd", "%d"),
    ];
    WORDS.iter().fold(template.to_owned(), |text, (word, directive)| {
        let dated = |part: &str| {
            let whole = word.starts_with(['%', '{', 'Y', 'y'])
                || part.split(['-', '_', '.']).any(|piece| piece == *word);
            if whole {
                return part.replace(word, directive);
            }
            // `YYYYMMDD`
            ["%Y", "%m", "%d"].iter().fold(part.to_owned(), |part, date| {
                part.replace(&format!("{date}{word}"), &format!("{date}{directive}"))
                    .replace(&format!("{word}{date}"), &format!("{directive}{date}"))
            })
        };
        text.split('/').map(dated).collect::<Vec<_>>().join("/")
    })
}

/// The minimum length of what a valid template expands to.
pub(crate) fn rendered(template: &str) -> String {
    let mut name = String::new();
    let mut rest = template;
    while let Some((text, after)) = rest.split_once('%') {
        name.push_str(text);
        rest = after.trim_start_matches(|c| FLAGS.contains(c));
        let padding = after[..after.len() - rest.len()].chars().rfind(|flag| "-_0".contains(*flag));
        let mut chars = rest.chars();
        let directive = chars.next().unwrap_or_default();
        rest = chars.as_str();
        let short =
            SHORTEST.iter().find(|(known, _)| known.contains(directive)).map_or("01", |(_, text)| text);
        match padding {
            Some('-') if short.ends_with('1') => name.push('1'),
            Some('_') if short.ends_with('1') => name.push_str(&short.replace('0', " ")),
            Some('0') if short.ends_with('1') => name.push_str(&short.replace(' ', "0")),
            _ => name.push_str(short),
        }
    }
    name + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(template: &str) -> Option<(&str, Problem)> {
        problems(template).first().map(|(range, problem)| (&template[range.clone()], *problem))
    }

    #[test]
    fn good_templates() {
        for template in [
            "cars",
            "cars/",
            "photos/%Y/%m/%d",
            "100%%",
            "%-m/%_d/%0e/%^a/%#p",
            "größe/日本",
            "a.b/c..d",
            "com%Y/con_/x#y/com10",
            "ключи/हिन्दी",
            "with space",
            "a~/$b/~c",
            "MM",
            "%Y%m%d",
        ] {
            assert_eq!(problems(template), [], "{template}");
        }
        for directive in DIRECTIVES.chars() {
            assert_eq!(problems(&format!("%{directive}")), []);
        }
    }

    #[test]
    fn each_problem_and_where() {
        for (template, want) in [
            ("", ("", Problem::Empty)),
            ("/photos", ("/", Problem::Absolute)),
            ("//photos", ("//", Problem::Absolute)),
            ("/", ("/", Problem::Absolute)),
            ("..", ("..", Problem::Dots)),
            ("a/../b", ("..", Problem::Dots)),
            ("a/.", (".", Problem::Dots)),
            ("./a", (".", Problem::Dots)),
            ("a\\b", ("\\", Problem::Backslash)),
            ("C:/a", ("C:", Problem::Absolute)),
            ("12:30", (":", Problem::Forbidden)),
            ("a\0", ("\0", Problem::Hidden('\0'))),
            ("a\u{7}b", ("\u{7}", Problem::Hidden('\u{7}'))),
            ("é\n", ("\n", Problem::Hidden('\n'))),
            ("a\u{9b}", ("\u{9b}", Problem::Hidden('\u{9b}'))),
            ("a//b", ("//", Problem::EmptyPart)),
            ("a//", ("//", Problem::EmptyPart)),
            ("avatars/%q/%d", ("%q", Problem::Directive)),
            ("%é", ("%é", Problem::Directive)),
            ("%-%", ("%-%", Problem::Directive)),
            ("%-f", ("%-f", Problem::Directive)),
            ("%D", ("%D", Problem::Directive)),
            ("%/a", ("%/", Problem::Directive)),
            ("a%", ("%", Problem::LonePercent)),
            ("a%-", ("%-", Problem::LonePercent)),
            ("a/{name}/b", ("{name}", Problem::Brace)),
            ("a/{name", ("{", Problem::Brace)),
            ("a/%{name}", ("%{name}", Problem::Brace)),
            ("a}", ("}", Problem::Brace)),
            ("s3://bucket/photos", ("s3://", Problem::Url)),
            ("~/photos", ("~", Problem::Expanded)),
            ("$HOME/photos", ("$HOME", Problem::Expanded)),
            ("photos/YYYY/MM", ("YYYY", Problem::Letters)),
            ("photos/ a", (" a", Problem::Space)),
            (" ", (" ", Problem::Space)),
            ("a/.hidden", (".hidden", Problem::DotFirst)),
            ("a/...", ("...", Problem::DotFirst)),
            ("cars./a", ("cars.", Problem::DotLast)),
            ("%Y.", ("%Y.", Problem::DotLast)),
            ("a#%d", ("a#%d", Problem::Mark)),
            ("con/x", ("con", Problem::Device)),
            ("aux.%Y", ("aux.%Y", Problem::Device)),
            ("com%-d", ("com%-d", Problem::Device)),
            ("a<b>|?*", ("<", Problem::Forbidden)),
            ("a\u{200b}b", ("\u{200b}", Problem::Hidden('\u{200b}'))),
        ] {
            assert_eq!(first(template), Some(want), "{template:?}");
        }
    }

    #[test]
    fn all_problems_are_found_once() {
        let found = |template| problems(template).into_iter().map(|(_, problem)| problem).collect::<Vec<_>>();
        assert_eq!(found("/a/../%q"), [Problem::Absolute, Problem::Dots, Problem::Directive]);
        assert_eq!(found("a///b"), [Problem::EmptyPart, Problem::EmptyPart]);
        assert_eq!(found("{a:b}"), [Problem::Brace]);
        assert_eq!(found("%%q"), []);
        assert_eq!(found("a\\b\\c"), [Problem::Backslash]);
        assert_eq!(found(":year/:month"), [Problem::Forbidden]);
        assert_eq!(problems(&"a".repeat(256)), [(0..256, Problem::LongPart(256))]);
        assert_eq!(found("C:\\a\\b"), [Problem::Absolute]);
    }

    #[test]
    fn dates_of_other_languages() {
        for (template, want) in [
            ("photos/YYYY/MM/DD", "photos/%Y/%m/%d"),
            ("yyyy-mm", "%Y-%m"),
            ("YYYYMMDD", "%Y%m%d"),
            ("DDMMYYYY/comma", "%d%m%Y/comma"),
            ("{year}/{month}", "%Y/%m"),
            ("comma/dd", "comma/%d"),
            ("{id}", "{id}"),
            ("%{year}", "%Y"),
        ] {
            assert_eq!(directives(template), want);
        }
    }

    #[test]
    fn shortest_results() {
        for (template, want) in [
            ("cars", "cars"),
            ("%Y/%m", "2026/01"),
            ("100%%", "100%"),
            ("%-d %_d %0e %e %-j", "1  1 01  1 1"),
            ("é%^b%_F", "éMay2026-12-12"),
        ] {
            assert_eq!(rendered(template), want, "{template}");
        }
    }
}

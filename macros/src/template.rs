//! `upload_to` as a template: a folder with date directives, checked before the program runs.
//!
//! Pure text in, ranges of bytes out; the tests of the runtime include this file to compare the directives.

use std::ops::Range;

/// The date directives, without their `%`: those of the runtime whose result is one part of a path.
pub(crate) const DIRECTIVES: &str = "aAbBCdeFfgGhHIjklmMpPSuUVwWyY%";

/// What may stand between `%` and a directive: padding and case.
pub(crate) const FLAGS: &str = "-_0^#";

/// The fewest characters each directive gives, where that is not 1.
const SHORTEST: &[(char, usize)] =
    &[('F', 7), ('f', 6), ('A', 6), ('B', 3), ('a', 3), ('b', 3), ('h', 3), ('p', 2), ('P', 2)];

/// What is wrong with a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Nothing in it.
    Empty,
    /// It starts with `/` or a drive letter.
    Absolute,
    /// A part is `.` or `..`.
    Dots,
    /// `\` stands where `/` should.
    Backslash,
    /// `s3://`
    Url,
    /// `~` or `$HOME` at the start.
    Expanded,
    /// `YYYY`, which is not `%Y`.
    Letters,
    /// A part starts or ends with a space.
    Space,
    /// A part of more bytes than file systems take.
    LongPart(usize),
    /// `:`
    Colon,
    /// A control character.
    Control(char),
    /// `//`.
    EmptyPart,
    /// `%` before something that is no directive.
    Directive,
    /// `%` at the end.
    LonePercent,
    /// `{` or `}`.
    Brace,
}

/// All mistakes of `template`, with the bytes they stand at.
pub(crate) fn problems(template: &str) -> Vec<(Range<usize>, Problem)> {
    if template.is_empty() {
        return vec![(0..0, Problem::Empty)];
    }
    let mut found = Vec::new();
    if let [drive, b':', ..] = template.as_bytes()
        && drive.is_ascii_alphabetic()
    {
        // The backslashes after a drive are the same mistake.
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
            // A slash at the end is a matter of style.
            "" if range.start >= template.len() => {}
            "" => found.push((range.start - 1..range.end + 1, Problem::EmptyPart)),
            "." | ".." => found.push((range, Problem::Dots)),
            part if part.trim_matches(' ') != part => found.push((range, Problem::Space)),
            part if part.len() > 255 => found.push((range, Problem::LongPart(part.len()))),
            _ => {}
        }
    }
}

fn characters(template: &str, found: &mut Vec<(Range<usize>, Problem)>) {
    let mut chars = template.char_indices();
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        match c {
            '\\' if found.iter().any(|(_, problem)| *problem == Problem::Backslash) => {}
            '\\' => found.push((at..end, Problem::Backslash)),
            ':' if found.iter().any(|(_, problem)| *problem == Problem::Colon) => {}
            ':' => found.push((at..end, Problem::Colon)),
            '{' | '}' => {
                // One message for `{name}`.
                let end = template[at..].find('}').map_or(end, |close| at + close + 1);
                found.push((at..end, Problem::Brace));
                while chars.clone().next().is_some_and(|(next, _)| next < end) {
                    chars.next();
                }
            }
            c if c.is_control() => found.push((at..end, Problem::Control(c))),
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

/// `YYYY/MM/DD` and `{year}/{month}/{day}` with directives.
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
            if whole { part.replace(word, directive) } else { part.to_owned() }
        };
        text.split('/').map(dated).collect::<Vec<_>>().join("/")
    })
}

/// The fewest characters that a template without mistakes can become.
pub(crate) fn shortest(template: &str) -> usize {
    let mut length = 0;
    let mut chars = template.trim_end_matches('/').chars();
    while let Some(c) = chars.next() {
        length += match c {
            '%' => {
                let directive = chars.by_ref().find(|c| !FLAGS.contains(*c)).unwrap_or('%');
                SHORTEST.iter().find(|(known, _)| *known == directive).map_or(1, |(_, length)| *length)
            }
            _ => 1,
        };
    }
    length
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
            "a.b/..c/d../...",
            ".hidden",
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
            ("12:30", (":", Problem::Colon)),
            ("a\0", ("\0", Problem::Control('\0'))),
            ("a\u{7}b", ("\u{7}", Problem::Control('\u{7}'))),
            ("é\n", ("\n", Problem::Control('\n'))),
            ("a\u{9b}", ("\u{9b}", Problem::Control('\u{9b}'))),
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
        assert_eq!(found(":year/:month"), [Problem::Colon]);
        assert_eq!(problems(&"a".repeat(256)), [(0..256, Problem::LongPart(256))]);
        assert_eq!(found("C:\\a\\b"), [Problem::Absolute]);
    }

    #[test]
    fn dates_of_other_languages() {
        for (template, want) in [
            ("photos/YYYY/MM/DD", "photos/%Y/%m/%d"),
            ("yyyy-mm", "%Y-%m"),
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
        for (template, want) in
            [("cars", 4), ("cars/", 4), ("%Y/%m", 3), ("%%", 1), ("%-d", 1), ("%F", 7), ("é", 1)]
        {
            assert_eq!(shortest(template), want, "{template}");
        }
    }
}

//! From `upload_to` and a file name to the name requested from a storage.

use crate::error::{Error, ErrorKind, Result};
use crate::name::{generate_filename as generate_in_storage, posix, validate_relative_name};
use jiff::civil::{DateTime, ISOWeekDate, Weekday};
use std::fmt::Write as _;

/// The date directives of an `upload_to` template, without `%`.
///
/// These are the directives of glibc's `strftime` whose result may be part of a name, and Python's `%f`.
/// Omitted are directives that produce colons (`%c %r %R %T %X`) or white space (`%n %t`), that need a time
/// zone (`%s %z %Z`), and the modifiers `%E` and `%O`.
#[doc(hidden)]
pub const DIRECTIVES: &str = "aAbBCdDeFfgGhHIjklmMpPSuUVwWxyY%";

/// The flags allowed between `%` and a directive other than `%f` and `%%`: `-` no padding, `_` padding with
/// spaces, `0` padding with zeros, `^` upper case, `#` opposite case.
#[doc(hidden)]
pub const FLAGS: &str = "-_0^#";

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// How to format a value.
enum Field {
    /// A number, with its default padding and its width.
    Number(i64, char, usize),
    /// A text.
    Text(&'static str),
    /// A text that `#` changes to lower case.
    Half(&'static str),
    /// A text that flags do not change.
    Fixed(String),
}

/// Formats the date and time `now` by `template`, like glibc's `strftime` in the C locale.
///
/// ```
/// let now = jiff::civil::date(2007, 1, 15).at(9, 5, 0, 0);
/// assert_eq!(filefield::upload_to::render("photos/%Y/%m/%-d", &now)?, "photos/2007/01/15");
/// # Ok::<(), filefield::Error>(())
/// ```
///
/// # Errors
/// Returns [`ErrorKind::Usage`] for an unsupported directive and for a trailing `%`. The derive refuses both
/// at compile time.
pub fn render(template: &str, now: &DateTime) -> Result<String> {
    let mut out = String::with_capacity(template.len() + 8);
    let mut rest = template;
    while let Some((text, after)) = rest.split_once('%') {
        out.push_str(text);
        let directive_at = after.find(|c: char| !FLAGS.contains(c));
        let Some((flags, directive)) =
            directive_at.and_then(|at| Some((&after[..at], after[at..].chars().next()?)))
        else {
            return Err(Error::new(ErrorKind::Usage, "`upload_to` ends in a `%` without a directive"));
        };
        if !DIRECTIVES.contains(directive) || (!flags.is_empty() && matches!(directive, 'f' | '%')) {
            let message = format!("`%{flags}{directive}` in `upload_to` is not a supported date directive");
            return Err(Error::new(ErrorKind::Usage, message));
        }
        write_field(&mut out, flags, field(directive, now));
        rest = &after[flags.len() + directive.len_utf8()..];
    }
    out.push_str(rest);
    Ok(out)
}

fn field(directive: char, now: &DateTime) -> Field {
    use Field::{Fixed, Half, Number, Text};
    let weekday = usize::from(now.weekday().to_sunday_zero_offset().unsigned_abs());
    let month = usize::from(now.month().unsigned_abs()) - 1;
    let week = || ISOWeekDate::from(now.date());
    let (year, hour) = (i64::from(now.year()), i64::from(now.hour()));
    let hour12 = (hour + 11) % 12 + 1;
    let day_of_year = i64::from(now.day_of_year());
    let days_since = |first: Weekday| i64::from(now.weekday().since(first));
    match directive {
        'a' => Text(&WEEKDAYS[weekday][..3]),
        'A' => Text(WEEKDAYS[weekday]),
        'b' | 'h' => Text(&MONTHS[month][..3]),
        'B' => Text(MONTHS[month]),
        'C' => Number(year.div_euclid(100), '0', 1),
        'd' => Number(now.day().into(), '0', 2),
        'D' | 'x' => Fixed(format!("{:02}/{:02}/{:02}", now.month(), now.day(), year.rem_euclid(100))),
        'e' => Number(now.day().into(), ' ', 2),
        'F' => Fixed(format!("{year}-{:02}-{:02}", now.month(), now.day())),
        'f' => Number(i64::from(now.subsec_nanosecond()) / 1000, '0', 6),
        'g' => Number(i64::from(week().year()).rem_euclid(100), '0', 2),
        'G' => Number(week().year().into(), '0', 1),
        'H' => Number(hour, '0', 2),
        'I' => Number(hour12, '0', 2),
        'j' => Number(day_of_year, '0', 3),
        'k' => Number(hour, ' ', 2),
        'l' => Number(hour12, ' ', 2),
        'm' => Number(now.month().into(), '0', 2),
        'M' => Number(now.minute().into(), '0', 2),
        'p' => Half(if hour < 12 { "AM" } else { "PM" }),
        'P' => Fixed(if hour < 12 { "am" } else { "pm" }.to_owned()),
        'S' => Number(now.second().into(), '0', 2),
        'u' => Number(now.weekday().to_monday_one_offset().into(), '0', 1),
        // Week 1 begins on the first Sunday (for `W`, Monday).
        'U' => Number((day_of_year + 6 - days_since(Weekday::Sunday)) / 7, '0', 2),
        'V' => Number(week().week().into(), '0', 2),
        'w' => Number(now.weekday().to_sunday_zero_offset().into(), '0', 1),
        'W' => Number((day_of_year + 6 - days_since(Weekday::Monday)) / 7, '0', 2),
        'y' => Number(year.rem_euclid(100), '0', 2),
        'Y' => Number(year, '0', 1),
        _ => Text("%"),
    }
}

fn write_field(out: &mut String, flags: &str, field: Field) {
    match field {
        Field::Number(value, usual, width) => {
            // The last padding flag applies.
            let padding = flags.chars().rfind(|flag| "-_0".contains(*flag));
            let width = if padding == Some('-') { 1 } else { width };
            // Writing to a string cannot fail.
            let _ = match padding.unwrap_or(usual) {
                '_' | ' ' => write!(out, "{value:width$}"),
                _ => write!(out, "{value:0width$}"),
            };
        }
        Field::Text(text) | Field::Half(text) => {
            let lower = matches!(field, Field::Half(_)) && flags.contains('#');
            let upper = flags.contains(['^', '#']);
            let change = if lower {
                |c: char| c.to_ascii_lowercase()
            } else if upper {
                |c: char| c.to_ascii_uppercase()
            } else {
                |c: char| c
            };
            out.extend(text.chars().map(change));
        }
        Field::Fixed(text) => out.push_str(&text),
    }
}

/// Returns the name to save under for an `upload_to` template: rendered, joined with `file_name`, checked and
/// cleaned. `clean` is the storage's [`valid_name`](crate::Storage::valid_name).
///
/// # Errors
/// Returns the errors of [`render`], [`ErrorKind::Traversal`] for an absolute name or a `..`, and
/// [`ErrorKind::NoFileName`] if no file name is left; propagates errors of `clean`.
pub fn generate_filename(
    upload_to: &str,
    now: &DateTime,
    file_name: &str,
    clean: impl FnOnce(&str) -> Result<String>,
) -> Result<String> {
    callable_filename(&posix::join(&render(upload_to, now)?, file_name), clean)
}

/// Returns the name to save under for an `upload_to` function that returned `name`, including the file name.
///
/// # Errors
/// The errors of [`generate_filename`], except those of the template.
pub fn callable_filename(name: &str, clean: impl FnOnce(&str) -> Result<String>) -> Result<String> {
    validate_relative_name(name)?;
    generate_in_storage(name, clean)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::name::valid_name;
    use jiff::civil::date;

    fn leap_day() -> DateTime {
        date(2024, 2, 29).at(13, 5, 6, 7_008_000)
    }

    #[test]
    fn d097_d098_directives() {
        for (template, want) in [
            ("%Y/%m/%d", "2024/02/29"),
            ("%a %A %b %B %h", "Thu Thursday Feb February Feb"),
            ("%C %y %G %g", "20 24 2024 24"),
            ("%H %I %k %l %M %S %f", "13 01 13  1 05 06 007008"),
            ("%p %P %u %w %j", "PM pm 4 4 060"),
            ("%U %V %W", "08 09 09"),
            ("%D %x %F %e", "02/29/24 02/29/24 2024-02-29 29"),
            ("%-m %_m %0e %^a %#p %#a %-j %^P", "2  2 29 THU pm THU 60 pm"),
            ("100%%", "100%"),
            ("", ""),
        ] {
            assert_eq!(render(template, &leap_day()).unwrap(), want, "{template}");
        }
        for (template, text) in [
            ("100%", "a `%`"),
            ("%-", "a `%`"),
            ("%Q", "`%Q`"),
            ("%é", "`%é`"),
            ("%T", "`%T`"),
            ("%-%", "`%-%`"),
            ("%-f", "`%-f`"),
        ] {
            let error = render(template, &leap_day()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.to_string().contains(text), "{error}");
        }
    }

    #[test]
    fn every_directive_in_the_list_renders() {
        for directive in DIRECTIVES.chars() {
            assert!(!render(&format!("%{directive}"), &leap_day()).unwrap().is_empty());
        }
    }

    #[test]
    fn weeks_at_the_turn_of_the_year() {
        for (day, want) in [
            (date(2021, 1, 3), "01 53 00 2020"),
            (date(2021, 1, 4), "01 01 01 2021"),
            (date(2018, 12, 31), "52 01 53 2019"),
            (date(2017, 1, 1), "01 52 00 2016"),
        ] {
            assert_eq!(render("%U %V %W %G", &day.at(0, 0, 0, 0)).unwrap(), want);
        }
        assert_eq!(render("%Y-%C-%y", &date(7, 1, 1).at(0, 0, 0, 0)).unwrap(), "7-0-07");
        assert_eq!(render("%I%p", &date(7, 1, 1).at(0, 0, 0, 0)).unwrap(), "12AM");
    }

    #[test]
    fn d096_d101_d102_d108_to_d111() {
        let generate =
            |upload_to: &str, name: &str| generate_filename(upload_to, &leap_day(), name, valid_name);
        for (upload_to, name, want) in [
            ("cars", "chevy.jpg", "cars/chevy.jpg"),
            ("p/%Y/%j", "n n.txt", "p/2024/060/n_n.txt"),
            ("", "n", "n"),
            ("./", "n", "n"),
            ("a//b/", "n", "a/b/n"),
            ("up", "sub dir/n n.txt", "up/sub dir/n_n.txt"),
            ("up", "sub\\n n.txt", "up/sub/n_n.txt"),
        ] {
            assert_eq!(generate(upload_to, name).unwrap(), want);
        }
        for (upload_to, name, kind) in [
            ("up", "/tmp/path", ErrorKind::Traversal),
            ("/abs", "n", ErrorKind::Traversal),
            ("a/../b", "n", ErrorKind::Traversal),
            ("up", "..", ErrorKind::NoFileName),
            ("up", ".", ErrorKind::NoFileName),
            ("up", "", ErrorKind::NoFileName),
            ("up", "???", ErrorKind::NoFileName),
        ] {
            assert_eq!(generate(upload_to, name).unwrap_err().kind(), kind, "{upload_to} {name}");
        }
    }

    #[test]
    fn d103_d106_functions() {
        assert_eq!(callable_filename("a/./b c", valid_name).unwrap(), "a/b_c");
        for name in ["/a/b", "../b", "a/../b", "\\a"] {
            assert_eq!(
                callable_filename(name, valid_name).unwrap_err().kind(),
                ErrorKind::Traversal,
                "{name}"
            );
        }
    }
}

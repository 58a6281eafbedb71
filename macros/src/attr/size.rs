//! `max_size`: bytes, or a string with a unit.

use super::Known;
use super::value::{number, refuse, text};
use crate::errors::{Errors, Message};
use crate::list::is;
use crate::suggest::{listed, nearest};
use proc_macro2::TokenTree;

const UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Units that people write.
const WORDS: &[(&str, &str)] = &[
    ("b", "B"),
    ("byte", "B"),
    ("bytes", "B"),
    ("k", "kB"),
    ("kilobyte", "kB"),
    ("kilobytes", "kB"),
    ("kbyte", "kB"),
    ("m", "MB"),
    ("meg", "MB"),
    ("mega", "MB"),
    ("megabyte", "MB"),
    ("megabytes", "MB"),
    ("mbyte", "MB"),
    ("mbytes", "MB"),
    ("g", "GB"),
    ("gig", "GB"),
    ("gigabyte", "GB"),
    ("gigabytes", "GB"),
    ("t", "TB"),
    ("terabyte", "TB"),
    ("terabytes", "TB"),
    ("mebibyte", "MiB"),
    ("mebibytes", "MiB"),
    ("gibibytes", "GiB"),
];

pub(super) fn max_size(known: &Known, errors: &mut Errors) -> Option<u64> {
    if let [TokenTree::Literal(literal), ..] = &known.value[..]
        && literal.to_string().contains('"')
    {
        let text = text(known, None, errors)?;
        return match size(&text.value) {
            Ok(bytes) => Some(bytes),
            Err(message) => {
                errors.add(text.token, message);
                None
            }
        };
    }
    let (head, meant) = match &known.value[..] {
        [TokenTree::Literal(_)] | [TokenTree::Literal(_), TokenTree::Ident(_)] => {
            let text: String = known.value.iter().map(ToString::to_string).collect();
            ("a size with a unit is a string", rewritten(&text))
        }
        value => ("expected a whole number, found an expression", product(value)),
    };
    match meant {
        Some(meant) => {
            refuse(known, head.to_owned(), Some(format!("write `max_size = \"{meant}\"`")), errors)
        }
        None => number(known, errors),
    }
}

/// Parses a size such as `20 MiB` into bytes.
fn size(text: &str) -> Result<u64, Message> {
    let shown = text.escape_debug();
    let (number, unit) = parts(text);
    if number.contains([',', '.']) {
        let message = Message::new(format!("`{shown}` is not a whole number"));
        return Err(match rewritten(text) {
            Some(meant) => message.help(format!("write `max_size = \"{meant}\"`")),
            None => message.help("use a smaller unit"),
        });
    }
    let Ok(number) = number.replace('_', "").parse::<u64>() else {
        let head = if number.is_empty() { "is not a size" } else { "is too large a size" };
        return Err(Message::new(format!("`{shown}` {head}")).help("write `max_size = \"20 MiB\"`"));
    };
    let Some((_, factor)) = UNITS.iter().find(|(known, _)| *known == unit) else {
        let units = listed(UNITS.iter().map(|(unit, _)| *unit).filter(|unit| *unit != "KB"), "and");
        let message = match (unit, rewritten(text)) {
            ("", _) => Message::new("this size has no unit")
                .help(format!("write `max_size = \"{number} MiB\"`, or a number of bytes without quotes")),
            (unit, Some(meant)) => Message::new(format!("`{}` is not a unit of size", unit.escape_debug()))
                .help(format!("write `max_size = \"{meant}\"`")),
            (unit, None) => Message::new(format!("`{}` is not a unit of size", unit.escape_debug())),
        };
        return Err(message.note(format!("the units are {units}")));
    };
    match number.checked_mul(*factor) {
        Some(0) => Err(Message::new("`max_size` cannot be 0").help("leave the key out for no limit")),
        Some(bytes) => Ok(bytes),
        None => Err(Message::new(format!("`{shown}` is more than a file can have"))
            .help("leave the key out for no limit")),
    }
}

/// Splits a size into number and unit. Either may be wrong.
fn parts(text: &str) -> (&str, &str) {
    let number = |c: char| c.is_ascii_digit() || matches!(c, '_' | ',' | '.');
    let end = text.len() - text.trim_start_matches(number).len();
    (&text[..end], text[end..].trim())
}

/// Suggests the size that was probably meant by `2.5MB`, `1,000 bytes` or `20 mb`.
fn rewritten(text: &str) -> Option<String> {
    let (number, unit) = parts(text);
    if unit.is_empty() {
        return None;
    }
    let word = unit.to_lowercase();
    let unit = UNITS.iter().map(|(known, _)| *known).find(|known| *known == unit);
    let unit = unit.or_else(|| WORDS.iter().find(|(known, _)| *known == word).map(|(_, unit)| *unit));
    let unit = unit.or_else(|| {
        // A difference of case alone is the smallest misspelling.
        let names = || UNITS.iter().map(|(known, _)| *known);
        names().find(|known| known.to_lowercase() == word).or_else(|| nearest(&word, names()))
    })?;
    let number = number.replace(['_', ','], "");
    let Some((whole, fraction)) = number.split_once('.') else {
        return number.parse::<u64>().is_ok_and(|number| number > 0).then(|| format!("{number} {unit}"));
    };
    let (_, factor) = UNITS.iter().find(|(known, _)| *known == unit)?;
    let scale = 10_u128.checked_pow(fraction.len().try_into().ok()?)?;
    let scaled = format!("{whole}{fraction}").parse::<u64>().ok()?;
    let bytes = u128::from(scaled) * u128::from(*factor);
    if bytes % scale != 0 {
        return None;
    }
    in_units((bytes / scale).try_into().ok()?)
}

/// Multiplies whole numbers, as in `5 * 1024 * 1024`.
fn product(value: &[TokenTree]) -> Option<String> {
    let mut bytes = 1_u64;
    for (at, token) in value.iter().enumerate() {
        match token {
            TokenTree::Literal(literal) if at % 2 == 0 => {
                bytes = bytes.checked_mul(literal.to_string().replace('_', "").parse().ok()?)?;
            }
            token if at % 2 == 1 && is(token, '*') => {}
            _ => return None,
        }
    }
    in_units(bytes)
}

/// Formats bytes in the largest unit that divides them evenly.
fn in_units(bytes: u64) -> Option<String> {
    let whole = UNITS.iter().filter(|(unit, factor)| *unit != "KB" && bytes.is_multiple_of(*factor));
    let (unit, factor) = whole.max_by_key(|(_, factor)| *factor)?;
    (bytes > 0).then(|| format!("{} {unit}", bytes / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, want) in [
            ("1B", 1),
            ("20 MiB", 20 << 20),
            ("20MiB", 20 << 20),
            ("5 kB", 5000),
            ("5KB", 5000),
            ("1_000 B", 1000),
            ("2 GB", 2_000_000_000),
            ("16777216 GiB", 1 << 54),
        ] {
            assert_eq!(size(text).ok(), Some(want), "{text}");
        }
        for text in [
            "",
            "MiB",
            "20",
            "20 Mib",
            "1.5 MiB",
            "-1 B",
            "0 B",
            "99999999999999999999 B",
            "18446744073709551615 kB",
            "_ B",
            "1,000 B",
            "20 bytes",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_was_meant() {
        for (text, want) in [
            ("20mb", Some("20 MB")),
            ("20 Mib", Some("20 MiB")),
            ("1,000 bytes", Some("1000 B")),
            ("2.5MB", Some("2500 kB")),
            ("1.5 MiB", Some("1536 KiB")),
            ("0.0001 kB", None),
            ("3 parsecs", None),
            ("20", None),
            ("MiB", None),
        ] {
            assert_eq!(rewritten(text).as_deref(), want, "{text}");
        }
    }
}

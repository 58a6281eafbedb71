//! `max_size`: bytes, or a string with a unit.

use super::Known;
use super::value::{number, refuse, text};
use crate::errors::{Errors, Message};
use crate::suggest::{listed, nearest};
use proc_macro2::TokenTree;

const UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

pub(super) fn max_size(known: &Known, errors: &mut Errors) -> Option<u64> {
    if !matches!(&known.value[..], [TokenTree::Literal(literal), ..] if literal.to_string().contains('"')) {
        if let [TokenTree::Literal(literal)] = &known.value[..]
            && let syn::Lit::Int(int) = syn::Lit::new(literal.clone())
            && size(&format!("{}{}", int.base10_digits(), int.suffix())).is_ok()
        {
            let help = format!("write `max_size = \"{} {}\"`", int.base10_digits(), int.suffix());
            return refuse(known, "a size with a unit is a string".to_owned(), Some(help), errors);
        }
        return number(known, errors);
    }
    let text = text(known, None, errors)?;
    match size(&text.value) {
        Ok(bytes) => Some(bytes),
        Err(message) => {
            errors.add(text.token, message);
            None
        }
    }
}

/// Bytes of a size such as `20 MiB`.
fn size(text: &str) -> Result<u64, Message> {
    let units = || listed(UNITS.iter().map(|(unit, _)| *unit).filter(|unit| *unit != "KB"), "and");
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_').len();
    let (number, unit) = (text[..digits].replace('_', ""), text[digits..].trim());
    let Ok(number) = number.parse::<u64>() else {
        let head = if number.is_empty() { "is not a size" } else { "is too large a size" };
        return Err(
            Message::new(format!("`{}` {head}", text.escape_debug())).help("write `max_size = \"20 MiB\"`")
        );
    };
    let Some((_, factor)) = UNITS.iter().find(|(known, _)| *known == unit) else {
        if unit.starts_with('.') {
            let message = Message::new(format!("`{}` is not a whole number", text.escape_debug()));
            return Err(message.help("use a smaller unit"));
        }
        let message = match unit {
            "" => Message::new("this size has no unit")
                .help(format!("write `max_size = \"{number} MiB\"`, or a number of bytes without quotes")),
            unit => {
                let message = Message::new(format!("`{}` is not a unit of size", unit.escape_debug()));
                let prefix = match &unit.to_ascii_uppercase()[..] {
                    "K" => Some("kB"),
                    "M" => Some("MB"),
                    "G" => Some("GB"),
                    _ => None,
                };
                match prefix.or_else(|| nearest(unit, UNITS.iter().map(|(unit, _)| *unit))) {
                    Some(near) => message.help(format!("write `max_size = \"{number} {near}\"`")),
                    None => message,
                }
            }
        };
        return Err(message.note(format!("the units are {}", units())));
    };
    match number.checked_mul(*factor) {
        Some(0) => Err(Message::new("`max_size` cannot be 0").help("leave the key out for no limit")),
        Some(bytes) => Ok(bytes),
        None => Err(Message::new(format!("`{text}` is more than a file can have"))
            .help("leave the key out for no limit")),
    }
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
        ] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}

//! Classes of characters in names.

use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory};

/// A letter, a number or `_`, as Django's `\w` matches them. `char::is_alphanumeric` is a different set.
pub(crate) fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    matches!(
        c.general_category(),
        Category::UppercaseLetter
            | Category::LowercaseLetter
            | Category::TitlecaseLetter
            | Category::ModifierLetter
            | Category::OtherLetter
            | Category::DecimalNumber
            | Category::LetterNumber
            | Category::OtherNumber
    )
}

/// A combining mark that belongs to the letter before it.
pub(crate) fn is_combining(c: char) -> bool {
    !c.is_ascii() && matches!(c.general_category(), Category::NonspacingMark | Category::SpacingMark)
}

/// White space as in Python's `str.strip`, which includes U+001C to U+001F; Rust's does not.
pub(crate) fn is_python_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// A character that looks like a dot or a slash, or becomes one under compatibility normalisation.
pub(crate) fn is_separator_look_alike(c: char) -> bool {
    matches!(
        c,
        '\u{2024}'
            ..='\u{2026}'
                | '\u{2044}'
                | '\u{2215}'
                | '\u{2216}'
                | '\u{29f5}'
                | '\u{29f8}'
                | '\u{fe52}'
                | '\u{fe68}'
                | '\u{ff0e}'
                | '\u{ff0f}'
                | '\u{ff3c}'
    )
}

/// Any blank or line break, except control characters.
pub(crate) fn is_blank(c: char) -> bool {
    matches!(
        c.general_category(),
        Category::SpaceSeparator | Category::LineSeparator | Category::ParagraphSeparator
    )
}

/// Control, invisible, direction-changing, private-use or unassigned characters, and line breaks. U+FFFD
/// stands for bytes that were not UTF-8.
pub(crate) fn is_hidden(c: char) -> bool {
    c == '\u{fffd}'
        || matches!(
            c.general_category(),
            Category::Control
                | Category::Format
                | Category::Surrogate
                | Category::PrivateUse
                | Category::Unassigned
                | Category::LineSeparator
                | Category::ParagraphSeparator
        )
}

/// Whether Windows treats `component` as a device name, with or without an extension.
pub(crate) fn is_device(component: &str) -> bool {
    // A fast path: almost no component begins like a device.
    let [first, second, ..] = component.as_bytes() else { return false };
    let start = [first | 0x20, second | 0x20];
    if !matches!(&start, b"au" | b"cl" | b"co" | b"lp" | b"nu" | b"pr") {
        return false;
    }
    let stem = component.split(['.', ':']).next().unwrap_or("").trim_end_matches(' ');
    if ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"]
        .iter()
        .any(|name| stem.eq_ignore_ascii_case(name))
    {
        return true;
    }
    let Some((port, digit)) = stem.split_at_checked(3) else { return false };
    (port.eq_ignore_ascii_case("com") || port.eq_ignore_ascii_case("lpt"))
        && matches!(digit, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
}

/// The longest prefix of `text` within both limits that ends at a character boundary.
pub(crate) fn cut(text: &str, max_chars: usize, max_bytes: usize) -> &str {
    let end = text.floor_char_boundary(max_bytes);
    let text = &text[..end];
    // A text has at most as many characters as bytes.
    if text.len() <= max_chars {
        return text;
    }
    text.char_indices().nth(max_chars).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d180_word_characters() {
        for kept in ['a', 'Z', '0', '_', 'é', '²', '½', 'Ⅷ', '①', '日', 'ª'] {
            assert!(is_word(kept), "{kept}");
        }
        for deleted in ['-', '.', ' ', '\u{301}', '\u{93f}', '👍', '€', 'Ⓐ', '\u{200d}', '\u{345}'] {
            assert!(!is_word(deleted), "{deleted:?}");
        }
    }

    #[test]
    fn d181_python_white_space() {
        let spaces: Vec<u32> =
            (0..=0x0010_ffff).filter(|&code| char::from_u32(code).is_some_and(is_python_space)).collect();
        let want: Vec<u32> = (0x09..=0x0d)
            .chain(0x1c..=0x20)
            .chain([0x85, 0xa0, 0x1680])
            .chain(0x2000..=0x200a)
            .chain([0x2028, 0x2029, 0x202f, 0x205f, 0x3000])
            .collect();
        assert_eq!(spaces, want);
    }

    #[test]
    fn devices() {
        for device in ["con", "CON.txt", "Aux.tar.gz", "nul ", "com1", "LPT³.x", "clock$", "con .txt", "COM¹"]
        {
            assert!(is_device(device), "{device}");
        }
        for other in ["conx", "console.txt", "com10", "_con", "com", "", "lpt", "comé", "日本"] {
            assert!(!is_device(other), "{other}");
        }
    }

    #[test]
    fn cut_keeps_both_limits() {
        assert_eq!(cut("abc", 2, 9), "ab");
        assert_eq!(cut("ééé", 9, 3), "é");
        assert_eq!(cut("ééé", 2, 9), "éé");
        assert_eq!(cut("abc", 9, 9), "abc");
        assert_eq!(cut("é", 1, 1), "");
    }
}

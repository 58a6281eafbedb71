//! Names that are never reused, for `naming = "unique"`.

use super::chars::cut;
use super::extension::extension_at;
use super::file_name::MAX_COMPONENT_BYTES;
use super::posix;
use crate::error::{Error, ErrorKind, Result};

/// Characters of a token; each carries five bits.
const TOKEN: usize = 26;

/// The issuer in the owner tokens (`0-token`) of files that belong to no database: files stored by accessors
/// of a struct without a table. No database has an identity this short.
pub(crate) const NOBODY: &str = "0";

/// Returns a token of 130 random bits from the system's generator: 26 characters of `[a-z2-7]`, so that
/// tokens also differ on case-insensitive systems.
///
/// # Errors
/// Returns [`ErrorKind::Io`] if the system's random generator fails.
pub fn token() -> Result<String> {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bytes = [0; TOKEN];
    fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

/// Fills `bytes` from the system's generator.
pub(super) fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes)
        .map_err(|error| Error::new(ErrorKind::Io, "the system's random generator failed").with_source(error))
}

/// Inserts `token` and `_` before the last component of `name`.
///
/// The token comes first because names are shortened at the end of the stem. The stem is cut if the component
/// would exceed 255 bytes.
///
/// ```
/// assert_eq!(filefield::name::with_token("cars/chevy.jpg", "k7f2"), "cars/k7f2_chevy.jpg");
/// ```
pub fn with_token(name: &str, token: &str) -> String {
    let file_name = posix::base_name(name);
    let directory = &name[..name.len() - file_name.len()];
    let (stem, extension) = file_name.split_at(extension_at(file_name));
    let room = MAX_COMPONENT_BYTES.saturating_sub(token.len() + 1 + extension.len());
    format!("{directory}{token}_{}{extension}", cut(stem, usize::MAX, room))
}

/// The token that [`with_token`] put into `name`.
#[cfg(feature = "db")]
pub(crate) fn token_in(name: &str) -> Option<&str> {
    let (token, _) = posix::base_name(name).split_once('_')?;
    is_token(token).then_some(token)
}

/// Whether `text` looks like a [`token`].
pub(super) fn is_token(text: &str) -> bool {
    text.len() == TOKEN && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tokens_differ_and_have_their_bits() {
        let tokens: std::collections::HashSet<String> = (0..1000).map(|_| token().unwrap()).collect();
        assert_eq!(tokens.len(), 1000);
        assert!(tokens.iter().all(|token| token.len() * 5 >= 128));
        assert!(
            tokens
                .iter()
                .flat_map(|token| token.bytes())
                .all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
        );
        let used: std::collections::HashSet<u8> = tokens.iter().flat_map(|token| token.bytes()).collect();
        assert_eq!(used.len(), 32);
    }

    #[test]
    fn a_token_stands_before_the_base_name() {
        assert_eq!(with_token("a/b/c.tar.gz", "t"), "a/b/t_c.tar.gz");
        assert_eq!(with_token("c", "t"), "t_c");
        #[cfg(feature = "db")]
        for (name, found) in [(with_token("a/c.txt", &"z2".repeat(13)), true), ("a/z2_c.txt".into(), false)] {
            assert_eq!(token_in(&name).is_some(), found, "{name}");
        }
        let long = with_token(&format!("d/{}.jpg", "é".repeat(125)), &token().unwrap());
        assert_eq!(long.len(), "d/".len() + 255);
        crate::FileName::new(&long).unwrap();
    }
}

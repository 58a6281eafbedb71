//! Free names: the candidates a storage tries when the requested name is taken or too long.

use super::chars::cut;
use super::extension::extension_at;
use super::file_name::{FileName, MAX_COMPONENT_BYTES, MAX_NAME_BYTES};
use super::posix;
use super::token::fill;
use super::valid::{split_checked, validate_base_name, with_slashes};
use crate::error::{Error, ErrorKind, Result};
use std::borrow::Cow;

/// The number of names tried before [`ErrorKind::NoAvailableName`]. Two random parts collide once in 3.5 ×
/// 10¹² tries, so only a storage that reports every name as taken reaches this limit.
pub const MAX_TRIES: u32 = 100;

/// Length of the random part.
const RANDOM: usize = 7;
/// The bytes a variant adds to its original: `_` and the random part.
const ADDED: usize = RANDOM + 1;

/// Seven random characters of `[A-Za-z0-9]` from the system's generator.
fn random_part() -> Result<[u8; RANDOM]> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut part = [0; RANDOM];
    let mut filled = 0;
    let mut bytes = [0; 16];
    loop {
        fill(&mut bytes)?;
        // 248 is the largest multiple of 62 in a byte. Larger values would make some letters more likely.
        for byte in bytes.iter().filter(|&&byte| byte < 248) {
            part[filled] = LETTERS[usize::from(byte % 62)];
            filled += 1;
            if filled == RANDOM {
                return Ok(part);
            }
        }
    }
}

fn variant(directory: &str, stem: &str, extension: &str) -> Result<String> {
    let mut name = String::with_capacity(directory.len() + 1 + stem.len() + ADDED + extension.len());
    name.push_str(directory);
    if !directory.is_empty() && !directory.ends_with('/') {
        name.push('/');
    }
    name.push_str(stem);
    name.push('_');
    name.extend(random_part()?.map(char::from));
    name.push_str(extension);
    Ok(name)
}

/// Returns `stem`, `_`, seven random characters of `[A-Za-z0-9]` and `extension`.
///
/// # Errors
/// Returns [`ErrorKind::Io`] if the system's random generator fails.
pub fn alternative_name(stem: &str, extension: &str) -> Result<String> {
    variant("", stem, extension)
}

/// The names under which a storage tries to create a file: the requested name, then variants with a random
/// part before the extension.
///
/// The extension is the last suffix, or the last two for a compressed file: `Dr._Who.pdf` becomes
/// `Dr._Who_k7F2xQ9.pdf`, and `a.tar.gz` becomes `a_k7F2xQ9.tar.gz`. [`available_name`] puts the random part
/// before the first dot, as Django does.
///
/// A storage tries each name with an *exclusive* create instead of first checking whether it is free. A free
/// name therefore costs one storage call, regardless of how many files share the stem. The iterator is lazy
/// and its first item borrows. It ends with an error after [`MAX_TRIES`] names.
///
/// A name over a limit is treated as taken: its variants have a shortened stem, cut at a character boundary.
/// `max_length`, the column's limit, counts code points. The file system limits, 255 bytes per component and
/// 1,024 bytes in total, count bytes. Every item is a valid [`FileName`].
///
/// ```
/// use filefield::{FileName, name::Candidates};
/// let mut names = Candidates::new(FileName::new("cars/chevy.tar.gz")?, Some(100));
/// assert_eq!(names.next().unwrap()?, "cars/chevy.tar.gz");
/// let second = names.next().unwrap()?;
/// assert!(second.starts_with("cars/chevy_") && second.ends_with(".tar.gz") && second.len() == 25);
/// # Ok::<(), filefield::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Candidates<'a> {
    name: &'a str,
    directory: &'a str,
    stem: &'a str,
    extension: &'a str,
    max_length: Option<u32>,
    tried: u32,
    stem_is_cut: bool,
}

impl<'a> Candidates<'a> {
    /// Creates the candidates for `name`, each at most `max_length` code points long.
    pub fn new(name: FileName<'a>, max_length: Option<u32>) -> Self {
        let file_name = name.file_name();
        let parts = file_name.split_at(extension_at(file_name));
        Candidates::of_parts(name.as_str(), name.parent(), parts, max_length)
    }

    fn of_parts(
        name: &'a str,
        directory: &'a str,
        (stem, extension): (&'a str, &'a str),
        max_length: Option<u32>,
    ) -> Self {
        Candidates { name, directory, stem, extension, max_length, tried: 0, stem_is_cut: false }
    }

    /// Whether the requested name is within all limits. A `max_length` of 0 means no limit here.
    fn wanted_fits(&self) -> bool {
        let max = self.max_length.map_or(usize::MAX, |max| max as usize);
        (max == 0 || self.name.len() <= max || self.name.chars().count() <= max)
            && self.name.len() <= MAX_NAME_BYTES
            && self.stem.len() + self.extension.len() <= MAX_COMPONENT_BYTES
    }

    /// Shortens the stem to leave room for `added` characters. The stem stays cut for later tries.
    fn cut_stem(&mut self, added: usize) -> Result<()> {
        let slash = usize::from(!self.directory.is_empty() && !self.directory.ends_with('/'));
        let tail_bytes = added + self.extension.len();
        let bytes = MAX_COMPONENT_BYTES
            .saturating_sub(tail_bytes)
            .min(MAX_NAME_BYTES.saturating_sub(self.directory.len() + slash + tail_bytes));
        let chars = self.max_length.map_or(usize::MAX, |max| {
            let rest = self.directory.chars().count() + slash + added + self.extension.chars().count();
            (max as usize).saturating_sub(rest)
        });
        let stem = cut(self.stem, chars, bytes);
        if stem.is_empty() {
            return Err(nothing_fits(self.name));
        }
        self.stem = stem;
        self.stem_is_cut = true;
        Ok(())
    }

    fn next_variant(&mut self) -> Result<Cow<'a, str>> {
        if self.tried > MAX_TRIES {
            let message = format!("{MAX_TRIES} names were tried and all are taken");
            return Err(Error::new(ErrorKind::NoAvailableName, message).with_name(self.name));
        }
        if !self.stem_is_cut {
            self.cut_stem(ADDED)?;
        }
        variant(self.directory, self.stem, self.extension).map(Cow::Owned)
    }
}

fn nothing_fits(name: &str) -> Error {
    let message = "no free name fits the limits; allow a larger `max_length`, or use a shorter name";
    Error::new(ErrorKind::NoAvailableName, message).with_name(name)
}

/// Splits a name, which may not be a valid [`FileName`], with Django's checks.
fn checked_parts(
    name: &str,
    max_length: Option<u32>,
    extension_at: fn(&str) -> usize,
) -> Result<Candidates<'_>> {
    let (directory, file_name) = split_checked(name)?;
    validate_base_name(file_name).map_err(|error| error.with_name(name))?;
    if directory.split('/').any(|component| component.len() > MAX_COMPONENT_BYTES) {
        return Err(nothing_fits(name));
    }
    let parts = file_name.split_at(extension_at(file_name));
    Ok(Candidates::of_parts(name, directory, parts, max_length))
}

/// Returns `name` if it fits the limits, otherwise the first variant of [`Candidates`] that does.
///
/// # Errors
/// The errors of [`available_name`].
pub(crate) fn fitted(name: &str, max_length: u32) -> Result<String> {
    let name = with_slashes(name);
    match checked_parts(&name, Some(max_length), extension_at)?.next() {
        Some(first) => first.map(Cow::into_owned),
        None => Err(nothing_fits(&name)),
    }
}

impl<'a> Iterator for Candidates<'a> {
    type Item = Result<Cow<'a, str>>;

    /// Returns the next name to try. An error is the last item.
    fn next(&mut self) -> Option<Self::Item> {
        if self.tried > MAX_TRIES {
            return None;
        }
        self.tried += 1;
        if self.tried == 1 && self.wanted_fits() {
            return Some(Ok(Cow::Borrowed(self.name)));
        }
        let item = self.next_variant();
        if item.is_err() {
            self.tried = MAX_TRIES + 1;
        }
        Some(item)
    }
}

/// Returns `name` if it fits and `is_taken` returns `false`, otherwise a free variant.
///
/// This is Django's `get_available_name`, for storages without an exclusive create. Another writer may take
/// the name between the check and the create. Prefer [`Candidates`].
///
/// # Errors
/// Returns [`ErrorKind::Traversal`] or [`ErrorKind::NoFileName`] for an invalid name, and
/// [`ErrorKind::NoAvailableName`] if nothing fits the limits or after [`MAX_TRIES`] tries; propagates errors
/// of `is_taken`.
pub fn available_name(
    name: &str,
    max_length: Option<u32>,
    mut is_taken: impl FnMut(&str) -> Result<bool>,
) -> Result<String> {
    let name = with_slashes(name);
    for candidate in checked_parts(&name, max_length, posix::suffixes_at)? {
        let candidate = candidate?;
        if !is_taken(&candidate)? {
            return Ok(candidate.into_owned());
        }
    }
    Err(Error::new(ErrorKind::NoAvailableName, "no free name was found").with_name(&name))
}

/// Returns `name` if it fits the limits, otherwise the name with a shortened stem and no random part.
///
/// For storages that replace files. Two long names with the same beginning become the same name. If `name` is
/// a valid [`FileName`], so is the result: `console` is cut to `co`, because `con` is a Windows device.
///
/// # Errors
/// Returns [`ErrorKind::Traversal`] or [`ErrorKind::NoFileName`] for an invalid name, and
/// [`ErrorKind::NoAvailableName`] if nothing of the stem would be left.
pub fn shortened_name(name: &str, max_length: Option<u32>) -> Result<String> {
    let name = with_slashes(name);
    // A `max_length` of 0 means no limit.
    let mut parts = checked_parts(&name, max_length.filter(|&max| max > 0), posix::suffixes_at)?;
    if parts.wanted_fits() {
        return Ok(name.into_owned());
    }
    let is_valid = FileName::new(&name).is_ok();
    parts.cut_stem(0)?;
    loop {
        let shortened = posix::join(parts.directory, &format!("{}{}", parts.stem, parts.extension));
        if !is_valid || FileName::new(&shortened).is_ok() {
            return Ok(shortened);
        }
        let mut stem = parts.stem.chars();
        stem.next_back();
        parts.stem = stem.as_str();
        if parts.stem.is_empty() {
            return Err(nothing_fits(&name));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The name with its random part as `*`.
    fn template(name: &str, max_length: Option<u32>, taken: bool) -> String {
        let got = available_name(name, max_length, |candidate| Ok(taken && candidate == name)).unwrap();
        if got == name {
            return got;
        }
        let file_name = posix::base_name(&got);
        let dot = got.len() - file_name.len() + posix::suffixes_at(file_name);
        let random = &got[dot - RANDOM..dot];
        assert!(random.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{got}");
        format!("{}*{}", &got[..dot - RANDOM], &got[dot..])
    }

    #[test]
    fn d184_to_d188_taken_names() {
        for (name, want) in [
            ("dotted.path/test", "dotted.path/test_*"),
            ("a.tar.gz", "a_*.tar.gz"),
            ("x.y z.w", "x_*.y z.w"),
            ("foo..txt", "foo_*..txt"),
            (".test", ".test_*"),
            ("..foo.txt", "..foo_*.txt"),
            ("/d/a.txt", "/d/a_*.txt"),
        ] {
            assert_eq!(template(name, None, true), want);
            assert_eq!(template(name, None, false), name);
        }
        assert!(available_name("a.b.", None, |name| Ok(name == "a.b.")).unwrap().starts_with("a.b._"));
        assert_eq!(available_name("a//b", None, |_| Ok(false)).unwrap(), "a//b");
    }

    #[test]
    fn the_random_part_of_a_candidate_stands_before_the_last_extension() {
        let second = |name: &str| {
            let second =
                Candidates::new(FileName::new(name).unwrap(), None).nth(1).unwrap().unwrap().into_owned();
            FileName::new(&second).unwrap();
            second
        };
        for (name, stem, extension) in [
            ("docs/Dr._Who.pdf", "docs/Dr._Who_", ".pdf"),
            ("Dr._Who", "Dr._Who_", ""),
            ("a.tar.gz", "a_", ".tar.gz"),
            ("report.v1.2.pdf", "report.v1.2_", ".pdf"),
            ("9.41.07_AM.png", "9.41.07_AM_", ".png"),
            ("foo..txt", "foo._", ".txt"),
            ("plain", "plain_", ""),
        ] {
            let got = second(name);
            assert!(got.starts_with(stem) && got.ends_with(extension), "{name}: {got}");
            assert_eq!(got.len(), stem.len() + RANDOM + extension.len(), "{name}: {got}");
        }
        let long = format!("Dr.{}.pdf", "o".repeat(300));
        let cut = fitted(&long, 50).unwrap();
        assert!(cut.len() == 50 && cut.starts_with("Dr.oo") && cut.ends_with(".pdf"), "{cut}");
        assert_eq!(fitted("a/Dr._Who.pdf", 50).unwrap(), "a/Dr._Who.pdf");
        assert_eq!(fitted("a/..", 50).unwrap_err().kind(), ErrorKind::NoFileName);
    }

    #[test]
    fn d189_to_d193_limits() {
        assert_eq!(template("dir/abcdefghijkl.txt", Some(18), false), "dir/ab_*.txt");
        assert_eq!(template("dir/éééééééééééé.txt", Some(18), false), "dir/éé_*.txt");
        assert_eq!(template("éa.txt", Some(6), false), "éa.txt");
        assert_eq!(template("a.txt", Some(0), false), "a.txt");
        for (name, max) in [("longname.txt", 11), ("longname.txt", 12), ("a.txt", 0)] {
            let error = available_name(name, Some(max), |_| Ok(true)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NoAvailableName);
        }
        assert_eq!(template("longname.txt", Some(13), true), "l_*.txt");
    }

    #[test]
    fn d224_shortened_without_a_random_part() {
        for (name, max, want) in [
            ("test_long_file_name.txt", 10, Some("test_l.txt")),
            ("d/test.txt", 10, Some("d/test.txt")),
            ("d/test.txt", 9, Some("d/tes.txt")),
            ("file_name.longext", 5, None),
            ("file.txt", 0, Some("file.txt")),
        ] {
            let got = shortened_name(name, Some(max));
            assert_eq!(got.as_deref().ok(), want, "{name}");
            assert!(got.is_ok() || got.unwrap_err().kind() == ErrorKind::NoAvailableName);
        }
        // The longest valid prefix of a valid name.
        for (name, max, want) in [
            ("abc def", 4, Some("abc")),
            ("console", 3, Some("co")),
            ("auxiliary.txt", 7, Some("au.txt")),
            ("d/com1 \u{20}x.txt", 8, Some("d/co.txt")),
            ("a#12345b", 4, Some("a#")),
            (" ab", 1, None),
            ("/con/console", 8, Some("/con/con")),
        ] {
            let got = shortened_name(name, Some(max));
            assert_eq!(got.as_deref().ok(), want, "{name}");
            if let Err(error) = got {
                assert_eq!((error.kind(), error.name()), (ErrorKind::NoAvailableName, Some(name)));
            }
        }
        assert_eq!(shortened_name(&"é".repeat(128), None).unwrap(), "é".repeat(127));
    }

    #[test]
    fn d194_bad_names() {
        for (name, kind) in [
            ("a\\..\\b", ErrorKind::Traversal),
            ("../b", ErrorKind::Traversal),
            ("a/..", ErrorKind::NoFileName),
            ("a/", ErrorKind::NoFileName),
            (".", ErrorKind::NoFileName),
        ] {
            assert_eq!(available_name(name, None, |_| Ok(false)).unwrap_err().kind(), kind, "{name}");
        }
        assert_eq!(available_name("a\\b", None, |_| Ok(false)).unwrap(), "a/b");
    }

    #[test]
    fn w13_bytes_count_too() {
        let full = format!("{}.txt", "é".repeat(125));
        assert_eq!(full.len(), 254);
        let got = template(&full, None, true);
        assert_eq!(got, format!("{}_*.txt", "é".repeat(121)));
        let over = format!("{}.txt", "日".repeat(100));
        assert_eq!(template(&over, None, false), format!("{}_*.txt", "日".repeat(81)));
        // Candidates of a name that fills 1,024 bytes.
        let full = format!("{}{}/f", format!("{}/", "d".repeat(254)).repeat(4), "e");
        let names: Vec<_> = Candidates::new(FileName::new(&full).unwrap(), None).collect();
        assert_eq!(names.len(), 2);
        assert_eq!(names[1].as_ref().unwrap_err().kind(), ErrorKind::NoAvailableName);
    }

    #[test]
    fn w44_tries_are_bounded_and_every_candidate_is_valid() {
        let name = FileName::new("d/photo.final.jpg").unwrap();
        let mut seen = std::collections::HashSet::new();
        let mut failed = 0;
        for candidate in Candidates::new(name, Some(24)) {
            assert_eq!(failed, 0, "an error is the last item");
            match candidate {
                Ok(candidate) => {
                    FileName::new(&candidate).unwrap();
                    assert!(candidate.len() <= 24);
                    assert!(seen.insert(candidate));
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::NoAvailableName);
                    failed += 1;
                }
            }
        }
        assert_eq!((seen.len(), failed), (MAX_TRIES as usize, 1));
    }

    #[test]
    fn random_parts_use_every_letter_evenly() {
        let mut counts = [0_u32; 256];
        for _ in 0..20_000 {
            for byte in random_part().unwrap() {
                counts[usize::from(byte)] += 1;
            }
        }
        let used: Vec<u32> = counts.into_iter().filter(|&count| count > 0).collect();
        assert_eq!(used.len(), 62);
        // 2,258 expected, deviation 47: seven deviations either way.
        assert!(used.iter().all(|count| (1925..2600).contains(count)), "{used:?}");
    }
}

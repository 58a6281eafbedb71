//! "Did you mean" for keys, options and aliases.

/// The known word closest to `word`, if it is close enough to be a typo of it.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    // A third of the letters may differ.
    let limit = (word.chars().count() / 3).max(1);
    known
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The number of letters to insert, delete or replace (Levenshtein distance).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The hint for an unknown `word`: the likely word, and all known ones.
pub(crate) fn help<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let meant =
        nearest(word, known.clone()).map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
    let list = known.collect::<Vec<_>>().join(", ");
    if list.is_empty() { format!("{meant}there are none") } else { format!("{meant}known: {list}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_and_far() {
        let known = ["MEDIA_ROOT", "MEDIA_URL", "DEBUG"];
        assert_eq!(nearest("MEDIAROOT", known.into_iter()), Some("MEDIA_ROOT"));
        assert_eq!(nearest("media_ur", known.into_iter()), Some("MEDIA_URL"));
        assert_eq!(nearest("STATIC", known.into_iter()), None);
        assert_eq!(nearest("", known.into_iter()), None);
        for (a, b, want) in
            [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 2), ("é", "e", 1)]
        {
            assert_eq!(distance(a, b), want, "{a} {b}");
            assert_eq!(distance(b, a), want, "{b} {a}");
        }
    }

    #[test]
    fn the_help_lists_what_is_known() {
        assert_eq!(help("dbug", ["DEBUG", "X"].into_iter()), "did you mean `DEBUG`? known: DEBUG, X");
        assert_eq!(help("y", ["DEBUG"].into_iter()), "known: DEBUG");
        assert_eq!(help("y", std::iter::empty()), "there are none");
    }
}

//! Checking the extension of a name against a list.

/// Whether the last suffix of `name` is among `allowed`, without regard to case (D331).
///
/// Extensions are written without their dot. `None` allows every name, an empty list none, and `""` allows names
/// without an extension.
///
/// ```
/// use filefield::name::check_extension;
/// assert!(check_extension("cars/a.tar.GZ", Some(&["gz"])));
/// assert!(!check_extension(".txt", Some(&["txt"])));
/// ```
pub fn check_extension(name: &str, allowed: Option<&[&str]>) -> bool {
    let Some(allowed) = allowed else { return true };
    let suffix = last_suffix(name).to_lowercase();
    allowed.iter().any(|extension| extension.to_lowercase() == suffix)
}

/// The text after the last dot of the last component, where something stands on both sides of that dot.
fn last_suffix(name: &str) -> &str {
    // As a path, `a/./` is `a`.
    let last = name.split('/').rev().find(|component| !matches!(*component, "" | ".")).unwrap_or("");
    match last.rfind('.') {
        Some(dot) if dot > 0 => &last[dot + 1..],
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d331() {
        assert!(check_extension("a.tar.gz", Some(&["gz"])));
        assert!(check_extension("a.TXT", Some(&["txt"])));
        assert!(check_extension("a.txt", Some(&["TXT"])));
        assert!(!check_extension("a.txt ", Some(&["txt"])));
        for bare in [".txt", "a.", "txt", "", "a.txt/..", "."] {
            assert!(check_extension(bare, Some(&[""])), "{bare}");
            assert!(!check_extension(bare, Some(&["txt"])), "{bare}");
        }
        assert!(check_extension("a.txt/", Some(&["txt"])));
        assert!(check_extension("a.php", None));
        assert!(!check_extension("a.txt", Some(&[])));
    }
}

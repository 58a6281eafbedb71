//! Comparing media types with an allow-list.

/// Whether `content_type` matches one of `rules`. Compares the essence, that is type and subtype, ignoring
/// ASCII case.
///
/// A rule such as `image/*` matches all subtypes except `image/svg+xml`, a document that can run scripts;
/// that type must be listed explicitly. `content_type` must be a bare essence: with parameters, commas,
/// blanks, wildcards or control characters it matches nothing.
///
/// ```
/// use filefield::inspect::accepts;
///
/// assert!(accepts(&["image/*", "application/pdf"], "image/PNG"));
/// assert!(!accepts(&["image/*"], "image/svg+xml"));
/// assert!(!accepts(&["image/*"], "text/html;image/png"));
/// assert!(!accepts(&["image/png"], "image/png, text/html"));
/// ```
pub fn accepts(rules: &[&str], content_type: &str) -> bool {
    let Some((kind, subtype)) = content_type.split_once('/') else { return false };
    if !is_token(kind) || !is_token(subtype) {
        return false;
    }
    rules.iter().any(|rule| match rule.strip_suffix("/*") {
        Some(wanted) => wanted.eq_ignore_ascii_case(kind) && !subtype.eq_ignore_ascii_case("svg+xml"),
        None => rule.eq_ignore_ascii_case(content_type),
    })
}

/// A name as in RFC 6838, section 4.2.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
}

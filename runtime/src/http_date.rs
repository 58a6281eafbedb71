//! Conditional requests by date.

use httpdate::HttpDate;
use std::time::{Duration, SystemTime};

/// Returns whether a file modified at `modified` is newer than the date in an `If-Modified-Since` header.
///
/// HTTP dates have whole seconds, so the fraction of `modified` is ignored. A missing header, and one that is
/// not a date in one of the three forms of RFC 9110, section 5.6.7, counts as "modified": the file is sent.
///
/// ```
/// use filefield::http_date::was_modified_since;
/// use std::time::{Duration, SystemTime};
/// let modified = SystemTime::UNIX_EPOCH + Duration::from_millis(10_900);
/// assert!(!was_modified_since(Some("Thu, 01 Jan 1970 00:00:10 GMT"), modified));
/// assert!(was_modified_since(None, modified));
/// ```
pub fn was_modified_since(header: Option<&str>, modified: SystemTime) -> bool {
    let Some(date) = header.and_then(parse) else { return true };
    // Newer means at least one whole second later, because the header has no fraction.
    modified >= SystemTime::from(date) + Duration::from_secs(1)
}

fn parse(text: &str) -> Option<HttpDate> {
    // `httpdate` accepts any character before the time in the RFC 850 form.
    let time =
        text.trim_end().strip_suffix(" GMT").and_then(|rest| rest.len().checked_sub("08:49:37".len() + 1));
    if time.is_some_and(|before| text.as_bytes()[before] != b' ') { None } else { text.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d361() {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_900);
        for header in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert!(!was_modified_since(Some(header), modified), "{header}");
            assert!(was_modified_since(Some(header), modified + Duration::from_millis(100)), "{header}");
            assert!(
                !was_modified_since(Some(header), SystemTime::UNIX_EPOCH - Duration::from_secs(1)),
                "{header}"
            );
        }
        for header in [
            "",
            "yesterday",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sunday, 06-Nov-94-08:49:37 GMT",
            "é",
        ] {
            assert!(was_modified_since(Some(header), SystemTime::UNIX_EPOCH), "{header}");
        }
    }
}

//! Joining paths beneath a base, lexically.

use super::posix;
use crate::error::{Error, ErrorKind, Result};

/// Joins `paths` to `base` and normalises the result, which must be `base` or lie below it.
///
/// The comparison is textual: no link is resolved, and a back-slash is an ordinary character. This alone does
/// not protect a file system against links. `base` must be absolute.
///
/// ```
/// use filefield::name::safe_join;
/// assert_eq!(safe_join("/media", &["cars", "./chevy.jpg"])?, "/media/cars/chevy.jpg");
/// assert!(safe_join("/media", &["../media-private/x"]).is_err());
/// # Ok::<(), filefield::Error>(())
/// ```
///
/// # Errors
/// Returns [`ErrorKind::Traversal`] if the result lies outside `base`, and [`ErrorKind::Usage`] if `base` is
/// relative.
pub fn safe_join(base: &str, paths: &[&str]) -> Result<String> {
    if !base.starts_with('/') {
        return Err(Error::new(ErrorKind::Usage, "the base of a safe join must be an absolute path"));
    }
    let joined = paths.iter().fold(base.to_owned(), |joined, path| posix::join(&joined, path));
    let joined = posix::normalise(&joined);
    let base = posix::normalise(base);
    let beneath =
        joined.strip_prefix(base.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if beneath || base == "/" || base == "//" {
        Ok(joined)
    } else {
        Err(Error::new(ErrorKind::Traversal, "the joined path lies outside of its base"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn d350_d351() {
        for (base, paths, want) in [
            ("/abc", &["../abc"][..], Some("/abc")),
            ("/abc", &["/abc/x"], Some("/abc/x")),
            ("/abc", &["../abcd"], None),
            ("/abc", &["/etc"], None),
            ("/", &["etc"], Some("/etc")),
            ("/a", &["b", "c/../d"], Some("/a/b/d")),
            ("//a", &["b"], Some("//a/b")),
            ("/a", &["a\\..\\..\\x"], Some("/a/a\\..\\..\\x")),
            ("/a", &[], Some("/a")),
            ("/a/", &[""], Some("/a")),
        ] {
            let got = safe_join(base, paths);
            assert_eq!(got.as_deref().ok(), want, "{base} {paths:?}");
            if let Err(error) = got {
                assert_eq!(error.kind(), ErrorKind::Traversal);
            }
        }
        assert_eq!(safe_join("a", &["b"]).unwrap_err().kind(), ErrorKind::Usage);
    }
}

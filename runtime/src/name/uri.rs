//! From names to URLs.

use super::file_name::FileName;
use super::valid::with_slashes;
use crate::error::{Error, ErrorKind, Result};

/// The bytes that are not escaped in a URL: `A–Z a–z 0–9 _ . - ~ / ! * ( ) '`.
const PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(
            byte as u8,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' | b'/' | b'!' | b'*' | b'(' | b')' | b'\''
        );
        byte += 1;
    }
    table
};

/// Appends the percent-encoded `name` to `base`, with a single allocation.
fn append_encoded(base: &str, name: &str) -> String {
    let bytes = name.as_bytes();
    let Some(first) = bytes.iter().position(|&byte| !PLAIN[usize::from(byte)]) else {
        let mut url = String::with_capacity(base.len() + name.len());
        url.push_str(base);
        url.push_str(name);
        return url;
    };
    // An encoded byte takes three. The unused rest is small, because names are.
    let mut url = String::with_capacity(base.len() + first + 3 * (bytes.len() - first));
    url.push_str(base);
    url.push_str(&name[..first]);
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in &bytes[first..] {
        if PLAIN[usize::from(byte)] {
            url.push(char::from(byte));
        } else {
            url.push('%');
            url.push(char::from(HEX[usize::from(byte >> 4)]));
            url.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    url
}

/// Percent-encodes a path for a URL: UTF-8, upper-case hex, `\` as `/`. `%` is always encoded, so existing
/// escapes are encoded again.
///
/// ```
/// assert_eq!(filefield::name::filepath_to_uri("a b?#%.x"), "a%20b%3F%23%25.x");
/// ```
pub fn filepath_to_uri(path: &str) -> String {
    append_encoded("", &with_slashes(path))
}

/// Percent-encodes a value for the query of a URL. Also encodes `'`, as browsers and other implementations of
/// the URL standard do in a query.
pub(crate) fn encode_query(value: &str) -> String {
    append_encoded("", value).replace('\'', "%27")
}

/// Decodes a value of a query, whoever encoded it. `+` is a space.
pub(crate) fn decode_query(encoded: &str) -> Option<String> {
    unescaped(&encoded.replace('+', " "))
}

/// Decodes the path of a URL, whoever encoded it. Returns `None` if a segment contains an escaped slash.
pub(crate) fn decode_path(encoded: &str) -> Option<String> {
    let mut decoded = String::with_capacity(encoded.len());
    for (at, segment) in encoded.split('/').enumerate() {
        if at > 0 {
            decoded.push('/');
        }
        decoded.push_str(&unescaped(segment).filter(|segment| !segment.contains('/'))?);
    }
    Some(decoded)
}

/// Decodes percent escapes, whoever made them.
pub(crate) fn unescaped(encoded: &str) -> Option<String> {
    let mut pieces = encoded.split('%');
    let mut text = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (escape, rest) = piece.split_at_checked(2)?;
        let is_hex = escape.bytes().all(|digit| digit.is_ascii_hexdigit());
        text.push(u8::from_str_radix(escape, 16).ok().filter(|_| is_hex)?);
        text.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(text).ok()
}

/// Reverses [`filepath_to_uri`]. Returns `None` if `uri` is not a result of it.
#[cfg(feature = "db")]
pub(crate) fn uri_to_filepath(uri: &str) -> Option<String> {
    unescaped(uri).filter(|path| filepath_to_uri(path) == uri)
}

/// Returns the URL of a stored file: `base_url`, as returned by [`check_base_url`], and the encoded name.
///
/// One pass and one allocation. A [`FileName`] has no dot segments and no leading slash, so the URL always
/// stays below its base.
///
/// ```
/// use filefield::{FileName, name::join_url};
/// assert_eq!(join_url("/media/", FileName::new("cars/57 Chevy.jpg")?), "/media/cars/57%20Chevy.jpg");
/// # Ok::<(), filefield::Error>(())
/// ```
pub fn join_url(base_url: &str, name: FileName<'_>) -> String {
    append_encoded(base_url, name.as_str())
}

/// Checks a storage's base URL and adds a missing trailing slash. The scheme is converted to lower case.
///
/// The URL may be a path (`/media/`), a host without a scheme (`//cdn.example.com/`), or a scheme with a
/// host.
///
/// # Errors
/// Returns [`ErrorKind::Settings`] if the URL is empty or has a query or a fragment (both would be lost), an
/// empty or dot segment, a character that must be escaped in a URL, an invalid `%` escape, or a scheme
/// without a host.
pub fn check_base_url(base_url: &str) -> Result<String> {
    let refuse = |message: &'static str| Err(Error::new(ErrorKind::Settings, message));
    if base_url.is_empty() {
        return refuse("the base URL is empty");
    }
    if base_url.contains(['?', '#']) {
        return refuse("the base URL has a query or a fragment");
    }
    // A browser would escape these characters and change the URL.
    let is_plain = |byte: u8| {
        byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'}')
    };
    if !base_url.bytes().all(is_plain) {
        return refuse(
            "the base URL has a blank, a control, a character outside ASCII or one of \\ \" < > ^ ` { }; encode it",
        );
    }
    let (scheme, rest) = split_scheme(base_url);
    let scheme = scheme.to_ascii_lowercase();
    let (host, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None if !scheme.is_empty() => return refuse("the base URL has a scheme but no `//`"),
        None => ("", rest),
    };
    if host.is_empty() && rest.starts_with("//") && scheme != "file" {
        return refuse("the base URL has no host after its `//`");
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    let Some(decoded) = decode_path(path) else {
        return refuse("the base URL has a `%` that escapes nothing (write `%25`), or an escaped slash");
    };
    let is_dots = |text: &str| matches!(text, "." | "..");
    if decoded.split('/').skip(1).any(|segment| segment.is_empty() || is_dots(segment)) || is_dots(&decoded) {
        return refuse("the base URL has an empty, `.` or `..` segment");
    }
    let mut checked = String::with_capacity(base_url.len() + 1);
    if !scheme.is_empty() {
        checked.push_str(&scheme);
        checked.push(':');
    }
    if rest.starts_with("//") {
        checked.push_str("//");
    }
    checked.push_str(host);
    checked.push_str(path);
    checked.push('/');
    Ok(checked)
}

/// Joins a base URL and a name as Django's `url()` does: the name is encoded, its leading slashes are
/// removed, and dot segments are resolved, even beyond the base.
///
/// For names that are not yet a [`FileName`]. Storages use [`join_url`].
///
/// # Errors
/// Returns [`ErrorKind::Settings`] if the host of `base_url` has unpaired brackets.
pub fn resolve_url(base_url: &str, name: &str) -> Result<String> {
    let encoded = filepath_to_uri(name);
    let path = encoded.trim_start_matches('/');
    if path.is_empty() {
        return Ok(base_url.to_owned());
    }
    if base_url.is_empty() {
        return Ok(path.to_owned());
    }
    let base = SplitUrl::new(base_url)?;
    if !RELATIVE_SCHEMES.contains(&base.scheme.as_str()) {
        return Ok(path.to_owned());
    }
    let mut segments: Vec<&str> = base.path.split('/').collect();
    if segments.last().is_some_and(|last| !last.is_empty()) {
        segments.pop();
    }
    segments.extend(path.split('/'));
    let last_at = segments.len() - 1;
    let mut resolved: Vec<&str> = Vec::with_capacity(segments.len() + 1);
    for (at, &segment) in segments.iter().enumerate() {
        match segment {
            // Empty segments between the first and the last are removed.
            "" if at != 0 && at != last_at => {}
            ".." => {
                resolved.pop();
            }
            "." => {}
            _ => resolved.push(segment),
        }
    }
    if matches!(segments[last_at], "." | "..") {
        resolved.push("");
    }
    let path = resolved.join("/");
    Ok(base.unsplit(if path.is_empty() { "/" } else { &path }))
}

/// The schemes that Python's `urljoin` treats as hierarchical. With any other base, the result is the name.
const RELATIVE_SCHEMES: [&str; 20] = [
    "", "ftp", "http", "gopher", "nntp", "imap", "wais", "file", "https", "shttp", "mms", "prospero", "rtsp",
    "rtsps", "rtspu", "sftp", "svn", "svn+ssh", "ws", "wss",
];
/// The schemes whose last segment may have parameters after a `;`.
const PARAMETER_SCHEMES: [&str; 12] =
    ["", "ftp", "prospero", "http", "imap", "https", "shttp", "rtsp", "rtsps", "rtspu", "mms", "sftp"];

fn split_scheme(url: &str) -> (&str, &str) {
    match url.split_once(':') {
        Some((scheme, rest))
            if scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) =>
        {
            (scheme, rest)
        }
        _ => ("", url),
    }
}

/// Scheme, host and path of a URL, by the rules of Python's `urlsplit`. Query, fragment and parameters are
/// dropped.
struct SplitUrl {
    scheme: String,
    host: String,
    path: String,
}

impl SplitUrl {
    fn new(url: &str) -> Result<Self> {
        let url = url.trim_start_matches(|c: char| c <= ' ').replace(['\t', '\r', '\n'], "");
        let (scheme, rest) = split_scheme(&url);
        let scheme = scheme.to_ascii_lowercase();
        let (host, rest) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())),
            None => ("", rest),
        };
        if host.contains('[') != host.contains(']') {
            return Err(Error::new(ErrorKind::Settings, "the base URL has unpaired brackets"));
        }
        let path = rest.split(['?', '#']).next().unwrap_or("");
        let path = if PARAMETER_SCHEMES.contains(&scheme.as_str()) {
            let last = path.rfind('/').unwrap_or(0);
            path[last..].find(';').map_or(path, |at| &path[..last + at])
        } else {
            path
        };
        Ok(SplitUrl { host: host.to_owned(), path: path.to_owned(), scheme })
    }

    fn unsplit(&self, path: &str) -> String {
        let SplitUrl { scheme, host, .. } = self;
        let mut url = String::with_capacity(scheme.len() + host.len() + path.len() + 4);
        if !scheme.is_empty() {
            url.push_str(scheme);
            url.push(':');
        }
        if !host.is_empty() || (!scheme.is_empty() && !path.starts_with("//")) {
            url.push_str("//");
            url.push_str(host);
            if !path.starts_with('/') {
                url.push('/');
            }
        }
        url.push_str(path);
        url
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn d342_d343_encoding() {
        for (path, want) in [
            ("a b?#%.x", "a%20b%3F%23%25.x"),
            ("~!*()'@#$%^&*abc`", "~!*()'%40%23%24%25%5E%26*abc%60"),
            ("+&=:;,@$\0", "%2B%26%3D%3A%3B%2C%40%24%00"),
            ("a\\é~'", "a/%C3%A9~'"),
            ("100%25", "100%2525"),
            ("", ""),
        ] {
            assert_eq!(filepath_to_uri(path), want);
        }
    }

    #[test]
    fn d238_d346_to_d349_resolving() {
        for (base, name, want) in [
            ("/media/", "a b.txt", "/media/a%20b.txt"),
            ("/media/", "//evil.com", "/media/evil.com"),
            ("/media/", "\\\\\\evil.com", "/media/evil.com"),
            ("/media/", "../s", "/s"),
            ("/media/", "a/../b", "/media/b"),
            ("/media/", "a//b", "/media/a/b"),
            ("/media/", "..", "/"),
            ("/media/", "", "/media/"),
            ("http://x/m/?q=1", "a", "http://x/m/a"),
            ("http://c/x", "a", "http://c/a"),
            ("http://c", "a", "http://c/a"),
            ("mailto:x", "a", "a"),
            ("HTTP://c/x/", "a", "http://c/x/a"),
            ("http://c/x;p", "a", "http://c/a"),
            ("//cdn/x/", "a", "//cdn/x/a"),
            ("media/", "a", "media/a"),
            ("file:x/", "a", "file:///x/a"),
            ("", "a", "a"),
        ] {
            assert_eq!(resolve_url(base, name).unwrap(), want, "{base} {name}");
        }
        resolve_url("http://[x/", "a").unwrap_err();
    }

    #[test]
    fn strict_join() {
        let name = FileName::new("é/50% #1!.x").unwrap();
        assert_eq!(
            join_url("https://cdn.example.com/", name),
            "https://cdn.example.com/%C3%A9/50%25%20%231!.x"
        );
        assert_eq!(join_url("/m/", FileName::new("a").unwrap()), "/m/a");
    }

    /// A browser leaves the URLs written here unchanged.
    #[test]
    fn the_url_standard_leaves_what_is_encoded() {
        let odd = ["é", "ü", "ß", "日", "😀", "Ω", "й", "א", "\u{301}", "\u{202e}"].map(str::to_owned);
        let ascii = (b' '..=b'~').map(|byte| char::from(byte).to_string());
        for text in ascii.chain(odd) {
            for text in [text.clone(), format!("a{text}b"), format!("{text}{text}")] {
                let path = filepath_to_uri(&format!("x{text}"));
                let url = format!("https://h/m/{path}?v={}", encode_query(&text));
                let parsed = url::Url::parse(&url).unwrap();
                assert_eq!(parsed.as_str(), url);
                assert_eq!(parsed.query_pairs().collect::<Vec<_>>(), [("v".into(), text.as_str().into())]);
                let value = parsed.query().and_then(|query| decode_query(query.strip_prefix("v=")?));
                assert_eq!(value.as_deref(), Some(text.as_str()));
                assert_eq!(decode_path(parsed.path()), Some(format!("/m/x{}", text.replace('\\', "/"))));
            }
        }
    }

    #[test]
    fn escapes_that_are_none_have_no_text() {
        for bad in ["%", "%4", "a%4", "%+f", "%-1", "% 1", "%zz", "%ff", "%c3", "%C3%28"] {
            assert_eq!((unescaped(bad), decode_path(bad)), (None, None), "{bad}");
        }
        assert_eq!(unescaped("%c3%A9+%2b").as_deref(), Some("é++"));
        assert_eq!(decode_query("%c3%A9+%2b").as_deref(), Some("é +"));
        for (path, decoded) in [("/a%2fb", None), ("/a/%41//", Some("/a/A//")), ("", Some(""))] {
            assert_eq!(decode_path(path).as_deref(), decoded, "{path}");
        }
    }

    #[test]
    fn w39_base_urls() {
        for (base, want) in [
            ("/media", "/media/"),
            ("/", "/"),
            ("https://cdn.example.com", "https://cdn.example.com/"),
            ("//cdn/x/", "//cdn/x/"),
            ("media/", "media/"),
            ("file:///srv/media", "file:///srv/media/"),
            ("HTTPS://cdn/", "https://cdn/"),
        ] {
            assert_eq!(check_base_url(base).unwrap(), want);
        }
        for base in [
            "",
            "/m?q",
            "/m#f",
            "/m m/",
            "/m\n",
            "\\m",
            "mailto:x",
            "http:x",
            "http:///x",
            "///x",
            "/a/../b/",
            "..",
            "/a//b/",
            "//x//",
            "/é/",
            "/a{b}/",
            "/a^b/",
            "/100%/",
            "/a/%2E%2e/b/",
            "/a%2Fb/",
            "/a%+1/",
        ] {
            assert_eq!(check_base_url(base).unwrap_err().kind(), ErrorKind::Settings, "{base}");
        }
    }
}

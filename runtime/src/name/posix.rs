//! Paths as text, by the rules of POSIX and Python's `posixpath`. Nothing here accesses a file system.

/// Splits `path` before its last component. Trailing slashes of the directory are removed, unless it consists
/// of slashes only.
pub(crate) fn split(path: &str) -> (&str, &str) {
    let at = path.rfind('/').map_or(0, |slash| slash + 1);
    let (head, tail) = path.split_at(at);
    let trimmed = head.trim_end_matches('/');
    (if trimmed.is_empty() { head } else { trimmed }, tail)
}

/// The part after the last `/`.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, last)| last)
}

/// Joins two paths. An absolute second path replaces the first.
pub(crate) fn join(first: &str, second: &str) -> String {
    if second.starts_with('/') || first.is_empty() {
        return second.to_owned();
    }
    let mut joined = String::with_capacity(first.len() + 1 + second.len());
    joined.push_str(first);
    if !first.ends_with('/') {
        joined.push('/');
    }
    joined.push_str(second);
    joined
}

/// Removes `.` components and doubled slashes and resolves `..`, lexically. Exactly two leading slashes are
/// kept.
pub(crate) fn normalise(path: &str) -> String {
    let slashes = path.bytes().take_while(|&byte| byte == b'/').count();
    let root = match slashes {
        0 => "",
        2 => "//",
        _ => "/",
    };
    let mut kept: Vec<&str> = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => match kept.last() {
                Some(&last) if last != ".." => {
                    kept.pop();
                }
                // `..` at the root stays at the root; a relative path keeps it.
                None if !root.is_empty() => {}
                _ => kept.push(".."),
            },
            _ => kept.push(component),
        }
    }
    let normal = format!("{root}{}", kept.join("/"));
    if normal.is_empty() { ".".to_owned() } else { normal }
}

/// Whether a component of `path` is `..`.
pub(crate) fn climbs(path: &str) -> bool {
    path.split('/').any(|component| component == "..")
}

/// Returns where the suffixes of a file name begin: at the first dot after any leading dots. A name that ends
/// in a dot has none.
pub(crate) fn suffixes_at(file_name: &str) -> usize {
    if file_name.ends_with('.') {
        return file_name.len();
    }
    let leading = file_name.len() - file_name.trim_start_matches('.').len();
    file_name[leading..].find('.').map_or(file_name.len(), |dot| leading + dot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_like_python() {
        for (path, want) in [
            ("a/b", ("a", "b")),
            ("a//b", ("a", "b")),
            ("//b", ("//", "b")),
            ("/b", ("/", "b")),
            ("b", ("", "b")),
            ("a/", ("a", "")),
            ("", ("", "")),
        ] {
            assert_eq!(split(path), want, "{path}");
        }
    }

    #[test]
    fn normalises_like_python() {
        for (path, want) in [
            ("", "."),
            ("./a/./b//c", "a/b/c"),
            ("//x/y", "//x/y"),
            ("///x/y", "/x/y"),
            ("/..", "/"),
            ("../a", "../a"),
            ("a/../..", ".."),
            ("a/b/../c", "a/c"),
        ] {
            assert_eq!(normalise(path), want, "{path}");
        }
    }

    #[test]
    fn d187_d188_suffixes() {
        for (name, want) in [
            ("a.tar.gz", ".tar.gz"),
            ("x.y z.w", ".y z.w"),
            ("foo..txt", "..txt"),
            (".test", ""),
            ("a.b.", ""),
            ("..foo.txt", ".txt"),
            ("...", ""),
            ("plain", ""),
        ] {
            assert_eq!(&name[suffixes_at(name)..], want, "{name}");
        }
    }
}

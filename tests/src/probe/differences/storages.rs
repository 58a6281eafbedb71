//! Differences in the steps of storage scripts.

use super::Case;
use filefield::{ErrorKind, FileName};

impl<'a> Case<'a> {
    /// Operation and name of the step; empty if it is not a step.
    fn operation(&self) -> (&'a str, &'a str) {
        let word =
            |at: usize| self.step.and_then(|step| self.question["steps"][step][at].as_str()).unwrap_or("");
        (word(0), word(1))
    }

    /// Whether Django made a directory `name` in an earlier step.
    fn made_directory(&self, name: &str) -> bool {
        let earlier = self.question["steps"].as_array().into_iter().flatten().take(self.step.unwrap_or(0));
        earlier.into_iter().any(|step| {
            let (what, made) = (step[0].as_str().unwrap_or(""), step[1].as_str().unwrap_or(""));
            match what {
                "mkdir" => made == name,
                // A save that fails may have made its directories.
                "save" | "save_text" => made.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')),
                _ => false,
            }
        })
    }
}

/// The name, or the directory to list, is invalid, and the answer says so.
pub(super) fn refused_name(case: &Case<'_>) -> bool {
    let (what, name) = case.operation();
    let Some(error) = FileName::new(name).err() else { return false };
    if what == "listdir" {
        return !name.is_empty() && case.failed_with("invalid_name");
    }
    let kind = match error.kind() {
        ErrorKind::NoFileName => "no_file_name",
        ErrorKind::InvalidName => "invalid_name",
        ErrorKind::Traversal if what.starts_with("save") => "traversal",
        ErrorKind::Traversal => "outside_base",
        _ => return false,
    };
    ["save", "save_text", "read", "exists", "size", "delete", "rel"].contains(&what) && case.failed_with(kind)
}

/// The name is a directory. Django reports that it exists, gives it a size, or fails to delete it because it
/// is not empty.
pub(super) fn directory(case: &Case<'_>) -> bool {
    let (what, name) = case.operation();
    case.made_directory(name)
        && match what {
            "exists" => case.want["ok"] == true && case.got["ok"] == false,
            "size" => case.want["ok"].is_u64() && case.got["error"] == "IsADirectoryError",
            "delete" => case.want["error"] == "OSError" && case.got["error"] == "IsADirectoryError",
            _ => false,
        }
}

/// Both fail because a file is where a directory is needed.
pub(super) fn file_in_the_way(case: &Case<'_>) -> bool {
    let (what, _) = case.operation();
    ["save", "save_text", "listdir"].contains(&what)
        && case.want["error"] == "FileExistsError"
        && case.got["error"] == "NotADirectoryError"
}

/// Django returns a path that leads nowhere.
pub(super) fn path_in_memory(case: &Case<'_>) -> bool {
    case.operation().0 == "rel"
        && case.question["backend"] == "memory"
        && case.want["ok"].is_string()
        && case.failed_with("unsupported")
}

/// The same random part is before the last suffix, not before the first.
pub(super) fn last_suffix(case: &Case<'_>) -> bool {
    let Some((want, got)) = case.texts() else { return false };
    // Its name in a script: `_R` and six digits.
    let random = |name: &str| {
        let digits =
            |at: &usize| name.get(at + 2..at + 8).is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
        name.match_indices("_R").map(|(at, _)| at).find(digits)
    };
    let (Some(wanted), Some(ours)) = (random(want), random(got)) else { return false };
    let without = |name: &str, at: usize| format!("{}{}", &name[..at], &name[at + 8..]);
    let last = got[ours + 8..].strip_prefix('.').is_none_or(|suffix| !suffix.contains('.'));
    case.operation().0.starts_with("save")
        && want[wanted..wanted + 8] == got[ours..ours + 8]
        && without(want, wanted) == without(got, ours)
        && wanted < ours
        && last
}

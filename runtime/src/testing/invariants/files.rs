//! From the files to the rows: R2, R3, R4, R8.

use super::Invariants;
use super::places::Places;
use super::report::InvariantReport;
use super::rows::differs;
use crate::testing::Invariant;
use crate::{ErrorKind, FileName, Result, StorageExt};

/// Number of files that are checked at a time.
const BATCH: usize = 100;
/// Number of journal entries that are shown.
const SHOWN: usize = 100;

/// Checks R2 and R3: visits everything that the storage lists.
pub(super) async fn walk(
    options: &Invariants<'_>,
    places: &Places<'_>,
    report: &mut InvariantReport,
) -> Result<()> {
    let mut todo = vec![String::new()];
    let mut directories = 0_u64;
    while let Some(directory) = todo.pop() {
        let listing = match options.storage.list(&directory).await {
            Ok(listing) => listing,
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                for invariant in [Invariant::R2, Invariant::R3] {
                    report.unchecked(invariant, "the storage cannot be listed");
                }
                return Ok(());
            }
            // Deleted since its parent was listed, or not created yet.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        directories += 1;
        let whole = |leaf: String| if directory.is_empty() { leaf } else { format!("{directory}/{leaf}") };
        todo.extend(listing.dirs.into_iter().map(whole));
        let files: Vec<String> = listing.files.into_iter().map(whole).collect();
        report.listed += files.len() as u64;
        for batch in files.chunks(BATCH) {
            judge(options, places, batch, report).await?;
        }
        if report.listed.max(directories) > options.most_files {
            let why = format!("what comes after {} files or directories", options.most_files);
            report.unchecked(Invariant::R2, why.clone());
            report.unchecked(Invariant::R3, why);
            return Ok(());
        }
    }
    Ok(())
}

async fn judge(
    options: &Invariants<'_>,
    places: &Places<'_>,
    listed: &[String],
    report: &mut InvariantReport,
) -> Result<()> {
    let expected =
        |name: &String| options.foreign.iter().any(|(own, _)| own == name) || (options.left_out)(name);
    let mut names: Vec<String> = listed.iter().filter(|name| !expected(name)).cloned().collect();
    for name in &names {
        if is_digits(name) {
            report.broken(
                Invariant::R3,
                name.clone(),
                "such names are those of files that are being written",
            );
        }
    }
    let referenced = places.referenced(&names).await?;
    names.retain(|name| !referenced.contains(name));
    let journaled = places.journaled(&names).await?;
    for name in names {
        if journaled.contains(&name) {
            report.journaled += 1;
            if !options.swept {
                continue;
            }
        }
        let Some(size) = size(options, &name).await? else { continue };
        // Between the two checks, its row may have been committed and the entry removed from the journal.
        if places.referencing(&name).await?.is_some() {
            continue;
        }
        let journal =
            if journaled.contains(&name) { "the journal knows it still" } else { "neither does the journal" };
        report.broken(Invariant::R2, name.clone(), format!("no row names it ({size} bytes), {journal}"));
        if size == 0 {
            report.broken(Invariant::R3, name.clone(), "it is empty and no row names it");
        } else if is_temporary(&name) {
            report.broken(Invariant::R3, name.clone(), "it looks like a temporary file and no row names it");
        }
    }
    Ok(())
}

/// Returns the size of the file, or `None` if it was deleted in the meantime. A name that no storage accepts
/// counts as existing.
async fn size(options: &Invariants<'_>, name: &str) -> Result<Option<u64>> {
    let Ok(checked) = FileName::new(name) else { return Ok(Some(1)) };
    match options.storage.metadata(checked).await {
        Ok(metadata) => Ok(Some(metadata.size)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// `photo.jpg#12`: the form of staged names in some storages.
fn is_digits(name: &str) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    stem.len() < name.len() && stem.ends_with('#')
}

fn is_temporary(name: &str) -> bool {
    let leaf = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let upload = leaf.strip_prefix("upload-").is_some_and(|rest| rest.len() == 32);
    upload || leaf.starts_with("tmp") || [".tmp", ".temp", ".part", "~"].iter().any(|end| leaf.ends_with(end))
}

/// Checks R3: what saves left in the staging folder of the local storage.
pub(super) async fn check_staging(options: &Invariants<'_>, report: &mut InvariantReport) -> Result<()> {
    let Ok(path) = FileName::new("x").and_then(|name| options.storage.path(name)) else {
        report.unchecked(Invariant::R3, "staged files of a storage without local paths");
        return Ok(());
    };
    let Some(root) = path.parent() else { return Ok(()) };
    let staging = root.join(crate::name::RESERVED_COMPONENT).join("tmp");
    let left = count_files(&staging)?;
    if left > 0 {
        report.broken(Invariant::R3, None, format!("{left} files are left in the staging folder"));
    }
    Ok(())
}

/// Number of entries of a directory, or 0 if it does not exist.
fn count_files(directory: &std::path::Path) -> Result<usize> {
    match std::fs::read_dir(directory) {
        Ok(entries) => Ok(entries.count()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Checks R4: the journal is empty.
pub(super) async fn check_journal(places: &Places<'_>, report: &mut InvariantReport) -> Result<()> {
    if !places.journal {
        return Ok(());
    }
    for entry in places.sql.journal(&[], SHOWN).await? {
        let reason = if entry.error.is_empty() { String::new() } else { format!(": {}", entry.error) };
        let seen = format!(
            "the journal has a {} `{}` of the storage `{}`{reason}",
            entry.state, entry.kind, entry.storage
        );
        report.broken(Invariant::R4, entry.name, seen);
    }
    Ok(())
}

/// Checks R8: files of other programs are unchanged.
pub(super) async fn check_foreign(options: &Invariants<'_>, report: &mut InvariantReport) -> Result<()> {
    for (name, content) in &options.foreign {
        if let Some(wrong) = differs(options.storage, name, content).await? {
            report.broken(Invariant::R8, name.clone(), format!("it is not ours, and {wrong}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_known_by_their_names() {
        for name in ["a/photo.jpg#12", "#0"] {
            assert!(is_digits(name), "{name}");
        }
        for name in ["photo12", "a#", "a#1b", "a#1/b"] {
            assert!(!is_digits(name), "{name}");
        }
        for name in ["a/x.TMP", "tmp123", "upload-0123456789abcdef0123456789abcdef", "b.part", "c~"] {
            assert!(is_temporary(name), "{name}");
        }
        for name in ["tmp/x.jpg", "upload-1", "atmp.jpg"] {
            assert!(!is_temporary(name), "{name}");
        }
    }
}

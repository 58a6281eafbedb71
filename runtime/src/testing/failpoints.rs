//! Points at which tests make the library fail, stop or misbehave (feature `failpoints`).
//!
//! There are two kinds of switches of the crate `fail`, which is re-exported here:
//!
//! * [`POINTS`]: the steps. `cfg("local.synced", "return")` makes a save fail after its `fsync`.
//!   `cfg("local.synced", "3*off->pause")` stops the fourth save there. `cfg_callback` runs your own code,
//!   such as killing the process. A step that fails after something became visible returns an
//!   [uncertain](crate::Error::is_uncertain) error, as a real failure would.
//! * [`BUGS`]: planted bugs. `cfg("planted:no-fsync", "return")` turns one on. A campaign that does not find
//!   the bug proves nothing.
//!
//! Points in asynchronous code (`memory.*` and those of the journal) block a thread of the runtime while they
//! pause.

pub use ::fail::*;

/// Defines a list of names and documents each of them.
macro_rules! names {
    ($(#[$attr:meta])* $list:ident $($name:literal $what:literal)*) => {
        $(#[$attr])*
        ///
        $(#[doc = concat!("* `", $name, "`: ", $what)])*
        pub const $list: &[&str] = &[$($name),*];
    };
}

names! {
    /// The steps at which the library can be stopped or made to fail:
    POINTS
    "stage.prepared" "stage: names and rules are checked, nothing is reserved yet."
    "reserve.chosen" "stage: the name to try is chosen."
    "reserve.looking-again" "stage: the reserved name of a content that can be read once is looked for once more."
    "stage.storing" "stage: all names are reserved, no byte can be seen."
    "reserve.committed" "stage: the names are reserved in the journal."
    "stage.done" "stage: the files are stored."
    "row.begun" "row: the transaction has begun."
    "row.written" "row: the row is written."
    "row.attached" "row: the entries of its files are taken out of the journal."
    "row.released" "row: the deletions of replaced files are queued; next is the commit."
    "row.read" "row: what it holds now is known and locked."
    "move.chosen" "move: a row's file is to be moved, nothing has happened yet."
    "move.copied" "move: the copy is stored, and reserved in the journal."
    "move.checked" "move: the copy is as long as the original."
    "move.moved" "move: the row says where its copy is."
    "rename.renamed" "rename of names: the row says its new name, the file of the old one is there still."
    "transaction.committed" "row, sweep: the transaction is committed, the answer is lost."
    "row.answered" "row: the commit is known to have gone well."
    "cleanup.begun" "row: the clean-up after the commit begins."
    "sweep.looked" "sweep: something is due."
    "sweep.resolving" "sweep: a fenced entry is looked at."
    "sweep.acquiring" "sweep: entries are fenced, not committed."
    "sweep.acquired" "sweep: entries are fenced."
    "sweep.probed" "sweep: no row names the file."
    "sweep.proven" "sweep: the file is ours."
    "sweep.deleted" "sweep: the file is gone."
    "sweep.finished" "sweep: the entry is gone, or a tombstone."
    "local.made" "save, rename: the directories of the name are there (step 2)."
    "local.opened" "save: the file without a final name is open (step 3)."
    "local.written" "save: all bytes are written (step 4)."
    "local.owned" "save: mode and owner token are set (step 5)."
    "local.synced" "save: the bytes are on the disk (step 5)."
    "local.published" "save: the file has its final name (step 6)."
    "local.directory-synced" "save: the name is on the disk (step 7)."
    "local.delete" "delete: nothing has happened yet."
    "local.deleted" "delete: the name is gone, the directory is not synced."
    "local.delete-synced" "delete: the directory is synced."
    "local.rename" "rename: nothing was moved yet."
    "local.renamed" "rename: the file has moved, the directories are not synced."
    "local.rename-synced" "rename: both directories are synced."
    "memory.read" "save: the content is in memory."
    "memory.published" "save: the file has its name."
    "memory.delete" "delete: nothing has happened yet."
    "memory.deleted" "delete: the file is gone."
    "memory.renamed" "rename: the file has moved."
}

names! {
    /// The planted bugs, each switched on as `planted:` and its name:
    BUGS
    "no-fsync" "local: the bytes are not synced before the file is published."
    "fsync-error-ignored" "local: a failed `fsync` of the file counts as a success."
    "no-directory-fsync" "local: the directory of a new name is not synced."
    "no-parent-fsync" "local: directories made for a name are not synced into theirs."
    "no-delete-fsync" "local: a deletion is acknowledged before the directory is synced."
    "publish-replaces" "local: a taken name is overwritten."
    "publish-before-write" "local: the final name can be seen before its bytes are there."
    "exists-then-create" "local: a name that was free at a look is taken without another."
    "short-write-ignored" "local: what a short write did not write is forgotten."
    "no-owner" "local: no owner token is kept with the file."
    "delete-follows-links" "local: a deletion goes where a link leads."
    "open-follows-links" "local: links are followed out of the root."
    "root-not-identified" "local: any directory at the location is taken for the root."
    "new-root-while-away" "local: a save makes a new root where the known one is missing."
    "owner-and-delete-apart" "local: a file is deleted in another root than its owner was proven in."
    "temp-left-behind" "local: a save that fails leaves its temporary file."
    "digits-tmp-in-place" "local: files are staged as `#digits` beside the final name."
    "memory-overwrites" "memory: a taken name is overwritten."
    "second-try-is-the-first" "object: what a client has tried twice counts as tried once."
    "open-upload-forgotten" "object: an upload that could not be aborted counts as aborted."
    "copy-not-looked-at" "object: the service is believed that a copy is there."
    "limit-off-by-one" "every storage: `max_size` lets one byte more pass."
    "short-content-accepted" "every storage: a content that ends before its stated length is taken as whole."
    "uncertain-is-certain" "stage: what may have been published is forgotten."
    "no-fence" "row: a staged file is attached that a sweeper has."
    "no-row-lock" "row: what it holds is read without holding it."
    "no-savepoint" "row: a save that fails in the caller's transaction leaves what it did before."
    "no-queue" "row: the deletion of a replaced file is not queued."
    "delete-before-commit" "row: a replaced file goes before the transaction is committed."
    "no-probe" "sweep: nobody looks whether a row names the file."
    "probe-own-column-only" "sweep: only the column is looked at that the entry names."
    "no-owner-check" "sweep: a file without proof that it is ours is deleted."
    "no-tombstone" "sweep: there is no second look."
    "forget-after-failure" "sweep: a deletion that failed is not tried again."
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// The text between `mark` and the next quote, in every source file.
    fn in_source(directory: &Path, mark: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                in_source(&path, mark, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.extend(
                    text.split(mark).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())),
                );
            }
        }
    }

    #[test]
    fn the_lists_are_those_of_the_source() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        // The marks are built here, so that this file does not contain them.
        for (mark, list) in [("step", POINTS), ("planted", BUGS)] {
            let mut found = BTreeSet::new();
            in_source(&source, &format!("{mark}!(\""), &mut found);
            let listed: BTreeSet<String> = list.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(listed.len(), list.len(), "a name of `{mark}!` is listed twice");
            assert_eq!(found, listed, "`{mark}!` in the source (left) and in the list (right)");
        }
    }
}

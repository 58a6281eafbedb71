//! The files that a row has now. They are read in the row's transaction and never taken from memory.

use super::write::{Change, FileChange, RowWrite};
use crate::backend::sqlx::DbRow;
use crate::{Error, ErrorKind, FileMeta, Result, registry};

/// A file of a row: a name and the storage of that name. A file is identified by both, because after a move
/// the row has the same name in another storage.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Empty if the row has no file.
    pub(super) name: String,
    /// The alias by which the journal knows the storage.
    pub(super) storage: String,
    /// What the row records about the file.
    pub(super) meta: Option<FileMeta>,
}

impl Held {
    /// Reads the file in the column of `file` from `row`.
    pub(super) fn read(row: &DbRow, file: &FileChange) -> Result<Held> {
        let name: Option<String> = row.get(file.column)?;
        let Some(name) = name.filter(|name| !name.is_empty()) else { return Ok(Held::default()) };
        let meta = file.meta.and_then(|column| meta_of(row, column));
        let stated = meta.as_ref().and_then(|meta| meta.storage.as_deref());
        Ok(Held { name, storage: registry::home_alias(&file.storage, stated), meta })
    }

    /// Whether it is the file that `file` names.
    pub(super) fn is(&self, file: &FileChange) -> bool {
        self.name == file.name && (self.name.is_empty() || self.storage == file.home)
    }
}

impl RowWrite {
    /// Whether the instance inserted its row in a transaction of the caller that was rolled back, and the row
    /// of its key is another one: SQLite reuses such keys. The row is then inserted again with the staged
    /// files of the first insert, which succeeds only if no row has taken them.
    pub(super) fn is_lost(&self, held: Option<&[Held]>) -> Result<bool> {
        let (Change::Save { born: Some(born), .. }, Some(held)) = (&self.change, held) else {
            return Ok(false);
        };
        if born.is_empty() || born.iter().any(|(index, name)| held[*index].name == *name) {
            return Ok(false);
        }
        if self.files.iter().enumerate().any(|(index, file)| {
            file.entry.is_some() && born.iter().any(|(of, name)| *of == index && *name == file.name)
        }) {
            return Ok(true);
        }
        let text = "this instance made its row in a transaction, and the row of its key has other files by now: it may be \
                    another. Read it again, or set the key to 0 for a new row";
        Err(Error::new(ErrorKind::DoesNotExist, text))
    }
}

/// Reads what the row records about its file. If another program wrote something that is not a `FileMeta`, at
/// least the storage is read, so that the row can be saved and deleted.
fn meta_of(row: &DbRow, column: &str) -> Option<FileMeta> {
    row.get(column).unwrap_or_else(|_| {
        let json: serde_json::Value = row.get(column).ok()?;
        Some(FileMeta { storage: Some(json.get("storage")?.as_str()?.to_owned()), ..FileMeta::default() })
    })
}

/// A move of a row's file to another place: what the row records afterwards, if it still names the original.
#[derive(Debug, Clone)]
pub(crate) struct Relocation {
    /// The name that the row must have.
    pub(crate) name: String,
    /// What the row must record about its file. The name alone may be that of another file by now, because a
    /// released name can be reused.
    pub(crate) known: FileMeta,
    /// The alias of the original's storage.
    pub(crate) from: String,
    /// What was learned about the file. It completes what the row records; its storage is that of the copy.
    pub(crate) learned: FileMeta,
    /// Seconds between the change of the row and the deletion of the original.
    pub(crate) grace: i64,
}

impl Relocation {
    /// What the row is to record about its file; `None` if the row has another file by now. Sets the storage
    /// of `held` to that of the original, which a row that records no storage cannot tell.
    pub(super) fn apply(&self, held: Option<&mut Held>) -> Option<FileMeta> {
        let held = held.filter(|held| held.name == self.name)?;
        if held.meta.clone().unwrap_or_default() != self.known {
            return None;
        }
        held.storage.clone_from(&self.from);
        let (known, learned) = (self.known.clone(), self.learned.clone());
        // Only if nothing was known. For a file that was inspected, `None` means that there is nothing to
        // know.
        let fresh = known.size.is_none();
        Some(FileMeta {
            storage: learned.storage,
            size: known.size.or(learned.size),
            sha256: known.sha256.or(learned.sha256),
            content_type: if fresh {
                known.content_type.or(learned.content_type)
            } else {
                known.content_type
            },
            width: if fresh { known.width.or(learned.width) } else { known.width },
            height: if fresh { known.height.or(learned.height) } else { known.height },
            ..known
        })
    }
}

//! The files that a row holds, read in its transaction and never from memory (F24).

use super::write::{Change, FileChange, RowWrite};
use crate::backend::database;
use crate::{Error, ErrorKind, FileMeta, Result, registry};
use sea_orm::QueryResult;

/// A file that a row holds: a name, and the storage that the name is in. Both make the file: after a move the row names
/// the same file by the same name in another storage.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Empty for none.
    pub(super) name: String,
    /// The alias that the journal knows the storage by.
    pub(super) storage: String,
    /// What the row says of the file.
    pub(super) meta: Option<FileMeta>,
}

impl Held {
    /// What `row` holds in the column of `file`.
    pub(super) fn read(row: &QueryResult, file: &FileChange) -> Result<Held> {
        let name: Option<String> = row.try_get("", file.column).map_err(database)?;
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
    /// Whether the row of the key is not the one that the instance inserted in a transaction of the caller's, which was
    /// rolled back: SQLite makes such a key again. Then it is inserted anew, with the staged files that it was made with:
    /// the fence holds only if no row has taken them.
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

/// What the row says of its file. Where others have written what is no meta, at least the storage, so that the row can be
/// saved and deleted.
fn meta_of(row: &QueryResult, column: &str) -> Option<FileMeta> {
    row.try_get("", column).unwrap_or_else(|_| {
        let json: serde_json::Value = row.try_get("", column).ok()?;
        Some(FileMeta { storage: Some(json.get("storage")?.as_str()?.to_owned()), ..FileMeta::default() })
    })
}

/// A row's stored file in another place: what the row is to say from now on, if it still names the original.
#[derive(Debug, Clone)]
pub(crate) struct Relocation {
    /// The name that the row is expected to hold.
    pub(crate) name: String,
    /// What the row is expected to say of its file. The name alone may be that of another file by now: one that is given
    /// up is free for the next.
    pub(crate) known: FileMeta,
    /// The alias of the storage that the original is in.
    pub(crate) from: String,
    /// What was learned of the file. It fills in what the row does not say yet; its storage is where the copy is.
    pub(crate) learned: FileMeta,
    /// How long the original outlives this, in seconds.
    pub(crate) grace: i64,
}

impl Relocation {
    /// What the row is to say of its file; `None` where it holds another file by now. `held` is in the storage that the
    /// original was found in, which a row that states none cannot tell.
    pub(super) fn apply(&self, held: Option<&mut Held>) -> Option<FileMeta> {
        let held = held.filter(|held| held.name == self.name)?;
        if held.meta.clone().unwrap_or_default() != self.known {
            return None;
        }
        held.storage.clone_from(&self.from);
        let (known, learned) = (self.known.clone(), self.learned.clone());
        // Only where nothing was known: of a file that was looked at `None` says that there is nothing to know.
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

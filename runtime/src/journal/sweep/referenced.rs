//! Whether a row names a file.
//!
//! A row keeps a file if it names it by the name that its storage has for the file. The row may record the
//! storage in its `meta_field`. If it records another storage that is known and does not contain the file,
//! the row means a file of the same name there. So after a move, which keeps the name, only the row that was
//! moved gives up the original. A row that records nothing means the storage of its field. A row that records
//! an alias that is unknown here may mean any storage.

use super::super::connection::{Connection, Journal, Param, Row, is_missing, is_missing_table};
use super::super::statements::{Entry, rows, sql};
use crate::failpoints::planted;
use crate::field::FieldDef;
use crate::registry::{self, StorageHandle};
use crate::{Error, ErrorKind, FileName, Result, SharedStorage, StorageExt, name};

/// Adds to the error of a noted column what to do if the column is gone.
fn of_noted(error: Error, table: &str) -> Error {
    if !is_missing(&error) {
        return error;
    }
    error.not_at_once(&format!(
        "`filefield_columns` says that rows of `{table}` name files, which may be in this storage; if they are gone \
         for good, `filefield::db::forget_columns(&db, \"{table}\")` takes that out"
    ))
}

/// The file in question.
struct File<'a> {
    name: FileName<'a>,
    storage: &'a SharedStorage,
    alias: &'a str,
}

/// A column that holds names of files.
struct Column<'a> {
    table: &'a str,
    column: &'a str,
    meta: Option<&'a str>,
    /// The storage of a file whose row records none.
    own: Own,
}

/// The storage of a column, as far as it is known.
enum Own {
    Known(StorageHandle<'static>),
    /// The storage of another program: its alias, which is empty for any, and its location.
    Noted(String, Option<String>),
    /// Any storage, because this error prevents knowing it.
    Unknown(Error),
    /// The storage in question, because the entry names it. If the rows can record their storage, also that
    /// of the field.
    This(Option<StorageHandle<'static>>),
}

/// Whether a row names the file, in the entry's own column or in any column that this program or the database
/// knows, by whatever name its storage has for the file.
pub(super) async fn is_referenced(
    db: &Journal,
    entry: &Entry,
    name: FileName<'_>,
    storage: &SharedStorage,
    columns: &[(&'static str, &'static FieldDef)],
) -> Result<bool> {
    let file = File { name, storage, alias: &entry.storage };
    let noted = rows(db, &sql(db)?.columns, vec![]).await?;
    let noted = noted.iter().map(Noted::read).collect::<Result<Vec<_>>>()?;
    let is_own = |table: &str, column: &str| table == entry.table && column == entry.column;
    let registered = |table: &str, column: &str| {
        columns.iter().find(|(t, def)| *t == table && def.spec().column == column).map(|(_, def)| *def)
    };
    let (meta, field) = match registered(&entry.table, &entry.column) {
        Some(def) => (def.spec().meta_column, def.storage().ok()),
        None => {
            let own = noted.iter().find(|noted| is_own(&noted.table, &noted.column));
            if let Some(own) = own {
                own.check(&file)?;
            }
            (own.and_then(|own| own.meta.as_deref()), None)
        }
    };
    let own = Own::This(field.filter(|_| meta.is_some()));
    if (Column { table: &entry.table, column: &entry.column, meta, own }).names(db, &file).await? {
        return Ok(true);
    }
    if planted!("probe-own-column-only") {
        return Ok(false);
    }
    for (table, def) in columns {
        let own = match def.storage() {
            Ok(handle) => Own::Known(handle),
            Err(error) => Own::Unknown(error),
        };
        let (column, meta) = (def.spec().column, def.spec().meta_column);
        // Checked above, unless its rows call the file by another name.
        if is_own(table, column) && own.called(&file).is_none_or(|called| called == name.as_str()) {
            continue;
        }
        match (Column { table, column, meta, own }).names(db, &file).await {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            // The table of a registered model may be in another database. The entry's own table must exist.
            Err(error) if is_missing_table(&error) => {}
            Err(error) => return Err(error),
        }
    }
    // Columns of other programs.
    for Noted { table, column, meta, storage, location } in noted {
        if is_own(&table, &column) || registered(&table, &column).is_some() {
            continue;
        }
        let (own, meta) = (Own::Noted(storage, location), meta.as_deref());
        let column = Column { table: &table, column: &column, meta, own };
        if column.names(db, &file).await.map_err(|error| of_noted(error, &table))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A column as the database knows it.
struct Noted {
    table: String,
    column: String,
    meta: Option<String>,
    storage: String,
    location: Option<String>,
}

impl Noted {
    /// Fails if only other programs know the column, and its alias has another location in them than it has
    /// here.
    fn check(&self, file: &File<'_>) -> Result<()> {
        let (there, here) = (self.location.as_ref(), file.storage.location());
        if self.storage != file.alias
            || there.is_none_or(|there| here.as_ref().is_none_or(|here| there == here))
        {
            return Ok(());
        }
        let text = format!(
            "the storage `{}` of the table `{}` is another one here; it is left to the program that has the table",
            file.alias, self.table
        );
        Err(Error::new(ErrorKind::Settings, text))
    }

    fn read(row: &Row) -> Result<Noted> {
        Ok(Noted {
            table: row.text("model_table")?,
            column: row.text("model_column")?,
            meta: row.text_or_null("meta_column")?,
            storage: row.text("storage")?,
            location: row.text_or_null("location")?,
        })
    }
}

impl Column<'_> {
    /// Whether a row names the file.
    async fn names(&self, db: &Journal, file: &File<'_>) -> Result<bool> {
        let mut all = Vec::new();
        match &self.own {
            Own::This(_) | Own::Unknown(_) => all.push(file.name.to_string()),
            own => all.extend(own.called(file)),
        }
        if self.meta.is_some() {
            // The names by which a row that records its storage may call the file.
            all.push(file.name.to_string());
            all.extend(registry::known_storages().iter().filter_map(|(_, other)| file.called_in(other)));
        }
        all.sort();
        all.dedup();
        for called in all {
            for stated in self.stated(db, &called).await? {
                if self.keeps(file, &called, stated.as_deref()).await? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// What the rows that name a file `called` record as its storage, each value once.
    async fn stated(&self, db: &Journal, called: &str) -> Result<Vec<Option<String>>> {
        let dialect = db.dialect();
        let probe = dialect.probe(self.table, self.column, self.meta);
        // Rows of older programs may have a slash before the name.
        let names = [called.to_owned(), format!("/{called}")].map(Param::from);
        let values = names.iter().cycle().take(dialect.probe_values()).cloned().collect();
        let found = rows(db, &probe, values).await?;
        let stated = |row: &Row| row.text_or_null("stated");
        found.iter().map(|row| Ok(stated(row)?.filter(|stated| !stated.is_empty()))).collect()
    }

    /// Whether a row means the file, if it names one `called` and records its storage as `stated`.
    async fn keeps(&self, file: &File<'_>, called: &str, stated: Option<&str>) -> Result<bool> {
        let is_name = called == file.name.as_str();
        let home = match (stated, &self.own) {
            // It means the field's own storage. If the file is not there, the row may be from a time when
            // that was another storage.
            (None, Own::This(Some(own))) if is_name && !file.is_in(own) => {
                return Ok(!own.exists(file.name).await?);
            }
            (None, Own::This(_)) => return Ok(is_name),
            // The row may mean this file.
            (None, Own::Unknown(error)) if is_name => {
                return Err(Error::new(error.kind(), error.to_string()));
            }
            (None, own) => return Ok(own.called(file).is_some_and(|own| own == called)),
            (Some(stated), _) if stated == file.alias => return Ok(is_name),
            (Some(stated), Own::Known(own)) => registry::elsewhere(own.clone(), stated)?,
            (Some(stated), _) => registry::handle(stated)?,
        };
        Ok(file.called_in(&home).is_some_and(|there| there == called))
    }
}

impl Own {
    /// The name that this storage has for the file; `None` if it does not contain it.
    fn called(&self, file: &File<'_>) -> Option<String> {
        match self {
            Own::This(_) => Some(file.name.to_string()),
            Own::Unknown(_) => None,
            Own::Known(handle) => file.called_in(handle),
            Own::Noted(alias, location) => match (file.storage.location(), location) {
                (Some(here), Some(there)) => name_below(there, &here, file.name),
                _ => (alias.is_empty() || alias == file.alias).then(|| file.name.to_string()),
            },
        }
    }
}

impl File<'_> {
    /// Whether `storage` contains the file under the same name.
    fn is_in(&self, storage: &SharedStorage) -> bool {
        self.called_in(storage).is_some_and(|called| called == self.name.as_str())
    }

    /// The name that `storage` has for the file; `None` if it does not contain it.
    fn called_in(&self, storage: &SharedStorage) -> Option<String> {
        if registry::is_same(storage, self.storage) {
            return Some(self.name.to_string());
        }
        name_below(&storage.location()?, &self.storage.location()?, self.name)
    }
}

/// The name that the storage at `root` has for the file that the storage at `place` calls `name`.
fn name_below(root: &str, place: &str, name: FileName<'_>) -> Option<String> {
    let file = format!("{}/{}", place.trim_end_matches('/'), name::filepath_to_uri(name.as_str()));
    let below = file.strip_prefix(root.trim_end_matches('/'))?.strip_prefix('/')?;
    name::uri_to_filepath(below)
}

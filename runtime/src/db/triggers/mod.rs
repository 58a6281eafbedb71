//! Triggers that do what a save does, for whoever else writes the table.

mod mysql;
mod postgres;
mod sqlite;

use super::Table;
use super::migrate::object_name;
use crate::backend::dialect;
use crate::field::Retention;
use crate::journal::{self, Dialect, NOT_STAGED};
use crate::{Error, Result};
use sea_orm::DbBackend;
use std::fmt;

/// Statements to be run one after the other. As text they are a script for the database's own shell (`sqlite3`, `psql`,
/// `mariadb`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    dialect: Dialect,
    statements: Vec<String>,
}

impl Script {
    /// The statements, without a semicolon at their end.
    pub fn statements(&self) -> &[String] {
        &self.statements
    }
}

impl IntoIterator for Script {
    type Item = String;
    type IntoIter = std::vec::IntoIter<String>;
    fn into_iter(self) -> Self::IntoIter {
        self.statements.into_iter()
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The shell of MySQL ends a statement at the first semicolon, and a trigger has some inside.
        let (begin, end, finish) = match self.dialect {
            Dialect::MySql => ("DELIMITER //\n", "//", "DELIMITER ;\n"),
            _ => ("", ";", ""),
        };
        f.write_str(begin)?;
        for statement in &self.statements {
            writeln!(f, "{statement}{end}")?;
        }
        f.write_str(finish)
    }
}

/// The statements that put triggers on the file columns of the model `M`, to be checked into migrations of one's own,
/// behind those that make the table and the journal. With them plain SQL, bulk statements and other programs keep the
/// promises that a save keeps:
///
/// * A row takes a name only where a file was staged under it ([`Table::stage`], any program that writes the journal),
///   and then the file is its own; otherwise the statement is refused. So a stale row written back cannot name a file
///   that is gone (F25). An empty text counts as `NULL`.
/// * A file that a row lets go of is queued for deletion, by `on_replace` and `on_delete`, also where a foreign key
///   deletes or empties the row (F28).
///
/// A file is looked for in the storage that the row states for it, behind the field's `meta_field`, so rows whose files
/// were [moved](crate::ops) keep the promises too. Saves through this library go on as before. Whoever writes the table needs the rights to select, insert, update and
/// delete in `filefield_journal`. The alias of each field's storage is written down in the triggers: run the statements
/// again after a change of alias, of `on_replace` and `on_delete`, or of the setting `DELETE_AFTER`.
///
/// No trigger sees these. The files that they drop stay in the storage, and nothing finds them later:
///
/// * On MariaDB and MySQL, what a foreign key does: delete the children by a statement of their own.
/// * `TRUNCATE` and `DROP TABLE`.
/// * On SQLite, rows that `REPLACE` pushes out, unless `PRAGMA recursive_triggers` is on.
/// * On PostgreSQL, a session with `session_replication_role = replica`.
///
/// Rows whose files were never staged, of a backup or a fixture, are let through by [`adopt_sql`] (F47).
///
/// ```
/// # use filefield::prelude::*;
/// # use filefield::db::{self, sea_orm::DbBackend};
/// # fn in_memory() -> filefield::storage::MemoryStorage { filefield::storage::MemoryStorage::new() }
/// #[derive(Debug, Clone, Default, Model)]
/// #[model(table = "cars")]
/// struct Car {
///     #[model(primary_key)]
///     id: i64,
///     #[file(upload_to = "cars", storage = in_memory)]
///     photo: FileField,
/// }
///
/// let script = db::trigger_sql::<Car>(DbBackend::Sqlite)?;
/// assert!(script.to_string().contains(r#"AFTER DELETE ON "cars""#));
/// # Ok::<(), filefield::Error>(())
/// ```
///
/// # Errors
/// Those of the fields' storages, whose aliases must be known; [`Unsupported`](crate::ErrorKind::Unsupported) for
/// another kind of database.
pub fn trigger_sql<M: Table>(backend: DbBackend) -> Result<Script> {
    script::<M>(backend, Watched::create)
}

/// The statements that take the triggers of [`trigger_sql`] away again.
///
/// # Errors
/// As [`trigger_sql`].
pub fn drop_trigger_sql<M: Table>(backend: DbBackend) -> Result<Script> {
    script::<M>(backend, Watched::remove)
}

/// The statement that turns adopting on or off: names are taken over that were never staged, for a restore, a fixture or
/// the first rows of a table that has files already (F47). A name is still refused while a sweep may be deleting its
/// file. Whether there is a file is not looked at.
///
/// On PostgreSQL and on MariaDB it counts for the connection, until it is closed. On SQLite it counts for everybody from
/// the commit on: turn it on and off again within one transaction, and nobody else ever sees it.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported) for another kind of database.
pub fn adopt_sql(backend: DbBackend, on: bool) -> Result<&'static str> {
    Ok(match (dialect(backend)?, on) {
        (Dialect::Sqlite, true) => "INSERT INTO filefield_adopt (adopt) VALUES (1)",
        (Dialect::Sqlite, false) => "DELETE FROM filefield_adopt",
        (Dialect::Postgres, true) => "SET filefield.adopt = 'on'",
        (Dialect::Postgres, false) => "SET filefield.adopt = 'off'",
        (Dialect::MySql, true) => "SET @filefield_adopt = 'on'",
        (Dialect::MySql, false) => "SET @filefield_adopt = 'off'",
    })
}

fn script<M: Table>(backend: DbBackend, of_one: fn(&Watched) -> Vec<String>) -> Result<Script> {
    super::enter::<M>()?;
    let dialect = dialect(backend)?;
    let mut statements = Vec::new();
    for field in M::FIELDS.iter() {
        let (def, spec) = (field.def(), field.def().spec());
        let watched = Watched {
            dialect,
            table: M::TABLE,
            column: spec.column,
            meta: spec.meta_column,
            storage: def.storage().map_err(|error: Error| def.blame(error))?.alias().to_owned(),
            grace: journal::grace(),
            on_replace: spec.on_replace == Retention::Delete,
            on_delete: spec.on_delete == Retention::Delete,
        };
        statements.extend(of_one(&watched));
    }
    Ok(Script { dialect, statements })
}

/// A column that is to be watched.
struct Watched {
    dialect: Dialect,
    table: &'static str,
    column: &'static str,
    /// The column that says which storage a file is in, where that is not the field's own.
    meta: Option<&'static str>,
    storage: String,
    /// How long a file outlives the row that let go of it, in seconds.
    grace: i64,
    /// Whether a file that is replaced is queued for deletion.
    on_replace: bool,
    /// Whether one is whose row is deleted.
    on_delete: bool,
}

impl Watched {
    fn create(&self) -> Vec<String> {
        let mut statements = self.remove_triggers();
        statements.extend(match self.dialect {
            Dialect::Sqlite => sqlite::create(self),
            Dialect::Postgres => postgres::create(self),
            Dialect::MySql => mysql::create(self),
        });
        let [table, column, storage] = self.hints();
        let update = match self.dialect {
            Dialect::MySql => "ON DUPLICATE KEY UPDATE",
            _ => "ON CONFLICT (model_table, model_column) DO UPDATE SET",
        };
        // A save whose entry is gone asks whether a trigger has taken it.
        statements.push(format!(
            "INSERT INTO filefield_columns (model_table, model_column, storage, triggers) \
            VALUES ({table}, {column}, {storage}, 1) {update} triggers = 1"
        ));
        statements
    }

    fn remove(&self) -> Vec<String> {
        let [table, column, _] = self.hints();
        let mut statements = vec![format!(
            "UPDATE filefield_columns SET triggers = 0 WHERE model_table = {table} AND model_column = {column}"
        )];
        statements.extend(self.remove_triggers());
        statements
    }

    fn remove_triggers(&self) -> Vec<String> {
        match self.dialect {
            Dialect::Postgres => postgres::remove(self),
            _ => ["insert", "update", "delete"]
                .map(|event| format!("DROP TRIGGER IF EXISTS {}", self.trigger(event)))
                .into(),
        }
    }

    /// The name of the trigger for `event`, quoted.
    fn trigger(&self, event: &str) -> String {
        self.dialect.quoted(&object_name(&[self.table, self.column, event]))
    }

    /// When a file that a row lets go of is to be deleted.
    fn due(&self) -> String {
        let now = self.dialect.now();
        if self.grace == 0 { now.to_owned() } else { format!("{now} + {}", self.grace) }
    }

    fn quoted_table(&self) -> String {
        self.dialect.quoted(self.table)
    }

    /// `NEW` or `OLD` with the column.
    fn of(&self, row: &str) -> String {
        format!("{row}.{}", self.dialect.quoted(self.column))
    }

    /// The alias of the storage that the file of `NEW` or `OLD` is in: what the row states, or the field's own.
    fn storage_of(&self, row: &str) -> String {
        let [.., own] = self.hints();
        match self.meta {
            None => own,
            Some(meta) => {
                let stated = self.dialect.stated(&format!("{row}.{}", self.dialect.quoted(meta)));
                format!("COALESCE(NULLIF({stated}, ''), {own})")
            }
        }
    }

    /// What an update must be of to concern the file.
    fn updated(&self) -> String {
        let columns = [Some(self.column), self.meta].into_iter().flatten();
        columns.map(|column| self.dialect.quoted(column)).collect::<Vec<_>>().join(", ")
    }

    /// Table, column and alias as texts.
    fn hints(&self) -> [String; 3] {
        [self.table, self.column, &self.storage].map(|value| self.dialect.text(value))
    }

    /// What a refused statement is told, as a text. Not every database lets it name the file.
    fn refusal(&self) -> String {
        self.message(NOT_STAGED)
    }

    /// The same for a file that may be on its way out.
    fn going(&self) -> String {
        self.message("filefield: the file was released and may be being deleted; try again")
    }

    fn message(&self, what: &str) -> String {
        // MySQL takes 128 characters.
        let text: String = format!("{what} ({}.{})", self.table, self.column).chars().take(128).collect();
        self.dialect.text(&text)
    }
}

/// A file as a trigger sees it: two expressions.
struct Named<'a> {
    name: &'a str,
    storage: &'a str,
}

impl Named<'_> {
    /// The statement that forgets its write entry.
    fn take(&self) -> String {
        format!("DELETE FROM filefield_journal WHERE {}", self.pending_write())
    }

    fn pending_write(&self) -> String {
        format!("{} AND kind = 'write' AND state = 'pending'", self.entry())
    }

    /// A condition: its entries.
    fn entry(&self) -> String {
        format!("name = {} AND storage = {}", self.name, self.storage)
    }

    /// A condition: a sweeper has fenced the name, or even deleted its file. It is that of `is_going` of the journal.
    fn fenced(&self) -> String {
        format!(
            "{} AND (state = 'reaping' \
            OR (kind = 'delete' AND (state = 'tombstone' OR (state = 'pending' AND attempts > 0))))",
            self.entry()
        )
    }
}

#[cfg(test)]
mod tests;

//! Triggers that do the work of a save for every other writer of the table.

mod mysql;
mod postgres;
mod sqlite;

use super::Dialect;
use super::Table;
use super::migrate::object_name;
use crate::field::Retention;
use crate::journal::{self, NOT_STAGED};
use crate::{Error, Result};
use std::fmt;

/// A list of SQL statements to run in order. Displayed, it is a script for the database's own shell
/// (`sqlite3`, `psql`, `mariadb`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    dialect: Dialect,
    statements: Vec<String>,
}

impl Script {
    /// Returns the statements, without a final semicolon.
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
        // The shell of MySQL ends a statement at the first semicolon, and a trigger contains some.
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

/// Returns the statements that create triggers on the file columns of the model `M`. Put them into your
/// migrations, after the statements that create the table and the journal. With these triggers, plain SQL,
/// bulk statements and other programs keep the guarantees of a save:
///
/// * A row may name a file only if the file was staged under that name ([`Table::stage`], or any program that
///   writes the journal). The row then owns the file. Otherwise the statement is refused, so a stale row that
///   is written back cannot name a file that is gone. An empty text counts as `NULL`.
/// * If a row stops naming a file, the file is queued for deletion as `on_replace` and `on_delete` say, also
///   if a foreign key deletes the row or sets the column to `NULL`.
///
/// A file is looked up in the storage that the row records in the field's `meta_field`, so rows whose files
/// were [moved](crate::ops) keep the guarantees too. Saves through this library work as before. Every writer
/// of the table needs the rights to select, insert, update and delete in `filefield_journal`. The triggers
/// contain the alias of each field's storage, `on_replace`, `on_delete` and the setting `DELETE_AFTER`: run
/// the statements again after a change of one of them.
///
/// Triggers do not fire in these cases. The files that are released stay in the storage, and no sweep finds
/// them:
///
/// * On MariaDB and MySQL, actions of foreign keys: delete the child rows with a separate statement.
/// * `TRUNCATE` and `DROP TABLE`.
/// * On SQLite, rows that `REPLACE` removes, unless `PRAGMA recursive_triggers` is on.
/// * On PostgreSQL, a session with `session_replication_role = replica`.
///
/// To write rows whose files were never staged, such as those of a backup or a fixture, use [`adopt_sql`].
///
/// ```
/// # use filefield::prelude::*;
/// # use filefield::db::{self, Dialect};
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
/// let script = db::trigger_sql::<Car>(Dialect::Sqlite)?;
/// assert!(script.to_string().contains(r#"AFTER DELETE ON "cars""#));
/// # Ok::<(), filefield::Error>(())
/// ```
///
/// # Errors
/// Propagates errors of the fields' storages, whose aliases must be known.
pub fn trigger_sql<M: Table>(dialect: Dialect) -> Result<Script> {
    script::<M>(dialect, Watched::create)
}

/// Returns the statements that remove the triggers of [`trigger_sql`].
///
/// # Errors
/// As [`trigger_sql`].
pub fn drop_trigger_sql<M: Table>(dialect: Dialect) -> Result<Script> {
    script::<M>(dialect, Watched::remove)
}

/// Returns the statement that turns adoption on or off. While it is on, a row may name a file that was never
/// staged. Use it for a restore, a fixture or the first rows of a table that already has files. A name is
/// still refused while a sweep may be deleting its file. Whether the file exists is not checked.
///
/// On PostgreSQL, MariaDB and MySQL it applies to the connection until that is closed. On SQLite it applies
/// to all connections once committed: turn it on and off within one transaction, so that no other connection
/// sees it.
pub fn adopt_sql(dialect: Dialect, on: bool) -> &'static str {
    match (dialect, on) {
        (Dialect::Sqlite, true) => "INSERT INTO filefield_adopt (adopt) VALUES (1)",
        (Dialect::Sqlite, false) => "DELETE FROM filefield_adopt",
        (Dialect::Postgres, true) => "SET filefield.adopt = 'on'",
        (Dialect::Postgres, false) => "SET filefield.adopt = 'off'",
        (Dialect::MySql, true) => "SET @filefield_adopt = 'on'",
        (Dialect::MySql, false) => "SET @filefield_adopt = 'off'",
    }
}

fn script<M: Table>(dialect: Dialect, of_one: fn(&Watched) -> Vec<String>) -> Result<Script> {
    super::enter::<M>()?;
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

/// A file column that gets triggers.
struct Watched {
    dialect: Dialect,
    table: &'static str,
    column: &'static str,
    /// The column that records the storage of each file, if the field has one.
    meta: Option<&'static str>,
    storage: String,
    /// Seconds between the release of a file and its deletion.
    grace: i64,
    /// Whether a replaced file is queued for deletion.
    on_replace: bool,
    /// Whether the file of a deleted row is queued for deletion.
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
        // If the entry of a save is gone, the save checks here whether a trigger has consumed it.
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

    /// The quoted name of the trigger for `event`.
    fn trigger(&self, event: &str) -> String {
        self.dialect.quoted(&object_name(&[self.table, self.column, event]))
    }

    /// An expression: when a released file is due for deletion.
    fn due(&self) -> String {
        let now = self.dialect.now();
        if self.grace == 0 { now.to_owned() } else { format!("{now} + {}", self.grace) }
    }

    fn quoted_table(&self) -> String {
        self.dialect.quoted(self.table)
    }

    /// The column of `NEW` or `OLD`.
    fn of(&self, row: &str) -> String {
        format!("{row}.{}", self.dialect.quoted(self.column))
    }

    /// The storage alias of the file of `NEW` or `OLD`: the one that the row records, or the field's own.
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

    /// The columns whose update concerns the file.
    fn updated(&self) -> String {
        let columns = [Some(self.column), self.meta].into_iter().flatten();
        columns.map(|column| self.dialect.quoted(column)).collect::<Vec<_>>().join(", ")
    }

    /// Table, column and alias as SQL texts.
    fn hints(&self) -> [String; 3] {
        [self.table, self.column, &self.storage].map(|value| self.dialect.text(value))
    }

    /// The text of a refusal. Not every database lets it name the file.
    fn refusal(&self) -> String {
        self.message(NOT_STAGED)
    }

    /// The text of a refusal for a file that may be being deleted.
    fn going(&self) -> String {
        self.message("filefield: the file was released and may be being deleted; try again")
    }

    fn message(&self, what: &str) -> String {
        // MySQL takes 128 characters.
        let text: String = format!("{what} ({}.{})", self.table, self.column).chars().take(128).collect();
        self.dialect.text(&text)
    }
}

/// The name and the storage of a file in a trigger, as SQL expressions.
struct Named<'a> {
    name: &'a str,
    storage: &'a str,
}

impl Named<'_> {
    /// The statement that consumes the file's write entry.
    fn take(&self) -> String {
        format!("DELETE FROM filefield_journal WHERE {}", self.pending_write())
    }

    fn pending_write(&self) -> String {
        format!("{} AND kind = 'write' AND state = 'pending'", self.entry())
    }

    /// A condition: the entries of the file.
    fn entry(&self) -> String {
        format!("name = {} AND storage = {}", self.name, self.storage)
    }

    /// A condition: a sweeper has acquired the entry, or has deleted the file. Same as `is_going` of the
    /// journal.
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

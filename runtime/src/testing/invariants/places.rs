//! The columns that name files of a storage.

use super::sql::{Entry, Sql};
use crate::name::{filepath_to_uri, uri_to_filepath};
use crate::{Result, SharedStorage, registry};
use sea_orm::DatabaseConnection;
use std::collections::BTreeSet;

/// A file column whose field stores in the storage in question, or in a part of it, or in more than it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) table: &'static str,
    pub(super) column: &'static str,
    /// What the journal calls the field's storage.
    alias: String,
    /// Locations of the field's storage and of the one in question, where they differ.
    locations: Option<(String, String)>,
}

impl Place {
    /// What the storage calls a file that the column calls `called`; `None` where it does not show it.
    pub(super) fn here(&self, called: &str) -> Option<String> {
        match &self.locations {
            Some((field, here)) => translate(field, here, called),
            None => Some(called.to_owned()),
        }
    }

    /// What the column calls a file of the storage.
    pub(super) fn called(&self, name: &str) -> Option<String> {
        match &self.locations {
            Some((field, here)) => translate(here, field, name),
            None => Some(name.to_owned()),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.table, self.column)
    }
}

/// What the storage at `to` calls a file that the one at `from` calls `name`.
fn translate(from: &str, to: &str, name: &str) -> Option<String> {
    let file = format!("{}/{}", from.trim_end_matches('/'), filepath_to_uri(name));
    uri_to_filepath(file.strip_prefix(to.trim_end_matches('/'))?.strip_prefix('/')?)
}

/// Whether one location is the other or lies in it.
fn overlap(a: &str, b: &str) -> bool {
    let (a, b) = (format!("{}/", a.trim_end_matches('/')), format!("{}/", b.trim_end_matches('/')));
    a.starts_with(&b) || b.starts_with(&a)
}

/// All such columns of one database, from the registered models whose tables are there.
#[derive(Debug)]
pub(in crate::testing) struct Places {
    pub(super) sql: Sql,
    pub(super) places: Vec<Place>,
    /// Whether the database has a journal.
    pub(super) journal: bool,
}

impl Places {
    /// `is_here` knows the storage by other instances that stand for it; `tables` are the only ones looked at, unless
    /// there are none.
    ///
    /// The sweeper has a look of its own, with its own code: what judges it should not share its mistakes.
    pub(in crate::testing) async fn find(
        db: &DatabaseConnection,
        storage: &SharedStorage,
        is_here: &(dyn Fn(&SharedStorage) -> bool + Sync),
        tables: &[&str],
    ) -> Result<Places> {
        let sql = Sql::new(db);
        let mut places = Vec::new();
        for model in registry::models() {
            let Some(table) = model.table() else { continue };
            if model.fields().is_empty() || !(tables.is_empty() || tables.contains(&table)) {
                continue;
            }
            // A model of this process may live in another database.
            if !sql.has_table(table).await? {
                continue;
            }
            for def in model.fields() {
                let handle = def.storage()?;
                let locations = match (handle.location(), storage.location()) {
                    _ if registry::is_same(&handle, storage) || is_here(&handle) => None,
                    (Some(field), Some(here)) if field == here => None,
                    (Some(field), Some(here)) if overlap(&field, &here) => Some((field, here)),
                    _ => continue,
                };
                let alias = handle.alias().to_owned();
                places.push(Place { table, column: def.spec().column, alias, locations });
            }
        }
        let journal = sql.has_table(super::sql::JOURNAL).await?;
        Ok(Places { sql, places, journal })
    }

    pub(in crate::testing) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// A column that references this file of the storage, as `table.column`.
    pub(in crate::testing) async fn referencing(&self, name: &str) -> Result<Option<String>> {
        for place in &self.places {
            if let Some(called) = place.called(name)
                && self.holds(place, &called).await?
            {
                return Ok(Some(place.to_string()));
            }
        }
        Ok(None)
    }

    pub(super) async fn holds(&self, place: &Place, called: &str) -> Result<bool> {
        let found = self.sql.holding(place.table, place.column, &[called.to_owned()]).await?;
        Ok(found.contains(called))
    }

    /// Those of these files of the storage that some column references.
    pub(super) async fn referenced(&self, names: &[String]) -> Result<BTreeSet<String>> {
        let mut referenced = BTreeSet::new();
        for place in &self.places {
            let called: Vec<String> = names.iter().filter_map(|name| place.called(name)).collect();
            let found = self.sql.holding(place.table, place.column, &called).await?;
            // Equal for the database is not enough.
            let found = found.iter().filter(|name| called.contains(name));
            referenced.extend(found.filter_map(|name| place.here(name)));
        }
        Ok(referenced)
    }

    /// Those of these files of the storage that the journal knows.
    pub(super) async fn journaled(&self, names: &[String]) -> Result<BTreeSet<String>> {
        let mut journaled = BTreeSet::new();
        if !self.journal {
            return Ok(journaled);
        }
        for place in &self.places {
            let called: Vec<String> = names.iter().filter_map(|name| place.called(name)).collect();
            if called.is_empty() {
                continue;
            }
            let entries = self.sql.journal(&called, called.len() * 100).await?;
            let own = |entry: &&Entry| entry.storage == place.alias && called.contains(&entry.name);
            journaled.extend(entries.iter().filter(own).filter_map(|entry| place.here(&entry.name)));
        }
        Ok(journaled)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_translated_between_a_storage_and_its_folder() {
        let (all, folder) = ("memory:1", "memory:1/tenants/7");
        assert!(overlap(all, folder) && overlap(folder, all) && overlap(all, all));
        assert!(!overlap("memory:1", "memory:12") && !overlap("file:///a/b", "file:///a/bc"));
        assert_eq!(translate(folder, all, "a b.txt").unwrap(), "tenants/7/a b.txt");
        assert_eq!(translate(all, folder, "tenants/7/a b.txt").unwrap(), "a b.txt");
        assert_eq!(translate(all, folder, "tenants/70/a.txt"), None);
    }
}

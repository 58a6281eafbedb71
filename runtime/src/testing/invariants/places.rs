//! The columns that name files of a storage.

use super::sql::{Entry, Sql};
use crate::db::Db;
use crate::name::{filepath_to_uri, uri_to_filepath};
use crate::registry::{self, StorageHandle};
use crate::{Result, SharedStorage, StorageExt};
use std::collections::BTreeSet;

/// A file column. Some of its files may be in the checked storage, in a part of it, or in a storage that
/// contains it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) table: &'static str,
    pub(super) column: &'static str,
    /// The column in which a row may record the storage of its file.
    pub(super) meta: Option<&'static str>,
    /// The storage of rows that record none.
    own: StorageHandle<'static>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.table, self.column)
    }
}

/// The relation of a storage that shows files of the checked storage.
#[derive(Debug, Clone)]
enum Relation {
    /// The two are the same.
    Same,
    /// The locations of both: one is inside the other.
    Within(String, String),
}

impl Relation {
    /// The name in the checked storage of the file that the related storage calls `called`.
    fn here(&self, called: &str) -> Option<String> {
        match self {
            Relation::Same => Some(called.to_owned()),
            Relation::Within(there, here) => translate(there, here, called),
        }
    }

    /// The name in the related storage of a file of the checked storage.
    fn called(&self, name: &str) -> Option<String> {
        match self {
            Relation::Same => Some(name.to_owned()),
            Relation::Within(there, here) => translate(here, there, name),
        }
    }
}

/// The name in the storage at `to` of the file that the storage at `from` calls `name`.
fn translate(from: &str, to: &str, name: &str) -> Option<String> {
    let file = format!("{}/{}", from.trim_end_matches('/'), filepath_to_uri(name));
    uri_to_filepath(file.strip_prefix(to.trim_end_matches('/'))?.strip_prefix('/')?)
}

/// Whether one location equals or contains the other.
fn overlap(a: &str, b: &str) -> bool {
    let (a, b) = (format!("{}/", a.trim_end_matches('/')), format!("{}/", b.trim_end_matches('/')));
    a.starts_with(&b) || b.starts_with(&a)
}

/// All such columns of one database, from the registered models whose tables exist.
pub(in crate::testing) struct Places<'a> {
    pub(super) sql: Sql,
    pub(super) places: Vec<Place>,
    /// Whether the database has a journal.
    pub(super) journal: bool,
    storage: &'a SharedStorage,
    is_here: &'a (dyn Fn(&SharedStorage) -> bool + Sync),
    /// Aliases of storages that show files of the checked storage.
    related: Vec<(String, Relation)>,
}

impl<'a> Places<'a> {
    /// `is_here` recognises other instances of the checked storage. If `tables` is not empty, only these
    /// tables are used.
    ///
    /// The sweeper has separate code for this search. The code that checks the sweeper must not share its
    /// mistakes.
    pub(in crate::testing) async fn find(
        db: &Db,
        storage: &'a SharedStorage,
        is_here: &'a (dyn Fn(&SharedStorage) -> bool + Sync),
        tables: &[&str],
    ) -> Result<Self> {
        let sql = Sql::new(db);
        let journal = sql.has_table(super::sql::JOURNAL).await?;
        let mut found = Places { sql, places: Vec::new(), journal, storage, is_here, related: Vec::new() };
        for (alias, other) in registry::known_storages() {
            found.relate(&alias, &other);
        }
        let anywhere = !found.related.is_empty();
        for model in registry::models() {
            let Some(table) = model.table() else { continue };
            if model.fields().is_empty() || !(tables.is_empty() || tables.contains(&table)) {
                continue;
            }
            // A model of this process may belong to another database.
            if !found.sql.has_table(table).await? {
                continue;
            }
            for def in model.fields() {
                let (own, spec) = (def.storage()?, def.spec());
                if found.relate(own.alias(), &own) || (anywhere && spec.meta_column.is_some()) {
                    found.places.push(Place { table, column: spec.column, meta: spec.meta_column, own });
                }
            }
        }
        Ok(found)
    }

    pub(in crate::testing) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Records a storage if it shows files of the checked storage.
    fn relate(&mut self, alias: &str, other: &SharedStorage) -> bool {
        let relation = self.relation(other);
        let is_related = relation.is_some();
        if let Some(relation) = relation
            && !self.related.iter().any(|(known, _)| known == alias)
        {
            self.related.push((alias.to_owned(), relation));
        }
        is_related
    }

    fn relation(&self, other: &SharedStorage) -> Option<Relation> {
        match (other.location(), self.storage.location()) {
            _ if registry::is_same(other, self.storage) || (self.is_here)(other) => Some(Relation::Same),
            (Some(there), Some(here)) if there == here => Some(Relation::Same),
            (Some(there), Some(here)) if overlap(&there, &here) => Some(Relation::Within(there, here)),
            _ => None,
        }
    }

    /// The name in the checked storage of a file that a row calls `called` and records in the storage
    /// `stated`, if any; `None` if the checked storage does not show the file.
    pub(super) fn here(&self, place: &Place, called: &str, stated: Option<&str>) -> Result<Option<String>> {
        let own = place.own.clone();
        let home = match stated.filter(|stated| !stated.is_empty()) {
            Some(stated) => registry::elsewhere(own, stated)?,
            None => own,
        };
        Ok(self.relation(&home).and_then(|relation| relation.here(called)))
    }

    /// A column that references this file of the storage, as `table.column`.
    pub(in crate::testing) async fn referencing(&self, name: &str) -> Result<Option<String>> {
        for place in &self.places {
            if !self.referenced_by(place, &[name.to_owned()]).await?.is_empty() {
                return Ok(Some(place.to_string()));
            }
        }
        Ok(None)
    }

    /// Whether a row still names this file.
    pub(super) async fn holds(&self, place: &Place, called: &str, stated: Option<&str>) -> Result<bool> {
        let found = self.sql.holding(place, &[called.to_owned()]).await?;
        let stated = stated.unwrap_or_default();
        Ok(found.contains(&(called.to_owned(), stated.to_owned())))
    }

    /// Returns those of these files that a column references.
    pub(super) async fn referenced(&self, names: &[String]) -> Result<BTreeSet<String>> {
        let mut referenced = BTreeSet::new();
        for place in &self.places {
            referenced.extend(self.referenced_by(place, names).await?);
        }
        Ok(referenced)
    }

    async fn referenced_by(&self, place: &Place, names: &[String]) -> Result<BTreeSet<String>> {
        let mut relations: Vec<Relation> = self.relation(&place.own).into_iter().collect();
        if place.meta.is_some() {
            relations.extend(self.related.iter().map(|(_, relation)| relation.clone()));
        }
        let called: BTreeSet<String> = relations
            .iter()
            .flat_map(|relation| names.iter().filter_map(|name| relation.called(name)))
            .collect();
        let called: Vec<String> = called.into_iter().collect();
        let mut referenced = BTreeSet::new();
        for (found, stated) in self.sql.holding(place, &called).await? {
            // Equality in the database is not enough.
            if called.contains(&found)
                && let Some(name) = self.here(place, &found, Some(&stated))?
                && names.contains(&name)
            {
                referenced.insert(name);
            }
        }
        Ok(referenced)
    }

    /// Returns those of these files that are in the journal.
    pub(super) async fn journaled(&self, names: &[String]) -> Result<BTreeSet<String>> {
        let mut journaled = BTreeSet::new();
        if !self.journal {
            return Ok(journaled);
        }
        for (alias, relation) in &self.related {
            let called: Vec<String> = names.iter().filter_map(|name| relation.called(name)).collect();
            if called.is_empty() {
                continue;
            }
            let entries = self.sql.journal(&called, called.len() * 100).await?;
            let own = |entry: &&Entry| entry.storage == *alias && called.contains(&entry.name);
            journaled.extend(entries.iter().filter(own).filter_map(|entry| relation.here(&entry.name)));
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

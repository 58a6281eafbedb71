//! The test kit for applications: each invariant is broken once, on every database.

mod databases;
mod files;
mod resources;
mod rows;
mod saves;

use databases::Database;
use filefield::db::{Db, Queries};
use filefield::inspect::{Inspector, Rules};
use filefield::prelude::*;
use filefield::storage::FileSystemStorage;
use filefield::testing::{Invariant, InvariantReport, Invariants, with_storage};
use filefield::{FileName, SaveOptions, SharedStorage, Storage};
use filefield_tests::databases::Kind;
use std::path::PathBuf;
use std::sync::Arc;

/// Identifiers that need quotes, on every database.
#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "group")]
struct Ship {
    #[model(primary_key)]
    id: i64,
    #[model(column = "order")]
    #[file(meta_field = meta)]
    photo: Option<FileField>,
    meta: Option<FileMeta>,
}

/// A database with ships and a journal, and a storage.
struct Harbour {
    db: Db,
    storage: SharedStorage,
    media: PathBuf,
    kind: Kind,
}

impl Harbour {
    /// Runs `test` with all fields stored in the harbour. `collation` is that of the names in the rows.
    async fn run<F: Future<Output = ()>>(kind: Kind, test: impl FnOnce(Arc<Harbour>) -> F) {
        Harbour::run_on(kind, exact(kind), 5, test).await;
    }

    async fn run_on<F: Future<Output = ()>>(
        kind: Kind,
        collation: &str,
        connections: u32,
        test: impl FnOnce(Arc<Harbour>) -> F,
    ) {
        let Some(database) = Database::fresh(kind).await else { return };
        let folder = tempfile::tempdir().unwrap();
        let media = folder.path().join("media");
        let storage: SharedStorage = Arc::new(FileSystemStorage::new(&media).unwrap());
        let db = database.connect(connections).await;
        let harbour = Arc::new(Harbour { db, storage: storage.clone(), media, kind });
        // The tables in plain SQL, so that a lax collation is possible.
        let (json, key) = match kind {
            Kind::Sqlite => ("TEXT", "INTEGER PRIMARY KEY"),
            Kind::Postgres => ("JSON", "BIGINT PRIMARY KEY"),
            Kind::MariaDb => ("JSON", "BIGINT PRIMARY KEY"),
        };
        if kind == Kind::Postgres {
            let lax = "provider = icu, locale = 'und-u-ks-level2', deterministic = false";
            harbour.execute(&format!("CREATE COLLATION lax ({lax})")).await;
        }
        let order = harbour.quoted("order");
        harbour
            .execute(&format!(
                "CREATE TABLE {} (id {key}, {order} VARCHAR(255){collation}, meta {json})",
                harbour.ships()
            ))
            .await;
        let exact = exact(kind);
        harbour
            .execute(&format!(
                "CREATE TABLE filefield_journal (storage VARCHAR(100){exact}, name VARCHAR(255){exact}, \
                 kind VARCHAR(20){exact}, state VARCHAR(20){exact}, last_error VARCHAR(255))"
            ))
            .await;
        with_storage(storage, async {
            Ship::register().unwrap();
            test(harbour.clone()).await;
        })
        .await;
        harbour.db.clone().close().await;
        database.drop().await;
    }

    fn quoted(&self, identifier: &str) -> String {
        let quote = if self.kind == Kind::MariaDb { '`' } else { '"' };
        format!("{quote}{identifier}{quote}")
    }

    fn ships(&self) -> String {
        self.quoted("group")
    }

    async fn execute(&self, sql: &str) {
        self.db.run(sql).await.unwrap();
    }

    /// A file and its row.
    async fn ship(&self, id: i64, name: &str, content: &str) {
        self.file(name, content).await;
        self.row(id, name, content).await;
    }

    /// A row with the metadata of `content`.
    async fn row(&self, id: i64, name: &str, content: &str) {
        let (mut inspector, seen) = Inspector::new(Rules { checksum: true, ..Rules::default() });
        inspector.update(content.as_bytes()).unwrap();
        inspector.finish().unwrap();
        let hash: String =
            seen.get().unwrap().sha256.unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        let meta = format!("{{\"size\": {}, \"sha256\": \"{hash}\"}}", content.len());
        self.execute(&format!("INSERT INTO {} VALUES ({id}, '{name}', '{meta}')", self.ships())).await;
    }

    async fn file(&self, name: &str, content: &str) {
        let (wanted, options) = (FileName::new(name).unwrap(), SaveOptions::default());
        let saved = self.storage.save(wanted, content.to_owned().into(), &options);
        assert_eq!(saved.await.unwrap().name, name);
    }

    async fn journal(&self, storage: &str, name: &str) {
        let values = format!("'{storage}', '{name}', 'write', 'pending', NULL");
        self.execute(&format!("INSERT INTO filefield_journal VALUES ({values})")).await;
    }

    fn check(&self) -> Invariants<'_> {
        Invariants::new(&self.db, &self.storage).model::<Ship>()
    }

    async fn report(&self) -> InvariantReport {
        self.check().check().await.unwrap()
    }
}

/// The modifier that makes a column compare byte by byte.
fn exact(kind: Kind) -> &'static str {
    match kind {
        Kind::Sqlite => " COLLATE BINARY",
        Kind::Postgres => " COLLATE \"C\"",
        Kind::MariaDb => " CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
    }
}

/// Invariants and names of the violations, in order.
fn seen(report: &InvariantReport) -> Vec<(Invariant, Option<&str>)> {
    let mut seen: Vec<_> = report.violations.iter().map(|v| (v.invariant, v.name.as_deref())).collect();
    seen.sort();
    seen
}

/// Tests that run on all three kinds of database.
macro_rules! on_every_database {
    ($(async fn $name:ident($harbour:ident) $body:block)*) => {$(
        mod $name {
            use super::*;
            async fn test($harbour: std::sync::Arc<Harbour>) $body

            #[tokio::test]
            async fn sqlite() {
                Harbour::run(Kind::Sqlite, test).await;
            }

            #[tokio::test]
            async fn postgres() {
                Harbour::run(Kind::Postgres, test).await;
            }

            #[tokio::test]
            async fn mariadb() {
                Harbour::run(Kind::MariaDb, test).await;
            }
        }
    )*};
}
use on_every_database;

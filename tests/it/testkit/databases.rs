//! A fresh database: a file, or one on a server whose address is in the environment.

use filefield::db::{self, Db, Queries};
use filefield_tests::databases::{Kind, pool};
use tempfile::TempDir;

pub(super) struct Database {
    url: String,
    /// The folder with SQLite's file.
    _folder: Option<TempDir>,
    /// Server and name.
    made: Option<(String, String)>,
}

impl Database {
    pub(super) async fn fresh(kind: Kind) -> Option<Database> {
        let variable = match kind {
            Kind::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}?mode=rwc", folder.path().join("test.db").display());
                return Some(Database { url, _folder: Some(folder), made: None });
            }
            Kind::Postgres => "TEST_POSTGRES_URL",
            Kind::MariaDb => "TEST_MARIADB_URL",
        };
        let Ok(server) = std::env::var(variable) else {
            eprintln!("SKIPPED: no {variable}");
            return None;
        };
        let name = format!("kit_{:016x}", getrandom::u64().unwrap());
        let admin = db::connect(&server).await.unwrap();
        admin.run(&format!("CREATE DATABASE {name}")).await.unwrap();
        admin.close().await;
        let (base, _) = server.rsplit_once('/').unwrap();
        Some(Database { url: format!("{base}/{name}"), _folder: None, made: Some((server, name)) })
    }

    pub(super) async fn connect(&self, connections: u32) -> Db {
        pool(&self.url, connections).await.unwrap()
    }

    pub(super) async fn drop(self) {
        if let Some((server, name)) = self.made {
            let admin = db::connect(&server).await.unwrap();
            admin.run(&format!("DROP DATABASE {name}")).await.unwrap();
            admin.close().await;
        }
    }
}

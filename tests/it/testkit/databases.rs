//! A fresh database: a file, or one on a server whose address is in the environment.

use filefield::db::{self, sea_orm};
use filefield_tests::databases::Kind;
use sea_orm::{ConnectionTrait, DatabaseConnection};
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
        admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        admin.close().await.unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        Some(Database { url: format!("{base}/{name}"), _folder: None, made: Some((server, name)) })
    }

    pub(super) async fn connect(&self, connections: u32) -> DatabaseConnection {
        let mut options = sea_orm::ConnectOptions::new(&self.url);
        options.max_connections(connections).sqlx_logging(false);
        sea_orm::Database::connect(options).await.unwrap()
    }

    pub(super) async fn drop(self) {
        if let Some((server, name)) = self.made {
            let admin = db::connect(&server).await.unwrap();
            admin.execute_unprepared(&format!("DROP DATABASE {name}")).await.unwrap();
            admin.close().await.unwrap();
        }
    }
}

//! Databases for tests: a fresh one each, on a server that starts and ends with the process.

mod server;
mod supervisor;

pub use server::{Server, wait_for_the_disk};

use filefield::db::{Db, Queries};
use std::fmt;
use std::io::Write;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// SQLite, a file.
    Sqlite,
    /// PostgreSQL, a server.
    Postgres,
    /// MariaDB, a server.
    MariaDb,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Sqlite, Kind::Postgres, Kind::MariaDb];

    /// The environment variable with the address of a running server. Its user must be allowed to create
    /// databases.
    pub fn variable(self) -> Option<&'static str> {
        match self {
            Kind::Sqlite => None,
            Kind::Postgres => Some("TEST_POSTGRES_URL"),
            Kind::MariaDb => Some("TEST_MARIADB_URL"),
        }
    }

    /// `identifier` as this kind quotes it.
    pub fn quoted(self, identifier: &str) -> String {
        let quote = if self == Kind::MariaDb { "`" } else { "\"" };
        format!("{quote}{}{quote}", identifier.replace(quote, &quote.repeat(2)))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Sqlite => "sqlite",
            Kind::Postgres => "postgres",
            Kind::MariaDb => "mariadb",
        })
    }
}

impl FromStr for Kind {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        let found = Kind::ALL.into_iter().find(|kind| kind.to_string() == name);
        found.ok_or_else(|| format!("no database `{name}`; there are sqlite, postgres, mariadb"))
    }
}

/// What is missing for a kind of database on this machine.
#[derive(Debug, Clone)]
pub struct Missing {
    kind: Kind,
    what: String,
}

impl Missing {
    fn new(kind: Kind, what: impl Into<String>) -> Self {
        Missing { kind, what: what.into() }
    }

    /// Prints that a test was skipped, and why. Unlike `eprintln!`, it also prints for a test that passes.
    pub fn report(&self) {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {self}");
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not run on {}: {}", self.kind, self.what)
    }
}

impl std::error::Error for Missing {}

/// An empty database for one test, dropped with this value.
#[derive(Debug)]
pub struct Database {
    kind: Kind,
    name: String,
    url: String,
    /// The folder with SQLite's file.
    _folder: Option<TempDir>,
    server: Option<Arc<Server>>,
}

impl Database {
    /// Creates a database on the [shared](Server::shared) server, or a new file. Blocks for some ten
    /// milliseconds; the first call of a kind blocks for the seconds that the server needs to start.
    ///
    /// # Errors
    /// Returns what is not installed.
    ///
    /// # Panics
    /// If it cannot be created for another reason.
    pub fn fresh(kind: Kind) -> Result<Database, Missing> {
        if kind == Kind::Sqlite {
            let folder = tempfile::tempdir().expect("a temporary folder can be made");
            let url = format!("sqlite://{}?mode=rwc", folder.path().join("test.db").display());
            return Ok(Database { kind, name: String::new(), url, _folder: Some(folder), server: None });
        }
        Server::shared(kind).map(Database::on)
    }

    /// Creates a database on `server`.
    ///
    /// # Panics
    /// If it cannot be created.
    pub fn on(server: Arc<Server>) -> Database {
        let mut token = [0; 8];
        getrandom::fill(&mut token).expect("random bytes can be had");
        let name = format!("test_{:016x}", u64::from_ne_bytes(token));
        let made = block_on(async { server.admin().await?.run(&format!("CREATE DATABASE {name}")).await });
        if let Err(error) = made {
            panic!("{}: no new database: {error}", server.kind());
        }
        Database { kind: server.kind(), url: server.url_of(&name), name, _folder: None, server: Some(server) }
    }

    /// The kind of database.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The address to connect to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server that it is on; `None` for SQLite.
    pub fn server(&self) -> Option<&Arc<Server>> {
        self.server.as_ref()
    }

    /// Ends all connections to this database except those of [`Server::admin`], as an administrator would.
    /// Returns their number.
    ///
    /// # Errors
    /// Propagates errors of the database.
    pub async fn end_connections(&self) -> filefield::Result<usize> {
        let Some(server) = &self.server else { return Ok(0) };
        let admin = server.admin().await?;
        let ended = self.end(&admin).await;
        admin.close().await;
        ended
    }

    async fn end(&self, admin: &Db) -> filefield::Result<usize> {
        let (list, end) = match self.kind {
            Kind::MariaDb => {
                ("SELECT CAST(id AS CHAR) FROM information_schema.processlist WHERE db", "KILL ")
            }
            _ => (
                "SELECT CAST(pid AS text) FROM pg_stat_activity WHERE datname",
                "SELECT pg_terminate_backend",
            ),
        };
        let list = format!("{list} = '{}'", self.name);
        let rows = admin.query(&list, Vec::new()).await?;
        let mut ended = 0;
        for row in rows {
            let id: String = row.only()?;
            // A connection that has already ended is an error on MariaDB.
            ended += usize::from(admin.run(&format!("{end}({id})")).await.is_ok());
        }
        Ok(ended)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A server that a test has stopped takes its databases with it.
        let Some(server) = self.server.take().filter(|server| server.is_running()) else { return };
        let _: filefield::Result<()> = block_on(async {
            let admin = server.admin().await?;
            self.end(&admin).await?;
            admin.run(&format!("DROP DATABASE {}", self.name)).await?;
            admin.close().await;
            Ok(())
        });
    }
}

/// Connects with sqlx alone, with at most this many connections, each of which is waited for at most ten seconds.
///
/// # Errors
/// Propagates errors of the driver.
pub async fn pool(url: &str, connections: u32) -> sqlx::Result<Db> {
    use sqlx::pool::PoolOptions;
    fn options<D: sqlx::Database>(connections: u32) -> PoolOptions<D> {
        PoolOptions::new().max_connections(connections).acquire_timeout(Duration::from_secs(10))
    }
    Ok(match url.split_once(':') {
        Some(("sqlite", _)) => options::<sqlx::Sqlite>(connections).connect(url).await?.into(),
        Some(("postgres", _)) => options::<sqlx::Postgres>(connections).connect(url).await?.into(),
        _ => options::<sqlx::MySql>(connections).connect(url).await?.into(),
    })
}

/// Runs a future from anywhere, also from within a runtime.
fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be made").block_on(future)
        });
        thread.join().expect("the thread does not panic")
    })
}

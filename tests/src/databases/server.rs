//! Servers: one of each kind per process, or one that a test may stop and kill.

use super::supervisor::Supervisor;
use super::{Kind, Missing, block_on, pool};
use filefield::db::Db;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

static FSYNC: AtomicBool = AtomicBool::new(false);

/// Makes servers that start from now on wait for the disk at every commit. Without it a power cut could lose
/// a commit; a killed server loses nothing.
pub fn wait_for_the_disk() {
    FSYNC.store(true, Ordering::Relaxed);
}

/// A running server. It ends when its last owner is dropped, and with the process.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    /// The URL of the database that always exists.
    url: String,
    /// `None` for a server that this process did not start.
    supervisor: Option<Mutex<Supervisor>>,
    running: AtomicBool,
}

impl Server {
    /// The server for all tests of this process: the one that the environment names (`TEST_POSTGRES_URL`,
    /// `TEST_MARIADB_URL`), or one that the first call starts.
    ///
    /// # Errors
    /// Returns what is not installed.
    ///
    /// # Panics
    /// If it is installed and does not run.
    pub fn shared(kind: Kind) -> Result<Arc<Server>, Missing> {
        static SERVERS: [OnceLock<Result<Arc<Server>, Missing>>; 3] = [const { OnceLock::new() }; 3];
        SERVERS[kind as usize]
            .get_or_init(|| match kind.variable().and_then(|variable| std::env::var(variable).ok()) {
                Some(url) => {
                    Ok(Arc::new(Server { kind, url, supervisor: None, running: AtomicBool::new(true) }))
                }
                None => Server::start(kind).map(Arc::new),
            })
            .clone()
    }

    /// Starts a server for the caller alone.
    ///
    /// # Errors
    /// Returns what is not installed.
    ///
    /// # Panics
    /// If it is installed and does not run.
    pub fn start(kind: Kind) -> Result<Server, Missing> {
        let supervisor = Supervisor::new(kind)?;
        let folder: String = supervisor.folder().display().to_string();
        let folder: String = folder.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let url = match kind {
            Kind::MariaDb => format!("mysql://root@localhost/mysql?socket={folder}%2Fsocket"),
            _ => format!("postgres://filefield@localhost/postgres?host={folder}"),
        };
        let server =
            Server { kind, url, supervisor: Some(Mutex::new(supervisor)), running: AtomicBool::new(false) };
        server.start_again();
        Ok(server)
    }

    /// The kind of database.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// A connection to the server's own database, for example to end other connections.
    ///
    /// # Errors
    /// Propagates errors of the database.
    pub async fn admin(&self) -> filefield::Result<Db> {
        let connected = pool(&self.url, 1).await;
        connected.map_err(|error| filefield::Error::new(filefield::ErrorKind::Database, error.to_string()))
    }

    /// Starts a server that was stopped or killed, and waits until it answers.
    ///
    /// # Panics
    /// If it does not run, or was not started by this process.
    pub fn start_again(&self) {
        let fsync = if FSYNC.load(Ordering::Relaxed) { "on" } else { "off" };
        self.tell(&format!("start {fsync}"));
        let began = Instant::now();
        while let Err(error) = block_on(async { self.admin().await.map(drop) }) {
            self.tell("alive");
            assert!(began.elapsed() < PATIENCE, "{} does not answer: {error}", self.kind);
            std::thread::sleep(Duration::from_millis(10));
        }
        self.running.store(true, Ordering::Release);
    }

    /// Stops the server cleanly: connections are ended, and committed data is written.
    ///
    /// # Panics
    /// If it was not started by this process.
    pub fn stop(&self) {
        self.running.store(false, Ordering::Release);
        self.tell("stop");
    }

    /// Kills the server and its children with `SIGKILL`.
    ///
    /// # Panics
    /// If it was not started by this process.
    pub fn kill(&self) {
        self.running.store(false, Ordering::Release);
        self.tell("kill");
    }

    /// Stops the server and starts it again.
    ///
    /// # Panics
    /// If it does not run, or was not started by this process.
    pub fn restart(&self) {
        self.stop();
        self.start_again();
    }

    /// Makes `child` use this server as its shared one.
    pub fn pass_on(&self, child: &mut Command) {
        if let Some(variable) = self.kind.variable() {
            child.env(variable, &self.url);
        }
    }

    /// The address of one of its databases.
    pub(super) fn url_of(&self, database: &str) -> String {
        let (address, query) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let authority = address.find("://").map_or(0, |at| at + 3);
        let end = address[authority..].find('/').map_or(address.len(), |at| authority + at);
        format!("{}/{database}?{query}", &address[..end])
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    fn tell(&self, command: &str) {
        let supervisor = self.supervisor.as_ref().expect("a server that this process started");
        let answer = supervisor.lock().unwrap_or_else(PoisonError::into_inner).tell(command);
        if let Err(error) = answer {
            panic!("{}: {command}: {error}", self.kind);
        }
    }
}

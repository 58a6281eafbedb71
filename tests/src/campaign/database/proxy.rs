//! A proxy between client and server. It counts requests, and breaks the connection on demand.

use super::wire::{Requests, backend_id, is_commit};
use crate::campaign::Result;
use filefield::db::Queries;
use filefield_tests::databases::{Kind, Server};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a fault may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fault {
    /// The connection is cut before the request arrives.
    NeverArrives,
    /// The request is carried out, and the connection is cut before the answer.
    AnswerLost,
    /// An administrator ends the connection on the server, just before.
    Ended,
    /// The same while the request is being carried out.
    EndedMeanwhile,
    /// The server is stopped and started again, just before the request.
    Restarted,
    /// The server is killed and started again while the request is being carried out.
    Killed,
}

#[derive(Debug, Default)]
struct State {
    /// Requests since the last call.
    asked: Vec<String>,
    armed: Option<Armed>,
    fired: Option<String>,
    /// Faults in progress: the server stops or starts, or a connection is being ended.
    under_way: u32,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    /// Counted from 1.
    at: u64,
    /// Whether only commits count.
    commits: bool,
}

struct Shared {
    server: Arc<Server>,
    upstream: PathBuf,
    state: Mutex<State>,
    stopped: AtomicBool,
}

/// A proxy on a separate socket.
pub(super) struct Proxy {
    shared: Arc<Shared>,
    socket: PathBuf,
    url: String,
}

impl Proxy {
    /// In front of the database at `url` of `server`, with a socket in `folder`.
    pub(super) fn new(server: &Arc<Server>, url: &str, folder: &Path) -> Result<Proxy> {
        let parameter = if server.kind() == Kind::MariaDb { "socket=" } else { "host=" };
        let (start, encoded) = url.split_once(parameter).ok_or("a server without a socket")?;
        let place = PathBuf::from(decoded(encoded)?);
        let (upstream, socket) = match server.kind() {
            Kind::MariaDb => (place, folder.join("socket")),
            _ => (place.join(".s.PGSQL.5432"), folder.join(".s.PGSQL.5432")),
        };
        let own = if server.kind() == Kind::MariaDb { &socket } else { folder };
        let own: String = own.display().to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
        let listener = UnixListener::bind(&socket)?;
        let shared = Arc::new(Shared {
            server: server.clone(),
            upstream,
            state: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let accepting = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.stopped.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(client) = client else { continue };
                let shared = accepting.clone();
                std::thread::spawn(move || drop(shared.serve(&client)));
            }
        });
        Ok(Proxy { shared, socket, url: format!("{start}{parameter}{own}") })
    }

    /// The address to connect to.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Breaks the `at`th request from now on. If `commits` is set, only commits count.
    pub(super) fn arm(&self, fault: Fault, at: u64, commits: bool) {
        let mut state = self.shared.state();
        let armed = Some(Armed { fault, at, commits });
        *state = State { armed, under_way: state.under_way, ..State::default() };
    }

    /// The requests since the last call. From now on nothing is broken.
    pub(super) fn asked(&self) -> Vec<String> {
        let mut state = self.shared.state();
        state.armed = None;
        std::mem::take(&mut state.asked)
    }

    /// What was broken, once the fault is over. An operation may end before the server is completely down, or
    /// up again, and the next request would meet the same fault.
    pub(super) fn fired(&self) -> Option<String> {
        self.shared.state().armed = None;
        let began = Instant::now();
        while self.shared.state().under_way > 0 && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.shared.state().fired.take()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        let _ = UnixStream::connect(&self.socket);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(self: Arc<Self>, client: &UnixStream) -> Result {
        let result = self.relay(client);
        let _ = client.shutdown(Shutdown::Both);
        result
    }

    fn relay(&self, client: &UnixStream) -> Result {
        let kind = self.server.kind();
        let server = self.connect()?;
        let (muted, answers, id) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let back = {
            let (mut server, mut client) = (server.try_clone()?, client.try_clone()?);
            let (muted, answers, id) = (muted.clone(), answers.clone(), id.clone());
            std::thread::spawn(move || {
                let (mut head, mut buffer) = (Vec::new(), [0; 16 * 1024]);
                while let Ok(len @ 1..) = server.read(&mut buffer) {
                    if id.load(Ordering::Acquire) == 0 {
                        head.extend_from_slice(&buffer[..len]);
                        id.store(backend_id(kind, &head).unwrap_or(0), Ordering::Release);
                    }
                    answers.fetch_add(1, Ordering::Release);
                    if !muted.load(Ordering::Acquire) && client.write_all(&buffer[..len]).is_err() {
                        break;
                    }
                }
                answers.fetch_add(1, Ordering::Release);
                let _ = client.shutdown(Shutdown::Both);
                let _ = server.shutdown(Shutdown::Both);
            })
        };
        let (mut requests, mut buffer) = (Requests::new(kind), [0; 16 * 1024]);
        let (mut from, mut to) = (client, &server);
        'connection: while let Ok(len @ 1..) = from.read(&mut buffer) {
            for unit in requests.push(&buffer[..len]) {
                let fault = unit.text.and_then(|text| self.decide(text));
                let _over = fault.map(|_| Over(self));
                let before = answers.load(Ordering::Acquire);
                match fault {
                    Some(Fault::NeverArrives) => break 'connection,
                    Some(Fault::AnswerLost) => muted.store(true, Ordering::Release),
                    Some(Fault::Ended) => self.end(id.load(Ordering::Acquire)),
                    Some(Fault::Restarted) => self.server.restart(),
                    _ => {}
                }
                let sent = to.write_all(&unit.bytes);
                match fault {
                    Some(Fault::AnswerLost) => {
                        // It answers when it has committed.
                        while sent.is_ok() && answers.load(Ordering::Acquire) == before {
                            std::thread::sleep(Duration::from_micros(100));
                        }
                        break 'connection;
                    }
                    Some(Fault::EndedMeanwhile) => self.end(id.load(Ordering::Acquire)),
                    Some(Fault::Killed) => {
                        self.server.kill();
                        self.server.start_again();
                    }
                    _ => sent?,
                }
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
        let _ = back.join();
        Ok(())
    }

    /// Waits for a server that is starting, as a refused client does.
    fn connect(&self) -> Result<UnixStream> {
        let began = Instant::now();
        loop {
            match UnixStream::connect(&self.upstream) {
                Err(_) if began.elapsed() < Duration::from_secs(20) => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                connected => return Ok(connected?),
            }
        }
    }

    /// Records a request, and decides what happens to it.
    fn decide(&self, text: String) -> Option<Fault> {
        let mut state = self.state();
        let counts = state.armed.as_ref().is_some_and(|armed| !armed.commits || is_commit(&text));
        state.asked.push(text.clone());
        let armed = state.armed.as_mut().filter(|_| counts)?;
        armed.at -= 1;
        if armed.at > 0 {
            return None;
        }
        let fault = armed.fault;
        (state.armed, state.fired) = (None, Some(text));
        state.under_way += 1;
        Some(fault)
    }

    /// Ends a connection as an administrator does, and waits until it has ended. Until then it continues to
    /// answer.
    fn end(&self, id: u64) {
        let (end, lives) = match self.server.kind() {
            Kind::MariaDb => (
                format!("KILL {id}"),
                format!("SELECT 1 AS lives FROM information_schema.processlist WHERE id = {id}"),
            ),
            _ => (
                format!("SELECT pg_terminate_backend({id})"),
                format!("SELECT 1 AS lives FROM pg_stat_activity WHERE pid = {id}"),
            ),
        };
        let ended = tokio::runtime::Builder::new_current_thread().enable_all().build().map(|runtime| {
            runtime.block_on(async {
                let admin = self.server.admin().await?;
                admin.run(&end).await?;
                let began = Instant::now();
                while !admin.query(&lives, Vec::new()).await?.is_empty() && began.elapsed() < PATIENCE {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Ok::<_, filefield::Error>(())
            })
        });
        if !matches!(ended, Ok(Ok(()))) {
            eprintln!("a connection could not be ended: {ended:?}");
        }
    }
}

/// A fault is over when this is dropped.
struct Over<'a>(&'a Shared);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.state().under_way -= 1;
    }
}

/// Decodes a part of a URL.
fn decoded(text: &str) -> Result<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digits: Vec<u8> = rest.by_ref().take(2).collect();
            u8::from_str_radix(std::str::from_utf8(&digits)?, 16)?
        } else {
            byte
        });
    }
    Ok(String::from_utf8(bytes)?)
}

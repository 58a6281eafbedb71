//! A proxy between client and service. It counts requests, and breaks them on demand.

use super::fault::{Ask, Extent, Fault};
use super::http::Message;
use crate::campaign::Result;
use crate::campaign::world::Random;
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Ports that no system assigns by itself. While the proxy does not listen, no other program listens either, and no
/// client gets the port that it connects to.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// How long the proxy does not listen if only one request is refused.
const BRIEFLY: Duration = Duration::from_millis(25);

/// How long to wait for a stalled client or the service.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What to break.
#[derive(Debug, Clone, Copy)]
pub(super) struct Armed {
    pub(super) fault: Fault,
    pub(super) extent: Extent,
    /// The chosen request, counted from 1.
    pub(super) at: u64,
    /// Decides about the byte, and whether the request is carried out.
    pub(super) detail: u64,
}

/// What was seen of an operation.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) asked: Vec<(Ask, String)>,
    /// Faults that happened.
    pub(super) fired: Vec<(Fault, Ask)>,
}

#[derive(Debug, Default)]
struct State {
    armed: Option<Armed>,
    seen: Seen,
    /// Uploads whose client does not know that they are open.
    unknown_uploads: BTreeSet<String>,
}

pub(super) struct Proxy {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    runtime: Handle,
    address: SocketAddr,
    pub(super) service: SocketAddr,
    /// The service's folder.
    pub(super) folder: PathBuf,
    state: Mutex<State>,
    /// Requests in progress.
    pub(super) under_way: AtomicUsize,
    listening: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Proxy {
    /// Starts in front of the service at `endpoint`, whose files are in `folder`, on the threads of
    /// `runtime`.
    pub(super) async fn start(runtime: &Handle, endpoint: &str, folder: PathBuf) -> Result<Proxy> {
        let service = endpoint.trim_start_matches("http://").parse()?;
        let mut random = Random::new(u64::from(std::process::id()));
        let (listener, address) = loop {
            let port = PORTS.start + u16::try_from(random.below(u64::from(PORTS.end - PORTS.start)))?;
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            match bind(runtime, address).await {
                Ok(listener) => break (listener, address),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error.into()),
            }
        };
        let shared = Arc::new(Shared {
            runtime: runtime.clone(),
            address,
            service,
            folder,
            state: Mutex::default(),
            under_way: AtomicUsize::new(0),
            listening: tokio::sync::Mutex::default(),
        });
        *shared.listening.lock().await = Some(shared.accept(listener));
        Ok(Proxy { shared })
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// Starts to count, with something to break if given.
    pub(super) async fn arm(&self, armed: Option<Armed>) {
        {
            let mut state = self.shared.state();
            (state.armed, state.seen) = (armed, Seen::default());
        }
        if let Some(Armed { fault: Fault::Refused, extent: Extent::Once | Extent::Onward, at: 1, .. }) = armed
        {
            self.shared.refuse(armed, Ask::Other).await;
        }
    }

    /// Stops breaking, and returns what was seen, after everything in progress has ended.
    pub(super) async fn disarm(&self) -> Result<Seen> {
        self.shared.state().armed = None;
        self.shared.listen().await?;
        let began = Instant::now();
        while self.shared.under_way.load(Ordering::SeqCst) > 0 {
            if began.elapsed() > PATIENCE {
                return Err("a request is under way for ever".into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(std::mem::take(&mut self.shared.state().seen))
    }

    /// Whether the client cannot know that this upload is open.
    pub(super) fn is_unknown(&self, upload: &str) -> bool {
        self.shared.state().unknown_uploads.contains(upload)
    }

    pub(super) async fn stop(&self) {
        self.shared.close().await;
    }
}

/// Counts what is in progress.
pub(super) struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    pub(super) fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        UnderWay(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>, listener: TcpListener) -> JoinHandle<()> {
        let shared = self.clone();
        self.runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = shared.clone();
                tokio::spawn(async move { drop(shared.serve(client).await) });
            }
        })
    }

    /// Nobody listens when this returns.
    async fn close(&self) {
        if let Some(task) = self.listening.lock().await.take() {
            task.abort();
            let _ = task.await;
        }
    }

    async fn listen(self: &Arc<Self>) -> Result<()> {
        let mut listening = self.listening.lock().await;
        let began = Instant::now();
        while listening.is_none() {
            match bind(&self.runtime, self.address).await {
                Ok(listener) => *listening = Some(self.accept(listener)),
                Err(error) if began.elapsed() > PATIENCE => return Err(error.into()),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
        Ok(())
    }

    /// Records an upload whose client will not learn of it.
    pub(super) fn note_unknown(&self, upload: Option<String>) {
        self.state().unknown_uploads.extend(upload);
    }

    async fn refuse(self: &Arc<Self>, armed: Option<Armed>, ask: Ask) {
        self.close().await;
        self.state().seen.fired.push((Fault::Refused, ask));
        if armed.is_some_and(|armed| armed.extent == Extent::Once) {
            let shared = self.clone();
            self.runtime.spawn(async move {
                tokio::time::sleep(BRIEFLY).await;
                drop(shared.listen().await);
            });
        }
    }

    /// Records a request, and decides what happens to it.
    pub(super) async fn decide(self: &Arc<Self>, request: &Message) -> Option<(Fault, u64)> {
        let ask = Ask::of(request);
        let (armed, now, refuse_next) = {
            let mut state = self.state();
            state.seen.asked.push((ask, request.first_line().to_owned()));
            let nth = state.seen.asked.len() as u64;
            let armed = state.armed?;
            let now = nth.checked_sub(armed.at).and_then(|nth| armed.extent.fault(armed.fault, nth));
            let now = now.filter(|fault| fault.befalls(ask) && *fault != Fault::Refused);
            state.seen.fired.extend(now.map(|fault| (fault, ask)));
            let refuse_next = armed.fault == Fault::Refused && nth + 1 == armed.at + armed.extent.first();
            (armed, now, refuse_next)
        };
        if refuse_next {
            self.refuse(Some(armed), ask).await;
        }
        now.map(|fault| (fault, armed.detail))
    }
}

async fn bind(runtime: &Handle, address: SocketAddr) -> io::Result<TcpListener> {
    runtime.spawn(TcpListener::bind(address)).await?
}

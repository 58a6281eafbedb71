//! Delaying the moment a save becomes visible.

use crate::{Error, ErrorKind, Result};
use tokio::sync::watch;

/// Delays the moment a save becomes visible. A save writes its bytes while the journal's entry for them is
/// being committed, and publishes them after that.
///
/// ```
/// use filefield::storage::author::Gate;
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let (gate, keeper) = Gate::closed();
/// assert!(!gate.is_open());
/// keeper.open();
/// gate.opened().await?;
/// # Ok::<(), filefield::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Gate(watch::Receiver<bool>);

/// Opens a [`Gate`]. If it is dropped before, the gate stays closed forever.
#[derive(Debug)]
#[must_use = "the gate never opens once its keeper is dropped"]
pub struct GateKeeper(watch::Sender<bool>);

impl Gate {
    /// Creates a closed gate and its keeper.
    pub fn closed() -> (Gate, GateKeeper) {
        let (keeper, gate) = watch::channel(false);
        (Gate(gate), GateKeeper(keeper))
    }

    /// Whether the gate is open. An open gate stays open.
    pub fn is_open(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the gate is open.
    ///
    /// # Errors
    /// Returns [`Io`](ErrorKind::Io) if the keeper was dropped, so that the gate never opens.
    pub async fn opened(&self) -> Result<()> {
        let given_up = |_| Error::new(ErrorKind::Io, "the save was given up before its file could be seen");
        self.0.clone().wait_for(|open| *open).await.map(drop).map_err(given_up)
    }
}

impl GateKeeper {
    /// Opens the gate.
    pub fn open(self) {
        self.0.send_replace(true);
    }
}

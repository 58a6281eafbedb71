//! Holding back what a save makes visible.

use crate::{Error, ErrorKind, Result};
use tokio::sync::watch;

/// What a save waits for before anything of it can be seen: it writes its bytes while the journal's entry for them is
/// being committed (W2 beside W1), and publishes them behind it.
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

/// Opens a [`Gate`]. Dropped before that, the gate stays closed for ever.
#[derive(Debug)]
#[must_use = "the gate never opens once its keeper is dropped"]
pub struct GateKeeper(watch::Sender<bool>);

impl Gate {
    /// A closed gate, and what opens it.
    pub fn closed() -> (Gate, GateKeeper) {
        let (keeper, gate) = watch::channel(false);
        (Gate(gate), GateKeeper(keeper))
    }

    /// Whether it is open. An open gate stays open.
    pub fn is_open(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is open.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) once its keeper is gone and it will never open.
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

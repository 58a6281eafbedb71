//! Saves with a closed gate, for storages that keep gates. Other storages promise nothing.

use super::checks;
use crate::storage::author::{Gate, GateKeeper};
use crate::testing::kit::{Checked, Stop, ensure, ensure_holds, ensure_nothing, every_source, name, pattern};
use crate::{Content, SaveOptions, Saved, SharedStorage};
use std::time::Duration;
use tokio::task::JoinHandle;

checks![
    nothing_is_seen_before_the_gate_is_open,
    a_gate_that_never_opens_leaves_nothing,
    a_save_dropped_before_its_gate_leaves_nothing,
    an_open_gate_is_no_hindrance,
];

const SAVED: &str = "new/deep/a";

fn options(gate: Gate) -> SaveOptions {
    SaveOptions { exact: true, owner: Some("token-1".to_owned()), gate: Some(gate), ..SaveOptions::default() }
}

/// A save that has had time to do everything that it does before its gate opens.
async fn held(s: &SharedStorage, content: Content) -> (GateKeeper, JoinHandle<crate::Result<Saved>>) {
    let (gate, keeper) = Gate::closed();
    let s = s.clone();
    let saving = tokio::spawn(async move { s.save(name(SAVED)?, content, &options(gate)).await });
    tokio::time::sleep(Duration::from_millis(30)).await;
    (keeper, saving)
}

/// Fails if there is anything at all, even a directory.
async fn ensure_untouched(s: &SharedStorage) -> Checked {
    ensure_nothing(&**s, SAVED).await?;
    let listing = s.list("").await.unwrap_or_default();
    ensure!(listing.dirs.is_empty(), "there are directories: {:?}", listing.dirs);
    Ok(())
}

async fn nothing_is_seen_before_the_gate_is_open(s: SharedStorage) -> Checked {
    if !s.keeps_gates() {
        return Ok(());
    }
    let bytes = pattern(100_000);
    // The directory is missing in the first round, and exists in the second.
    for (_, content) in every_source(&bytes)?.into_iter().chain(every_source(&bytes)?) {
        let (keeper, saving) = held(&s, content).await;
        ensure_nothing(&*s, SAVED).await?;
        keeper.open();
        let saved = saving.await.map_err(|error| Stop::Failed(error.to_string()))??;
        ensure!(saved == Saved::new(SAVED, 100_000), "saved as {saved:?}");
        ensure_holds(&*s, SAVED, &bytes).await?;
        s.delete(name(SAVED)?).await?;
    }
    Ok(())
}

/// The keeper of the gate may be dropped: the entry was not committed.
async fn a_gate_that_never_opens_leaves_nothing(s: SharedStorage) -> Checked {
    if !s.keeps_gates() {
        return Ok(());
    }
    for (source, content) in every_source(&pattern(100_000))? {
        let (keeper, saving) = held(&s, content).await;
        ensure_untouched(&s).await?;
        drop(keeper);
        let saved = saving.await.map_err(|error| Stop::Failed(error.to_string()))?;
        let Err(error) = saved else {
            return Err(Stop::Failed(format!("a save from a {source} passes a closed gate")));
        };
        ensure!(!error.is_uncertain(), "nothing was published, yet the error is uncertain: {error}");
        ensure_untouched(&s).await?;
    }
    Ok(())
}

async fn a_save_dropped_before_its_gate_leaves_nothing(s: SharedStorage) -> Checked {
    if !s.keeps_gates() {
        return Ok(());
    }
    for (_, content) in every_source(&pattern(100_000))? {
        let (keeper, saving) = held(&s, content).await;
        saving.abort();
        ensure!(saving.await.is_err_and(|error| error.is_cancelled()), "the save does not wait for its gate");
        keeper.open();
        tokio::time::sleep(Duration::from_millis(30)).await;
        ensure_untouched(&s).await?;
    }
    Ok(())
}

async fn an_open_gate_is_no_hindrance(s: SharedStorage) -> Checked {
    if !s.keeps_gates() {
        return Ok(());
    }
    let bytes = pattern(100_000);
    for (_, content) in every_source(&bytes)? {
        let (gate, keeper) = Gate::closed();
        keeper.open();
        s.save(name(SAVED)?, content, &options(gate)).await?;
        ensure_holds(&*s, SAVED, &bytes).await?;
        s.delete(name(SAVED)?).await?;
    }
    Ok(())
}

//! Saves in progress, and saves whose future is dropped.

use super::checks;
use crate::testing::kit::*;
use crate::{Content, SaveOptions, SharedStorage, StorageExt};
use std::time::Duration;

checks![
    nothing_is_seen_while_a_save_is_under_way,
    a_save_dropped_while_its_content_waits_leaves_nothing,
    a_save_dropped_at_any_point_is_whole_or_nothing,
    a_reader_dropped_in_the_middle_harms_nothing,
];

/// Waits until the save has begun to read its content.
async fn until_read(gate: &Gate) -> Checked {
    for _ in 0..1_000 {
        if gate.was_read() {
            // The bytes that were read are now being written.
            tokio::time::sleep(Duration::from_millis(20)).await;
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Err(Stop::Failed("the storage does not begin to read a stream before it has ended".into()))
}

async fn nothing_is_seen_while_a_save_is_under_way(s: SharedStorage) -> Checked {
    let gate = Gate::default();
    let saving = tokio::spawn({
        let (s, content) = (s.clone(), Content::stream(gate.clone()));
        async move { save(&*s, "d/a", content).await }
    });
    until_read(&gate).await?;
    ensure_nothing(&*s, "d/a").await?;
    gate.release();
    let saved = saving.await.map_err(|error| Stop::Failed(error.to_string()))??;
    ensure_holds(&*s, &saved.name, pattern(100_000)).await
}

async fn a_save_dropped_while_its_content_waits_leaves_nothing(s: SharedStorage) -> Checked {
    let gate = Gate::default();
    let saving = tokio::spawn({
        let (s, content) = (s.clone(), Content::stream(gate.clone()));
        async move { save(&*s, "d/a", content).await.map(drop) }
    });
    until_read(&gate).await?;
    saving.abort();
    ensure!(saving.await.is_err_and(|error| error.is_cancelled()), "the save was not dropped");
    ensure_nothing(&*s, "d/a").await?;
    gate.release();
    // Gives work that was left running the time to do harm.
    tokio::time::sleep(Duration::from_millis(200)).await;
    ensure_nothing(&*s, "d/a").await?;
    put(&*s, "d/a", "after").await?;
    ensure_holds(&*s, "d/a", "after").await
}

async fn a_save_dropped_at_any_point_is_whole_or_nothing(s: SharedStorage) -> Checked {
    let bytes = pattern(300_000);
    for n in 0..40u32 {
        for (source, content) in every_source(&bytes)? {
            let wanted = format!("{source}/{n}");
            let stored = name(&wanted)?;
            {
                let options = SaveOptions::default();
                let save = s.save(stored, content, &options);
                let _ = tokio::time::timeout(Duration::from_micros(u64::from(n * n) * 10), save).await;
            }
            if s.exists(stored).await? {
                ensure_holds(&*s, &wanted, &bytes).await?;
            }
        }
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    for stored in files(&*s).await?.unwrap_or_default() {
        ensure_holds(&*s, &stored, &bytes).await?;
    }
    Ok(())
}

async fn a_reader_dropped_in_the_middle_harms_nothing(s: SharedStorage) -> Checked {
    let bytes = pattern(200_000);
    put(&*s, "a", bytes.clone()).await?;
    for n in 0..50u64 {
        let reading = async {
            let mut reader = s.open(name("a")?).await?;
            while reader.next_chunk(1_000).await?.is_some() {}
            Ok::<_, crate::Error>(())
        };
        if let Ok(result) = tokio::time::timeout(Duration::from_micros(n * 20), reading).await {
            result?;
        }
    }
    ensure_holds(&*s, "a", &bytes).await
}

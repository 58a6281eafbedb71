//! Every window of failure, by its number. Where a window is only open while the process dies, the power fails, or a
//! server is cut off, a campaign goes through it for real.
//!
//! | windows | shown by |
//! |---|---|
//! | F01–F04, F08, F10–F12, F16–F20, F27, F29–F38, F41, F44–F46 | the tests here, by name |
//! | F05 | here, and `storage/local/tests/fallbacks.rs` |
//! | F06, F07 | `storage/object/tests/`: uploads are aborted; a killed process leaves them to a lifecycle rule |
//! | F09 | campaign `power`; here the same state, made by hand |
//! | F13, F21, F22 | `databases/transactions.rs`: rolled back, savepoint rolled back |
//! | F14, F15 | here; campaign `database`: COMMIT's answer cut, connections ended |
//! | F23, F24 | `databases/together.rs`: replacers of one row; `together/sweeping.rs`: replaced is read in the database |
//! | F25 | `review/journal.rs`: stale saves; `databases/triggers.rs`: plain SQL |
//! | F26 | `together/sweeping.rs`: a file that two rows name |
//! | F28, F47 | `databases/triggers.rs` |
//! | F39 | `review/drops.rs`, `together/dropping.rs`; campaign `drop` |
//! | F40 | `together/refusing.rs`, `bad_input.rs` |
//! | F42 | no variants yet |
//! | F43 | here as F17 and F18; campaign `kill` |

mod database;
mod publish;
mod sweep;

use crate::support::Garage;
use filefield::db::sea_orm::{ConnectionTrait, DbBackend, Statement};
use filefield::db::{self, Table};
use filefield::prelude::*;
use filefield::registry::with_storage;
use filefield::testing::{FaultStorage, Invariants, RecordingStorage};
use filefield::{FileMeta, SharedStorage};
use std::sync::Arc;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "barges")]
struct Barge {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    name: String,
    #[file(upload_to = "barges", meta_field = meta)]
    photo: FileField,
    meta: FileMeta,
}

fn barge(name: &str) -> Barge {
    Barge { name: name.into(), photo: FileField::new("barge.txt", name.to_owned()), ..Barge::default() }
}

async fn saved(garage: &Garage, name: &str) -> Barge {
    let mut barge = barge(name);
    barge.save(&garage.db).await.unwrap();
    barge
}

/// A stage whose process was killed: nothing of it runs any more, not even what runs when a value is dropped.
async fn killed_after_staging(garage: &Garage, name: &str) -> Barge {
    let mut barge = barge(name);
    barge.stage(&garage.db).await.unwrap();
    std::mem::forget(barge.clone());
    barge
}

/// The journal's clock moves on by far.
async fn time_passes(garage: &Garage) {
    garage.execute("UPDATE filefield_journal SET due_at = 0 WHERE state <> 'dead'").await;
}

/// Sweeps until all is done, and checks that rows and files agree (R1–R4), with so many rows left.
async fn agrees(garage: &Garage, rows: u64) {
    for _ in 0..3 {
        time_passes(garage).await;
        db::sweep(&garage.db).await.unwrap();
    }
    let checked = Invariants::new(&garage.db, &garage.storage).model::<Barge>().swept().check().await;
    checked.unwrap().assert_clean();
    assert_eq!(Barge::objects(&garage.db).count().await.unwrap(), rows);
}

/// The journal entry of a process that was killed: it reserved `name`, and nothing more is known.
async fn entry(garage: &Garage, name: &str, kind: &str, state: &str, attempts: u32) {
    let alias = "override";
    garage
        .execute(&format!(
            "INSERT INTO filefield_journal \
             (storage, name, kind, state, token, due_at, attempts, model_table, model_column) \
             VALUES ('{alias}', '{name}', '{kind}', '{state}', 'a-token', 0, {attempts}, 'barges', 'photo')"
        ))
        .await;
}

/// Runs `test` with `storage` around the garage's own.
async fn within<S: Storage, F: Future<Output = ()>>(
    wrap: impl FnOnce(SharedStorage) -> S,
    garage: &Garage,
    test: impl FnOnce(Arc<S>) -> F,
) {
    let storage = Arc::new(wrap(garage.storage.clone()));
    with_storage(storage.clone(), test(storage)).await;
}

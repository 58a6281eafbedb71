//! Every failure between the steps of the protocol. The numbers are those in the names of the tests. If a
//! failure needs a dead process, a power cut or a server that is cut off, a campaign produces it for real.
//!
//! | failure | shown by |
//! |---|---|
//! | 01–04, 08, 10–12, 16–20, 27, 29–38, 41, 44–46 | the tests here, by name |
//! | 05: a staging file with a name is left | here, and `storage/local/tests/fallbacks.rs` |
//! | 06, 07: an upload in parts is left open | `storage/object/tests/`: uploads are aborted; if the process was killed before it noted the id, a lifecycle rule must abort them |
//! | 09: the power fails before the directory is synced | campaign `power`; here the same state, made by hand |
//! | 13, 21, 22: the transaction, or a savepoint, is rolled back | `databases/transactions.rs` |
//! | 14, 15: the answer to `COMMIT` is lost | here; campaign `database` |
//! | 23, 24: two replace one row; a stale instance replaces | `databases/together.rs`; `together/sweeping.rs` |
//! | 25: a stale save writes an old name back | `review/journal.rs`; plain SQL: `databases/triggers.rs` |
//! | 26: two rows name one file | `together/sweeping.rs` |
//! | 28, 47: SQL deletes rows; rows are loaded with triggers on | `databases/triggers.rs` |
//! | 39: a future is dropped | `review/drops.rs`, `together/dropping.rs`; campaign `drop` |
//! | 40: a function of the user panics | `together/refusing.rs`, `bad_input.rs` |
//! | 42: a derived file is half done | there are no derived files yet |
//! | 43: the sweeping process dies | here as 17 and 18; campaign `kill` |

mod database;
mod publish;
mod sweep;

use crate::support::Garage;
use filefield::db::Dialect;
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

/// A stage whose process was killed: nothing of it runs any more, not even `Drop`.
async fn killed_after_staging(garage: &Garage, name: &str) -> Barge {
    let mut barge = barge(name);
    barge.stage(&garage.db).await.unwrap();
    std::mem::forget(barge.clone());
    barge
}

/// The journal's clock jumps far ahead.
async fn time_passes(garage: &Garage) {
    garage.execute("UPDATE filefield_journal SET due_at = 0 WHERE state <> 'dead'").await;
}

/// Sweeps until everything is done, and checks that rows and files agree (R1 to R4), with this many rows
/// left.
async fn agrees(garage: &Garage, rows: u64) {
    for _ in 0..3 {
        time_passes(garage).await;
        db::sweep(&garage.db).await.unwrap();
    }
    let checked = Invariants::new(&garage.db, &garage.storage).model::<Barge>().swept().check().await;
    checked.unwrap().assert_clean();
    assert_eq!(Barge::objects(&garage.db).count().await.unwrap(), rows);
}

/// The journal entry of a killed process: it reserved `name`, and nothing more is known.
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

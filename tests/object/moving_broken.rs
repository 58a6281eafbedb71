//! Every request of a move into a bucket and out of it goes wrong, and the move is gone on with.

use filefield::db::sea_orm::ConnectionTrait;
use filefield::db::{self, DatabaseConnection, Table, migrate};
use filefield::ops::storage_move;
use filefield::prelude::*;
use filefield::storage::MemoryStorage;
use filefield::testing::Invariants;
use filefield::{SharedStorage, Sweeper};
use filefield_tests::buckets::broken::{Break, Broken};
use filefield_tests::buckets::s3::{Server, over};
use filefield_tests::isolated::{NONE, isolated};
use std::sync::Arc;

#[derive(Debug, Clone, Default, Model)]
#[model(table = "crates")]
struct Crate {
    #[model(primary_key)]
    id: i64,
    #[file(upload_to = "crates", storage = crate_storage, meta_field = content_meta)]
    content: FileField,
    content_meta: FileMeta,
}

fn crate_storage() -> &'static str {
    "attic"
}

const CRATES: i64 = 3;

fn text(id: i64) -> String {
    format!("crate {id} ").repeat(100)
}

struct Yard {
    db: DatabaseConnection,
    storages: [SharedStorage; 2],
    broken: Broken,
    _folder: tempfile::TempDir,
    _server: Server,
}

impl Yard {
    async fn new() -> Yard {
        let (server, folder, broken) =
            (Server::start().await, tempfile::tempdir().unwrap(), Broken::default());
        let client = server.client(&server.bucket()).with_http_connector(broken.clone()).build().unwrap();
        let depot: SharedStorage = Arc::new(over(client).trust_create_only().build().unwrap());
        let attic: SharedStorage = Arc::new(MemoryStorage::new());
        let app = App::builder().storage("attic", attic.clone()).storage("depot", depot.clone());
        app.model::<Crate>().build().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("db.sqlite").display());
        let db = db::connect(&url).await.unwrap();
        migrate::<Crate>(&db).await.unwrap();
        for id in 1..=CRATES {
            let content = FileField::new("a.txt", text(id));
            Crate { content, ..Crate::default() }.save(&db).await.unwrap();
        }
        Yard { db, storages: [attic, depot], broken, _folder: folder, _server: server }
    }

    /// One move, as far as it gets. Whether all is done.
    async fn moved(&self, from: &str, to: &str) -> bool {
        let this = storage_move::<Crate>(&self.db, &Crate::columns().content, from, to);
        match this.grace(std::time::Duration::ZERO).run().await {
            Ok(report) => report.is_complete(),
            Err(_) => false,
        }
    }

    async fn sweep(&self) {
        for _ in 0..4 {
            self.db.execute_unprepared("UPDATE filefield_journal SET due_at = 0").await.unwrap();
            Sweeper::new(&self.db).tombstone_seconds(0).run().await.unwrap();
        }
    }

    async fn all_well(&self, tried: &str) {
        let crates = Crate::objects(&self.db).all().await.unwrap();
        assert_eq!(crates.len() as i64, CRATES);
        for one in crates {
            let read = one.content().read().await;
            assert_eq!(read.expect(tried), text(one.id), "{tried}");
        }
        for storage in &self.storages {
            let check = Invariants::new(&self.db, storage).model::<Crate>().swept();
            let report = check.check().await.unwrap();
            assert!(report.violations.is_empty(), "{tried}: {report}");
        }
    }
}

#[test]
fn every_request_of_a_move_breaks() {
    isolated("moving_broken::every_request_of_a_move_breaks", NONE, || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (yard, mut broken) = (Yard::new().await, 0);
            let hows = [
                Break::NotSent,
                Break::AnswerLost,
                Break::Answered(500),
                Break::Answered(503),
                Break::Answered(403),
            ];
            for (how, onward) in hows.into_iter().flat_map(|how| [(how, false), (how, true)]) {
                for at in 1.. {
                    let mut reached = false;
                    for (from, to) in [("attic", "depot"), ("depot", "attic")] {
                        let tried = format!("{from} to {to}, request {at}: {how:?}, onward: {onward}");
                        yard.broken.arm(at, how, onward);
                        yard.moved(from, to).await;
                        yard.sweep().await;
                        let was_reached = yard.broken.disarm() >= at;
                        reached |= was_reached;
                        broken += usize::from(was_reached);
                        assert!(yard.moved(from, to).await, "{tried}: not gone on with");
                        yard.sweep().await;
                        yard.all_well(&tried).await;
                    }
                    if !reached {
                        break;
                    }
                }
            }
            println!("{broken} breaks of a move");
            assert!(broken > 150, "{broken} breaks");
        });
    });
}

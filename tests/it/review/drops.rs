//! Dropped futures, and many operations at once.

use super::*;
use filefield::db::{self};
use filefield::{ErrorKind, FileName, Sweeper};
use filefield_tests::polled::polled;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

/// Sweeps as if all leases and tombstones were over.
async fn sweep_all(garage: &Garage) {
    for _ in 0..100 {
        garage.execute("UPDATE filefield_journal SET due_at = 0").await;
        Sweeper::new(&garage.db).run().await.unwrap();
        if garage.journal().await == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("R4: the journal does not become empty");
}

/// R1 and R2: the files are those that rows name, and each holds what its row says.
async fn agree(garage: &Garage) {
    let rows = Lot::objects(&garage.db).all().await.unwrap();
    let mut named = BTreeSet::new();
    for row in rows {
        for (name, size) in [(row.photo.name(), row.meta.size), (row.deed.name(), None)] {
            let Some(name) = name else { continue };
            let bytes = std::fs::read(garage.media().join(name))
                .unwrap_or_else(|error| panic!("R1: row {} names {name}: {error}", row.id));
            assert!(size.is_none_or(|size| size == bytes.len() as u64), "R1: {name}");
            named.insert(name.to_owned());
        }
    }
    assert_eq!(garage.files().into_iter().collect::<BTreeSet<_>>(), named, "R2");
}

#[tokio::test]
async fn a_save_dropped_at_any_poll_leaves_rows_and_files_in_agreement() {
    Garage::run::<Lot, _>(|garage| async move {
        let mut done = 0;
        for times in 0..60 {
            let mut kept = lot("kept");
            kept.save(&garage.db).await.unwrap();
            kept.photo = ImageField::new("lot.jpg", "replaced");
            kept.deed = FileField::new("deed.pdf", "deed");
            done += usize::from(polled(kept.save(&garage.db), times).await.is_some());
            // R10: no connection of the pool is inside a transaction.
            garage.db.begin().await.unwrap().rollback().await.unwrap();
            let row = Lot::objects(&garage.db).get(Lot::columns().id.eq(kept.id)).await.unwrap();
            assert!(["kept", "replaced"].contains(&read(&row).await.as_str()), "P1");
            polled(row.delete(&garage.db), times).await;
        }
        assert!((1..60).contains(&done), "{done}");
        // A task in the background may still be running.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        sweep_all(&garage).await;
        agree(&garage).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn savers_replacers_deleters_and_sweepers_of_one_name() {
    static SEED: AtomicU64 = AtomicU64::new(1);
    fn random(below: u64) -> u64 {
        let mut x = SEED.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (x ^ (x >> 31)) % below
    }
    let steps: u64 = std::env::var("FILEFIELD_STRESS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    Garage::run::<Lot, _>(|garage| async move {
        // A pool for SQLite is one connection, so there are three.
        let url = format!("sqlite://{}", garage.media().with_file_name("garage.db").display());
        let pools = [garage.db.clone(), db::connect(&url).await.unwrap(), db::connect(&url).await.unwrap()];
        let workers: Vec<_> = (0..6)
            .map(|worker| {
                let garage = garage.clone();
                let db = pools[worker % 3].clone();
                filefield::registry::spawn(async move {
                    // Also whether another row names the file. Then it must not be moved or deleted by hand.
                    let mut rows: Vec<(Lot, bool)> = Vec::new();
                    for step in 0..steps {
                        let content = "x".repeat(1 + usize::try_from(random(2000)).unwrap());
                        let at = usize::try_from(random(rows.len() as u64 + 1)).unwrap();
                        let Some((row, shared)) = rows.get_mut(at) else {
                            let mut row =
                                Lot { photo: ImageField::new("lot.jpg", content), ..Lot::default() };
                            row.save(&db).await.unwrap();
                            rows.push((row, false));
                            continue;
                        };
                        match random(9) {
                            0 | 1 => {
                                row.photo = ImageField::new("lot.jpg", content);
                                *shared = false;
                            }
                            2 => row.photo_mut().clear(),
                            3 if !*shared => row.photo_mut().delete().await.unwrap(),
                            4 if !*shared && !row.photo.is_empty() && !row.photo.is_pending() => {
                                let name = format!("lots/moved/{worker}-{step}.jpg");
                                row.photo_mut().rename(&name).await.unwrap();
                            }
                            5 => {
                                let (row, _) = rows.swap_remove(at);
                                row.delete(&db).await.unwrap();
                                continue;
                            }
                            6 => {
                                let pending =
                                    Lot { photo: ImageField::new("lot.jpg", content), ..row.clone() };
                                let (name, mut pending) = (row.photo.name().map(str::to_owned), pending);
                                let polls = usize::try_from(random(12)).unwrap();
                                polled(pending.save(&db), polls).await;
                                // The transaction may still be in progress.
                                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                                row.refresh(&db).await.unwrap();
                                *shared &= row.photo.name() == name.as_deref();
                                continue;
                            }
                            7 => {
                                db::sweep(&db).await.unwrap();
                                continue;
                            }
                            _ => {
                                let mut copy = Lot { id: 0, ..row.clone() };
                                match copy.save(&db).await {
                                    // While a sweep searches for other rows, a new one must not name it.
                                    Err(error) if error.kind() == ErrorKind::StagedExpired => continue,
                                    saved => saved.unwrap(),
                                }
                                *shared = true;
                                rows.push((copy, true));
                                continue;
                            }
                        }
                        row.save(&db).await.unwrap();
                        if let Some(name) = row.photo.name() {
                            let name = FileName::new(name).unwrap();
                            assert!(garage.storage.exists(name).await.unwrap(), "P1");
                        }
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
        sweep_all(&garage).await;
        agree(&garage).await;
    })
    .await;
}

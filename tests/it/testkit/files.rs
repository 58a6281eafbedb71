//! R2, R3, R4, R8: from the files to the rows.

use super::*;
use Invariant::{R2, R3, R4, R8};
use filefield::storage::PrefixStorage;
use filefield::testing::{Fault, FaultStorage, Operation, assert_no_orphans, invariants};

on_every_database! {
    async fn r2_a_file_without_row(harbour) {
        harbour.ship(1, "ships/good.txt", "sail").await;
        assert_no_orphans(&harbour.db, &harbour.storage).await;
        for name in ["orphan.txt", "ships/staged.txt", "ships/of_another.txt"] {
            harbour.file(name, "sail").await;
        }
        harbour.journal("override", "ships/staged.txt").await;
        harbour.journal("another", "ships/of_another.txt").await;
        let report = harbour.report().await;
        assert_eq!(seen(&report), [(R2, Some("orphan.txt")), (R2, Some("ships/of_another.txt"))]);
        assert_eq!((report.listed, report.journaled), (4, 1));
        let report = harbour.check().leave_out(|name| name != "ships/staged.txt").swept().check().await.unwrap();
        assert_eq!(seen(&report)[0], (R2, Some("ships/staged.txt")), "a swept journal excuses nothing");
    }

    async fn r3_leftovers(harbour) {
        harbour.ship(1, "empty_but_named.txt", "").await;
        harbour.file("empty.txt", "").await;
        harbour.file("upload.tmp", "x").await;
        std::fs::write(harbour.media.join("a.txt#12"), "x").unwrap();
        let expected = [
            (R2, Some("a.txt#12")),
            (R2, Some("empty.txt")),
            (R2, Some("upload.tmp")),
            (R3, Some("a.txt#12")),
            (R3, Some("empty.txt")),
            (R3, Some("upload.tmp")),
        ];
        assert_eq!(seen(&harbour.report().await), expected);
        let staging = harbour.media.join(".filefield/tmp");
        std::fs::create_dir_all(&staging).unwrap();
        std::fs::write(staging.join("0123"), "x").unwrap();
        assert_eq!(seen(&harbour.report().await), expected, "a save may be under way");
        let swept = harbour.check().swept().check().await.unwrap();
        assert!(seen(&swept).contains(&(R3, None)), "{swept}");
    }

    async fn r4_the_journal_is_not_empty(harbour) {
        harbour.ship(1, "a.txt", "sail").await;
        harbour.check().swept().check().await.unwrap().assert_clean();
        harbour.journal("override", "b.txt").await;
        harbour.report().await.assert_clean();
        let report = harbour.check().swept().check().await.unwrap();
        assert_eq!(seen(&report), [(R4, Some("b.txt"))]);
        assert!(report.to_string().contains("pending `write` of the storage `override`"), "{report}");
    }

    async fn r8_files_of_others(harbour) {
        harbour.ship(1, "a.txt", "sail").await;
        for name in ["robots.txt", "changed.txt", "gone.txt"] {
            harbour.file(name, "mine").await;
        }
        std::fs::write(harbour.media.join("changed.txt"), "ours").unwrap();
        std::fs::remove_file(harbour.media.join("gone.txt")).unwrap();
        let check = harbour.check().foreign("robots.txt", "mine").foreign("changed.txt", "mine");
        let report = check.foreign("gone.txt", "mine").check().await.unwrap();
        assert_eq!(seen(&report), [(R8, Some("changed.txt")), (R8, Some("gone.txt"))]);
    }

    async fn a_storage_may_lie_in_another(harbour) {
        let tenant: SharedStorage = Arc::new(PrefixStorage::new(harbour.storage.clone(), "tenants/7").unwrap());
        let own = FileName::new("a b.txt").unwrap();
        for name in ["tenants/7/a b.txt", "tenants/7/orphan.txt", "elsewhere.txt"] {
            harbour.file(name, "sail").await;
        }
        harbour.row(1, own.as_str(), "sail").await;
        // The fields store in the folder, and the whole storage is checked.
        with_storage(tenant.clone(), async {
            let report = harbour.report().await;
            assert_eq!(seen(&report), [(R2, Some("elsewhere.txt")), (R2, Some("tenants/7/orphan.txt"))]);
            assert_eq!((report.referenced, report.hashed), (1, 1));
        })
        .await;
        // The fields store in the whole storage, and the folder is checked.
        harbour.row(2, "tenants/7/a b.txt", "sail").await;
        let report = Invariants::new(&harbour.db, &tenant).model::<Ship>().check().await.unwrap();
        assert_eq!(seen(&report), [(R2, Some("orphan.txt"))]);
        assert_eq!(report.referenced, 1);
    }
}

#[tokio::test]
async fn what_was_not_looked_at_is_said() {
    Harbour::run(Kind::Sqlite, async |harbour| {
        for id in 0..20 {
            harbour.ship(id, &format!("{id}/a.txt"), "sail").await;
        }
        let report = harbour.check().most_files(5).check().await.unwrap();
        assert!(report.is_clean() && report.listed < 10);
        assert!(report.unchecked.iter().any(|(invariant, why)| *invariant == R2 && why.contains("5 files")));
        let faults = Arc::new(FaultStorage::new(harbour.storage.clone()));
        faults.inject(Fault::fail(filefield::ErrorKind::Unsupported).on(Operation::List).always());
        let storage: SharedStorage = faults;
        let report = invariants(&harbour.db, &storage).await.unwrap();
        assert!(report.is_clean() && report.unchecked.iter().any(|(invariant, _)| *invariant == R2));
        let (db, storage) = (harbour.db.clone(), storage.clone());
        let asserted = filefield::testing::spawn(async move { assert_no_orphans(&db, &storage).await });
        assert!(asserted.await.unwrap_err().is_panic(), "what cannot be listed proves nothing");
    })
    .await;
}

#[tokio::test]
async fn a_storage_that_fails_is_no_verdict() {
    Harbour::run(Kind::Sqlite, async |harbour| {
        harbour.ship(1, "a.txt", "sail").await;
        for operation in [Operation::Metadata, Operation::Open, Operation::List] {
            let faults = Arc::new(FaultStorage::new(harbour.storage.clone()));
            faults.inject(Fault::fail(filefield::ErrorKind::Io).on(operation).always());
            let storage: SharedStorage = faults.clone();
            let check = Invariants::new(&harbour.db, &storage).model::<Ship>();
            assert!(check.check().await.is_err(), "{operation}");
            assert!(faults.fired() > 0);
        }
    })
    .await;
}

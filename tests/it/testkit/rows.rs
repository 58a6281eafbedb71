//! R1, R6, R7: from the rows to the files.

use super::*;
use Invariant::{R1, R2, R6, R7};
use filefield::ErrorKind;
use filefield::testing::invariants;

on_every_database! {
    async fn what_agrees_is_clean(harbour) {
        for (id, name) in ["a.txt", "ships/A.TXT", "ships/a.txt", "ships/é.txt"].into_iter().enumerate() {
            harbour.ship(id as i64, name, "sail").await;
        }
        harbour.execute(&format!("INSERT INTO {} (id) VALUES (77)", harbour.ships())).await;
        let report = harbour.report().await;
        report.assert_clean();
        assert_eq!((report.referenced, report.hashed, report.listed), (4, 4, 4));
        assert_eq!(report.columns, ["group.order"]);
        // Without the type of the model, only names are known.
        let report = invariants(&harbour.db, &harbour.storage).await.unwrap();
        report.assert_clean();
        assert_eq!((report.referenced, report.hashed), (4, 0));
        assert!(report.unchecked.iter().any(|(invariant, why)| *invariant == R1 && why.contains("group.order")));
    }

    async fn r1_a_file_is_missing_cut_or_changed(harbour) {
        for (id, name) in ["gone.txt", "cut.txt", "changed.txt", "dir", "good.txt"].into_iter().enumerate() {
            harbour.ship(id as i64, name, "sail").await;
        }
        harbour.row(9, "../up.txt", "sail").await;
        std::fs::remove_file(harbour.media.join("gone.txt")).unwrap();
        std::fs::write(harbour.media.join("cut.txt"), "sai").unwrap();
        std::fs::write(harbour.media.join("changed.txt"), "sale").unwrap();
        std::fs::remove_file(harbour.media.join("dir")).unwrap();
        std::fs::create_dir(harbour.media.join("dir")).unwrap();
        let report = harbour.report().await;
        let names = ["../up.txt", "changed.txt", "cut.txt", "dir", "gone.txt"];
        assert_eq!(seen(&report), names.map(|name| (R1, Some(name))));
        assert!(report.to_string().contains("3 bytes, not 4"), "{report}");
        let untyped = invariants(&harbour.db, &harbour.storage).await.unwrap();
        assert_eq!(seen(&untyped), ["../up.txt", "dir", "gone.txt"].map(|name| (R1, Some(name))));
    }

    async fn r6_an_acknowledged_save_is_not_there(harbour) {
        harbour.ship(1, "told.txt", "sail").await;
        harbour.ship(2, "other.txt", "oars").await;
        harbour.file("unnamed.txt", "sail").await;
        let check = harbour.check().acknowledged("told.txt", "sail");
        assert_eq!(seen(&check.check().await.unwrap()), [(R2, Some("unnamed.txt"))]);
        let check = check.acknowledged("lost.txt", "sail").acknowledged("other.txt", "sail");
        let report = check.acknowledged("unnamed.txt", "sail").check().await.unwrap();
        let missing = ["lost.txt", "other.txt", "unnamed.txt"].map(|name| (R6, Some(name)));
        assert_eq!(seen(&report), [&[(R2, Some("unnamed.txt"))][..], &missing].concat());
    }

    async fn many_rows_are_read_in_pages(harbour) {
        // More than two pages of names, more than three of rows.
        let values = |ids: std::ops::Range<i64>| {
            ids.map(|id| format!("({id}, 'f{id}.txt', NULL)")).collect::<Vec<_>>().join(", ")
        };
        for start in [0, 800, 1600] {
            harbour.execute(&format!("INSERT INTO {} VALUES {}", harbour.ships(), values(start..start + 800))).await;
        }
        for id in 1..2400 {
            std::fs::create_dir_all(&harbour.media).unwrap();
            std::fs::write(harbour.media.join(format!("f{id}.txt")), "x").unwrap();
        }
        for report in [harbour.report().await, invariants(&harbour.db, &harbour.storage).await.unwrap()] {
            assert_eq!(seen(&report), [(R1, Some("f0.txt"))]);
            assert_eq!((report.referenced, report.listed), (2400, 2399));
        }
    }

    async fn nothing_to_look_at_is_an_error(harbour) {
        harbour.execute(&format!("DROP TABLE {}", harbour.ships())).await;
        let error = invariants(&harbour.db, &harbour.storage).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    }
}

/// A harbour whose names are compared without case.
async fn lax(kind: Kind, test: impl AsyncFn(&Harbour)) {
    let collation = match kind {
        Kind::Sqlite => " COLLATE NOCASE",
        Kind::Postgres => " COLLATE lax",
        Kind::MariaDb => " CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    };
    Harbour::run_on(kind, collation, 5, async |harbour| test(&harbour).await).await;
}

async fn r7(kind: Kind) {
    lax(kind, async |harbour| {
        harbour.ship(1, "Ship.txt", "sail").await;
        assert_eq!(seen(&harbour.report().await), [(R7, Some("Ship.txt"))]);
        // Equality in the database is not a reference.
        harbour.file("ship.txt", "sail").await;
        assert_eq!(seen(&harbour.report().await), [(R2, Some("ship.txt")), (R7, Some("Ship.txt"))]);
        // Both are checked, although the database treats them as equal.
        harbour.row(2, "ship.txt", "sail").await;
        std::fs::remove_file(harbour.media.join("ship.txt")).unwrap();
        let report = invariants(&harbour.db, &harbour.storage).await.unwrap();
        assert_eq!(seen(&report)[0], (R1, Some("ship.txt")));
        assert_eq!(report.referenced, 2);
    })
    .await;
}

#[tokio::test]
async fn r7_names_that_differ_compare_equal_on_sqlite() {
    r7(Kind::Sqlite).await;
}

#[tokio::test]
async fn r7_names_that_differ_compare_equal_on_postgres() {
    r7(Kind::Postgres).await;
}

#[tokio::test]
async fn r7_names_that_differ_compare_equal_on_mariadb() {
    r7(Kind::MariaDb).await;
}

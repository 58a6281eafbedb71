//! R5, R9, R10: events, and the resources of the process.

use super::*;
use Invariant::{R5, R9, R10};
use filefield::testing::{Baseline, Fault, FaultStorage, Operation, RecordingStorage};

fn name(name: &str) -> FileName<'_> {
    FileName::new(name).unwrap()
}

on_every_database! {
    async fn r5_a_referenced_file_is_deleted(harbour) {
        let recording = Arc::new(RecordingStorage::new(harbour.storage.clone()).forbid_deleting_referenced(&harbour.db));
        harbour.ship(1, "kept.txt", "sail").await;
        harbour.ship(2, "moved.txt", "sail").await;
        harbour.file("orphan.txt", "sail").await;
        recording.delete(name("orphan.txt")).await.unwrap();
        assert!(recording.violations().is_empty(), "{:?}", recording.violations());
        recording.delete(name("kept.txt")).await.unwrap();
        recording.rename(name("moved.txt"), name("elsewhere.txt")).await.unwrap();
        assert_eq!(recording.judged(), 3);
        let report = harbour.check().recording(&recording).check().await.unwrap();
        assert_eq!(seen(&report).iter().filter(|(invariant, _)| *invariant == R5).count(), 2, "{report}");
        assert!(report.to_string().contains("\"kept.txt\": delete while group.order references it"), "{report}");
    }

    async fn r5_a_row_comes_while_its_file_goes(harbour) {
        let faults = Arc::new(FaultStorage::new(harbour.storage.clone()));
        let recording = Arc::new(RecordingStorage::new(faults.clone()).forbid_deleting_referenced(&harbour.db));
        harbour.file("late.txt", "sail").await;
        let stall = faults.inject(Fault::stall().on(Operation::Delete));
        let deleting = filefield::testing::spawn({
            let recording = recording.clone();
            async move { recording.delete(name("late.txt")).await }
        });
        stall.reached(1).await;
        assert!(recording.violations().is_empty());
        harbour.row(1, "late.txt", "sail").await;
        stall.release();
        deleting.await.unwrap().unwrap();
        assert_eq!(recording.violations().len(), 1);
    }

    async fn r5_what_cannot_be_judged_is_a_violation(harbour) {
        harbour.execute(&format!("DROP TABLE {}", harbour.ships())).await;
        let recording = RecordingStorage::new(harbour.storage.clone()).forbid_deleting_referenced(&harbour.db);
        recording.delete(name("a.txt")).await.unwrap();
        assert_eq!(recording.violations().len(), 1);
    }

    async fn r9_a_connection_is_held(harbour) {
        harbour.ship(1, "a.txt", "sail").await;
        let before = Baseline::take(&harbour.db).await.unwrap();
        let tx = harbour.db.begin().await.unwrap();
        let report = harbour.check().since(&before).check().await.unwrap();
        assert!(report.violations.iter().any(|v| v.invariant == R9 && v.seen.contains("connections")), "{report}");
        tx.rollback().await.unwrap();
        let report = harbour.check().since(&before).check().await.unwrap();
        assert!(!report.violations.iter().any(|v| v.seen.contains("connections")), "{report}");
    }
}

/// With a single connection, so that it is the same one.
async fn inside_a_transaction(kind: Kind) {
    Harbour::run_on(kind, exact(kind), 1, async |harbour| {
        harbour.ship(1, "a.txt", "sail").await;
        harbour.report().await.assert_clean();
        // Bypasses the driver, which therefore does not know.
        harbour.execute("BEGIN").await;
        let report = harbour.report().await;
        assert_eq!(seen(&report), [(R10, None)], "{report}");
        harbour.execute("ROLLBACK").await;
        harbour.report().await.assert_clean();
        drop(harbour.db.begin().await.unwrap());
        harbour.report().await.assert_clean();
    })
    .await;
}

#[tokio::test]
async fn r10_a_connection_is_inside_a_transaction_on_sqlite() {
    inside_a_transaction(Kind::Sqlite).await;
}

#[tokio::test]
async fn r10_a_connection_is_inside_a_transaction_on_postgres() {
    inside_a_transaction(Kind::Postgres).await;
}

#[tokio::test]
async fn r10_a_connection_is_inside_a_transaction_on_mariadb() {
    inside_a_transaction(Kind::MariaDb).await;
}

/// Descriptors and tasks are process-wide, so this runs in a separate process.
#[test]
fn r9_descriptors_and_tasks_stay() {
    const MARK: &str = "TEST_KIT_ALONE";
    if std::env::var_os(MARK).is_none() {
        let test = "testkit::resources::r9_descriptors_and_tasks_stay";
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        let output = alone.args([test, "--exact", "--nocapture"]).env(MARK, "1").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for kind in Kind::ALL {
        runtime.block_on(Harbour::run(kind, held));
    }
}

async fn held(harbour: Arc<Harbour>) {
    harbour.ship(1, "a.txt", "sail").await;
    let before = Baseline::take(&harbour.db).await.unwrap();
    let grown = async || {
        let report = harbour.check().since(&before).check().await.unwrap();
        let grown: Vec<String> = report.violations.iter().map(ToString::to_string).collect();
        grown.join("\n")
    };
    // Additional connections are not a leak, and neither is work that ends by itself.
    let open = [harbour.db.begin().await.unwrap(), harbour.db.begin().await.unwrap()];
    drop(open);
    tokio::spawn(tokio::time::sleep(std::time::Duration::from_millis(200)));
    assert_eq!(grown().await, "");

    let file = std::fs::File::open(harbour.media.join("a.txt")).unwrap();
    let task = tokio::spawn(std::future::pending::<()>());
    let seen = grown().await;
    assert!(
        seen.contains("R9: ") && seen.contains("new: a.txt") && seen.contains("tasks are alive"),
        "{seen}"
    );
    assert!(!seen.contains(&*harbour.media.to_string_lossy()), "no path of the machine: {seen}");
    drop(file);
    task.abort();
    assert_eq!(grown().await, "");
}

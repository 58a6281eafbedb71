//! How long a file outlives the row that released it.

use super::*;
use filefield::registry::App;
use filefield::settings::{Settings, settings};
use filefield_tests::databases::{Database, Kind};
use filefield_tests::isolated::isolated;
use std::time::Duration;

const WEEK: i64 = 7 * 24 * 60 * 60;

fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
fn a_file_outlives_its_row_by_a_week() {
    const NAME: &str = "owners::grace::a_file_outlives_its_row_by_a_week";
    isolated(NAME, &[("FILEFIELD_DELETE_AFTER", "")], || {
        block_on(async {
            assert_eq!(settings().delete_after(), Duration::from_secs(WEEK.unsigned_abs()));
            for kind in Kind::ALL {
                match Database::fresh(kind) {
                    Ok(database) => outlives(database.url()).await,
                    Err(missing) => missing.report(),
                }
            }
        });
    });
}

async fn outlives(url: &str) {
    let (_folder, root) = folder();
    let db = db::connect(url).await.unwrap();
    db::migrate::<Note>(&db).await.unwrap();
    with_storage(local(&root), async {
        for triggers in [false, true] {
            if triggers {
                for statement in db::trigger_sql::<Note>(db.dialect()).unwrap() {
                    execute(&db, &statement).await;
                }
            }
            let mut mine = note("a.txt", "one");
            mine.save(&db).await.unwrap();
            mine.scan_mut().assign(FileField::new("a.txt", "two"));
            mine.save(&db).await.unwrap();
            if triggers {
                execute(&db, "DELETE FROM owned_notes").await;
            } else {
                mine.delete(&db).await.unwrap();
            }
            db::sweep(&db).await.unwrap();
            assert_eq!(files(&root).len(), 2, "{:?}", files(&root));
            let now = match db.dialect() {
                db::Dialect::Sqlite => "unixepoch()",
                db::Dialect::Postgres => "CAST(extract(epoch FROM now()) AS bigint)",
                _ => "UNIX_TIMESTAMP()",
            };
            let left = number(&db, &format!("SELECT MIN(due_at) - {now} FROM filefield_journal")).await;
            assert!((WEEK - 600..=WEEK).contains(&left), "{left}");
            // No other file gets its name, even if somebody removes it.
            std::fs::remove_file(root.join("notes/a.txt")).unwrap();
            let mut other = note("a.txt", "three");
            other.save(&db).await.unwrap();
            assert_ne!(other.scan().name(), "notes/a.txt");
            other.delete(&db).await.unwrap();
            sweep_all(&db).await;
            assert!(files(&root).is_empty());
        }
    })
    .await;
    db.close().await;
}

#[test]
fn what_no_row_ever_had_goes_at_once() {
    const NAME: &str = "owners::grace::what_no_row_ever_had_goes_at_once";
    isolated(NAME, &[("FILEFIELD_DELETE_AFTER", "30 days")], || {
        block_on(async {
            let (folder, root) = folder();
            let db = database(folder.path(), "a.db").await;
            with_storage(local(&root), async {
                note("a.txt", "one").save(&db).await.unwrap();
                let full =
                    "CREATE TRIGGER full BEFORE INSERT ON owned_notes BEGIN SELECT RAISE(ABORT, 'full'); END";
                execute(&db, full).await;
                note("b.txt", "two").save(&db).await.unwrap_err();
                db::sweep(&db).await.unwrap();
                assert_eq!(files(&root), ["notes/a.txt"]);
            })
            .await;
        });
    });
}

#[test]
fn the_time_is_set_in_code_in_the_environment_or_in_toml() {
    const NAME: &str = "owners::grace::the_time_is_set_in_code_in_the_environment_or_in_toml";
    isolated(NAME, &[("FILEFIELD_DELETE_AFTER", "36 hours")], || {
        assert_eq!(settings().delete_after(), Duration::from_secs(36 * 60 * 60));
        // Settings in code that do not set it.
        assert_eq!(Settings::default().delete_after(), Duration::from_secs(36 * 60 * 60));
        let settings = Settings::builder().delete_after(Duration::from_secs(5)).build().unwrap();
        assert_eq!(settings.delete_after(), Duration::from_secs(5));
        App::builder().settings(settings).build().unwrap();
        assert_eq!(filefield::settings::settings().delete_after(), Duration::from_secs(5));
        for (text, seconds) in [
            ("'7 days'", 604_800),
            ("'0 s'", 0),
            ("0", 0),
            ("'3600'", 3600),
            ("'P2D'", 172_800),
            ("'2 weeks'", 1_209_600),
        ] {
            let settings = Settings::from_toml(&format!("DELETE_AFTER = {text}")).unwrap();
            assert_eq!(settings.delete_after(), Duration::from_secs(seconds), "{text}");
        }
        for text in
            ["'soon'", "'-1 day'", "-1", "'2 months'", "'1.5 s'", "'1 ms'", "'200 years'", "true", "''"]
        {
            let error = Settings::from_toml(&format!("DELETE_AFTER = {text}")).unwrap_err();
            assert!(error.to_string().contains("DELETE_AFTER"), "{text}: {error}");
        }
    });
}

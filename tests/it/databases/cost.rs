//! The cost of the journal in statements and commits.

use super::{on_every_database, triggers};
use crate::support::Garage;
use filefield::db::{self, DatabaseConnection, Table};
use filefield::prelude::*;
use filefield_tests::databases::Kind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

#[derive(Debug, Clone, Default, Model)]
#[model(table = "skiffs")]
struct Skiff {
    #[model(primary_key)]
    id: i64,
    #[file(upload_to = "skiffs")]
    photo: FileField,
}

fn skiff(text: &str) -> Skiff {
    Skiff { photo: FileField::new("skiff.txt", text.to_owned()), ..Skiff::default() }
}

/// The connection, and the statements that run on it from now on.
fn watched(db: &DatabaseConnection) -> (DatabaseConnection, Arc<Mutex<Vec<String>>>) {
    let (mut db, statements) = (db.clone(), Arc::new(Mutex::new(Vec::new())));
    let seen = statements.clone();
    db.set_metric_callback(move |info| seen.lock().unwrap().push(info.statement.sql.clone()));
    (db, statements)
}

on_every_database! {
    /// Besides the row's own `INSERT`: the name is reserved, the entry is held, and consumed with the row.
    async fn a_create_costs_three_statements(database: Database) {
        if triggers::are_wanted() {
            return;
        }
        crate::databases::garage::<Skiff, _>(database, async |garage: Arc<Garage>| {
            skiff("warm").save(&garage.db).await.unwrap();
            let (db, statements) = watched(&garage.db);
            skiff("one").save(&db).await.unwrap();
            let statements = statements.lock().unwrap().clone();
            let (journal, rows): (Vec<_>, Vec<_>) =
                statements.iter().partition(|sql| sql.contains("filefield_"));
            // On SQLite the row goes together with its entry, past sea-orm.
            let expected = if garage.kind() == Kind::Sqlite { (1, 0) } else { (3, 1) };
            assert_eq!((journal.len(), rows.len()), expected, "{statements:#?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_create_costs_a_commit_and_so_do_many_staged_at_once() {
    crate::databases::fresh(Kind::Sqlite, async |database| {
        crate::databases::garage::<Skiff, _>(database, async |garage: Arc<Garage>| {
            skiff("warm").save(&garage.db).await.unwrap();
            let pool = garage.db.get_sqlite_connection_pool();
            assert_eq!(pool.options().get_max_connections(), 1);
            let commits = Arc::new(AtomicUsize::new(0));
            let mut connection = pool.acquire().await.unwrap();
            connection.lock_handle().await.unwrap().set_commit_hook({
                let commits = commits.clone();
                move || {
                    commits.fetch_add(1, Ordering::Relaxed);
                    true
                }
            });
            drop(connection);
            skiff("one").save(&garage.db).await.unwrap();
            assert_eq!(commits.swap(0, Ordering::Relaxed), 2, "the journal's and the row's");
            let (mut two, mut three, mut four) = (skiff("two"), skiff("three"), skiff("four"));
            db::stage_all(&garage.db, &mut [&mut two, &mut three, &mut four]).await.unwrap();
            assert_eq!(commits.swap(0, Ordering::Relaxed), 1, "one for all");
        })
        .await;
    })
    .await;
}

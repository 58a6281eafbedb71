//! The cost of the journal in statements and commits.

use super::{on_every_database, triggers};
use crate::support::Garage;
use async_trait::async_trait;
use filefield::__private::{Driver, Session};
use filefield::Result;
use filefield::db::{self, Db, DbRow, Dialect, Done, Queries, Table, Value};
use filefield::prelude::*;
use filefield_tests::databases::Kind;
use std::any::Any;
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

type Statements = Arc<Mutex<Vec<String>>>;

/// The database, and the statements that run on it from now on.
fn watched(db: &Db) -> (Db, Statements) {
    let statements = Statements::default();
    let watched = Watched { db: db.clone(), statements: statements.clone(), shared: Arc::default() };
    (Db::from(watched), statements)
}

struct Watched {
    db: Db,
    statements: Statements,
    shared: Arc<()>,
}

/// `None` after the end.
struct WatchedTransaction {
    transaction: Option<db::Transaction<'static>>,
    statements: Statements,
}

impl WatchedTransaction {
    fn on(&self, sql: &str) -> &db::Transaction<'static> {
        self.statements.lock().unwrap().push(sql.to_owned());
        self.transaction.as_ref().unwrap()
    }
}

#[async_trait]
impl Queries for Watched {
    fn dialect(&self) -> Dialect {
        self.db.dialect()
    }
    async fn run(&self, sql: &str) -> Result<u64> {
        self.statements.lock().unwrap().push(sql.to_owned());
        self.db.run(sql).await
    }
    async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<Done> {
        self.statements.lock().unwrap().push(sql.to_owned());
        self.db.execute(sql, values).await
    }
    async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<DbRow>> {
        self.statements.lock().unwrap().push(sql.to_owned());
        self.db.query(sql, values).await
    }
}

#[async_trait]
impl Driver for Watched {
    async fn begin(&self, writes: bool) -> Result<Box<dyn Session>> {
        let transaction = if writes { self.db.begin_write().await? } else { self.db.begin().await? };
        let statements = self.statements.clone();
        Ok(Box::new(WatchedTransaction { transaction: Some(transaction), statements }))
    }
    async fn close(&self) {
        self.db.close().await;
    }
    fn shared(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(self.shared.clone())
    }
}

#[async_trait]
impl Session for WatchedTransaction {
    async fn run(&mut self, sql: &str) -> Result<u64> {
        self.on(sql).run(sql).await
    }
    async fn execute(&mut self, sql: &str, values: Vec<Value>) -> Result<Done> {
        self.on(sql).execute(sql, values).await
    }
    async fn query(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<DbRow>> {
        self.on(sql).query(sql, values).await
    }
    async fn savepoint(&mut self) -> Result<()> {
        panic!("filefield begins no savepoint in its own transactions")
    }
    async fn commit(&mut self) -> Result<()> {
        self.transaction.take().unwrap().commit().await
    }
    async fn rollback(&mut self) -> Result<()> {
        self.transaction.take().unwrap().rollback().await
    }
    fn start_rollback(&mut self) {
        self.transaction = None;
    }
}

on_every_database! {
    /// Besides the row's own `INSERT`: the name is reserved, the entry is held, and consumed with the row.
    async fn a_create_costs_three_statements(database: Database) {
        if triggers::are_wanted() {
            return;
        }
        crate::databases::garage::<Skiff, _>(database, async |garage: Arc<Garage>| {
            let (db, statements) = watched(&garage.db);
            skiff("warm").save(&db).await.unwrap();
            statements.lock().unwrap().clear();
            skiff("one").save(&db).await.unwrap();
            let statements = statements.lock().unwrap().clone();
            let (journal, rows): (Vec<_>, Vec<_>) =
                statements.iter().partition(|sql| sql.contains("filefield_"));
            assert_eq!((journal.len(), rows.len()), (3, 1), "{statements:#?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_create_costs_a_commit_and_so_do_many_staged_at_once() {
    crate::databases::fresh(Kind::Sqlite, async |database| {
        crate::databases::garage::<Skiff, _>(database, async |garage: Arc<Garage>| {
            skiff("warm").save(&garage.db).await.unwrap();
            let pool = garage.db.sqlite().unwrap();
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

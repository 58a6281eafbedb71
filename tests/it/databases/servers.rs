//! The servers themselves: they start, lose nothing when killed, and end.

use super::on_every_database;
use filefield::db::{self, Db, Queries};
use filefield_tests::databases::{Database, Kind, Server};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

async fn number(db: &Db, sql: &str) -> i64 {
    db.query(sql, Vec::new()).await.unwrap().remove(0).only().unwrap()
}

on_every_database! {
    async fn databases_are_fresh(database: Database) {
        let other = Database::fresh(database.kind()).unwrap();
        for database in [&database, &other] {
            let db = db::connect(database.url()).await.unwrap();
            db.run("CREATE TABLE cars (id INTEGER)").await.unwrap();
            assert_eq!(number(&db, "SELECT COUNT(*) FROM cars").await, 0);
            if database.kind() != Kind::Sqlite {
                assert!(database.end_connections().await.unwrap() > 0);
                // The pool notices and connects again.
                assert_eq!(number(&db, "SELECT COUNT(*) FROM cars").await, 0);
            }
            // Left open, because dropping the database must not wait for it.
            std::mem::forget(db);
        }
    }
}

fn kill_and_restart(kind: Kind) {
    let server = match Server::start(kind) {
        Ok(server) => Arc::new(server),
        Err(missing) => return missing.report(),
    };
    let database = Database::on(server.clone());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let db = db::connect(database.url()).await.unwrap();
        db.run("CREATE TABLE cars (id INTEGER)").await.unwrap();
        db.run("INSERT INTO cars VALUES (57)").await.unwrap();
        db.close().await;
    });
    server.kill();
    server.start_again();
    let count = || {
        runtime.block_on(async {
            let db = db::connect(database.url()).await.unwrap();
            let count = number(&db, "SELECT COUNT(*) FROM cars").await;
            db.close().await;
            count
        })
    };
    assert_eq!(count(), 1);
    server.restart();
    assert_eq!(count(), 1);
}

#[test]
fn postgres_forgets_nothing_when_killed() {
    kill_and_restart(Kind::Postgres);
}

#[test]
fn mariadb_forgets_nothing_when_killed() {
    kill_and_restart(Kind::MariaDb);
}

#[test]
fn a_killed_process_leaves_no_server_behind() {
    const MARK: &str = "IT_OWNER_OF_A_SERVER";
    if std::env::var_os(MARK).is_some() {
        let database = match Database::fresh(Kind::Postgres) {
            Ok(database) => database,
            Err(missing) => return missing.report(),
        };
        println!("url={}", database.url());
        std::thread::sleep(Duration::from_secs(60));
        panic!("nobody has killed this process");
    }
    let mut owner = Command::new(std::env::current_exe().unwrap());
    owner.args(["--exact", "databases::servers::a_killed_process_leaves_no_server_behind", "--nocapture"]);
    owner.env(MARK, "1").env_remove(Kind::Postgres.variable().unwrap()).stdout(Stdio::piped());
    let mut owner = owner.spawn().unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let host = lines.map_while(Result::ok).find_map(|line| Some(line.split_once("?host=")?.1.to_owned()));
    owner.kill().unwrap();
    owner.wait().unwrap();
    // `None` if there is no PostgreSQL, which the child has reported.
    let Some(host) = host else { return };
    let bytes = host.split('%').skip(1).map(|byte| u8::from_str_radix(byte, 16).unwrap());
    let folder = String::from_utf8(bytes.collect()).unwrap();
    let began = Instant::now();
    while Path::new(&folder).exists() {
        assert!(began.elapsed() < Duration::from_secs(30), "the server's files are still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

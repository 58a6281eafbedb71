//! `db`: a row and its 4 KiB file, on SQLite with write-ahead logging.

use super::data::{self, SMALL, names_in, payload};
use super::field::{self, models_storage};
use super::measure::{Clock, Report};
use super::options::{Options, runtime};
use super::{Result, save};
use filefield::db::Table;
use filefield::db::sea_orm::{self, sqlx};
use filefield::storage::Durability;
use filefield::{Bytes, FileField, Model};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use std::path::Path;

#[derive(Clone, Model)]
#[model(table = "doc")]
struct Doc {
    #[model(primary_key)]
    id: i64,
    title: String,
    #[file(upload_to = "docs", storage = models_storage)]
    file: FileField,
}

pub(crate) fn db(options: &Options) -> Result<Report> {
    let dir = options.dir()?;
    let synchronous = match options.text("op", "FULL") {
        "FULL" => SqliteSynchronous::Full,
        "NORMAL" => SqliteSynchronous::Normal,
        other => return Err(format!("--op is FULL or NORMAL, not {other}").into()),
    };
    let n = options.number("n", 400)?;
    runtime()?.block_on(async {
        match options.is_baseline() {
            true => plain(options, &dir, n, synchronous).await,
            false => ours(options, &dir, n, synchronous).await,
        }
    })
}

async fn ours(options: &Options, dir: &Path, n: usize, synchronous: SqliteSynchronous) -> Result<Report> {
    let media = dir.join("media");
    let durability = match options.text("durability", "full") {
        "full" => Durability::Full,
        "file" => Durability::File,
        "none" => Durability::None,
        other => return Err(format!("no durability `{other}`").into()),
    };
    field::place(media.clone(), durability)?;
    let url = format!("sqlite://{}?mode=rwc", dir.join("t.db").display());
    let db = match synchronous {
        SqliteSynchronous::Full => filefield::db::connect(&url).await?,
        _ => relaxed(url).await?,
    };
    filefield::db::migrate::<Doc>(&db).await?;
    let bytes = Bytes::from(payload(SMALL));
    let clock = Clock::start();
    for i in 0..n {
        let file = FileField::new(data::name(i), bytes.clone());
        Doc { id: 0, title: format!("t{i}"), file }.save(&db).await?;
    }
    let time = clock.stop();
    let rows = Doc::objects(&db).count().await?;
    check(n, rows, &media.join("docs"))?;
    Ok(Report::new(n, time))
}

/// A connection whose commits may be lost with the power, which filefield's own never are.
async fn relaxed(url: String) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options.sqlx_logging(false).map_sqlx_sqlite_opts(|options| {
        options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Normal)
    });
    Ok(Database::connect(options).await?)
}

/// By hand: a row through sqlx, and a file that nobody syncs, or with `--durability full` one that is durable.
async fn plain(options: &Options, dir: &Path, n: usize, synchronous: SqliteSynchronous) -> Result<Report> {
    let docs = dir.join("media/docs");
    std::fs::create_dir_all(&docs)?;
    let durable = options.text("durability", "none") == "full";
    let directory = save::open_directory(&docs)?;
    let options = SqliteConnectOptions::new()
        .filename(dir.join("t.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    sqlx::query(
        "CREATE TABLE doc (id INTEGER PRIMARY KEY AUTOINCREMENT, title VARCHAR(100) NOT NULL, file VARCHAR(255) NOT NULL)",
    )
    .execute(&pool)
    .await?;
    let bytes = payload(SMALL);
    let clock = Clock::start();
    for i in 0..n {
        match durable {
            true => save::durable(&directory, &data::name(i), &bytes)?,
            false => save::exclusive(&docs.join(data::name(i)), &bytes)?,
        }
        sqlx::query("INSERT INTO doc (title, file) VALUES (?, ?)")
            .bind(format!("t{i}"))
            .bind(format!("docs/{}", data::name(i)))
            .execute(&pool)
            .await?;
    }
    let time = clock.stop();
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM doc").fetch_one(&pool).await?;
    check(n, u64::try_from(rows)?, &docs)?;
    Ok(Report::new(n, time))
}

fn check(n: usize, rows: u64, docs: &Path) -> Result {
    let files = names_in(docs)?.len();
    if (rows, files) != (n as u64, n) {
        return Err(format!("{rows} rows and {files} files, not {n}").into());
    }
    Ok(())
}

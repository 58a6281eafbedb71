//! `db`: a row and its 4 KiB file, on SQLite with write-ahead logging or on PostgreSQL.

use super::data::{self, SMALL, names_in, payload};
use super::field::{self, models_storage};
use super::measure::{Clock, Report};
use super::options::{Options, runtime};
use super::{Result, save};
use filefield::db::{Db, Table};
use filefield::storage::Durability;
use filefield::{Bytes, FileField, Model};
use filefield_tests::databases::Kind;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
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
    // Before the runtime, because this waits for the server.
    let server = match options.text("db", "sqlite").parse()? {
        Kind::Sqlite => None,
        kind => Some(filefield_tests::databases::Database::fresh(kind)?),
    };
    let n = options.number("n", 400)?;
    runtime()?.block_on(async {
        match (options.is_baseline(), &server) {
            (true, None) => plain(options, &dir, n, synchronous).await,
            (true, Some(server)) => plain_postgres(options, &dir, n, server.url()).await,
            (false, _) => {
                ours(options, &dir, n, synchronous, server.as_ref().map(|server| server.url())).await
            }
        }
    })
}

async fn ours(
    options: &Options,
    dir: &Path,
    n: usize,
    synchronous: SqliteSynchronous,
    server: Option<&str>,
) -> Result<Report> {
    let media = dir.join("media");
    let durability = match options.text("durability", "full") {
        "full" => Durability::Full,
        "file" => Durability::File,
        "none" => Durability::None,
        other => return Err(format!("no durability `{other}`").into()),
    };
    field::place(media.clone(), durability)?;
    let url = format!("sqlite://{}?mode=rwc", dir.join("t.db").display());
    let db = match (server, synchronous) {
        (Some(url), _) => filefield::db::connect(url).await?,
        (None, SqliteSynchronous::Full) => filefield::db::connect(&url).await?,
        _ => relaxed(url).await?,
    };
    filefield::db::migrate::<Doc>(&db).await?;
    let bytes = Bytes::from(payload(SMALL));
    let unjournaled = options.is_set("unjournaled");
    let clock = Clock::start();
    for i in 0..n {
        let mut doc = Doc { id: 0, title: format!("t{i}"), file: FileField::empty() };
        if unjournaled {
            doc.file_mut().save(&data::name(i), bytes.clone()).await?;
        } else {
            doc.file_mut().assign(FileField::new(data::name(i), bytes.clone()));
        }
        doc.save(&db).await?;
    }
    let time = clock.stop();
    let rows = Doc::objects(&db).count().await?;
    check(n, rows, &media.join("docs"))?;
    db.close().await;
    Ok(Report::new(n, time, (n * SMALL) as u64))
}

/// A connection whose commits may be lost if the power fails. filefield's own connections never lose commits.
async fn relaxed(url: String) -> Result<Db> {
    let options: SqliteConnectOptions = url.parse()?;
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Normal);
    Ok(SqlitePoolOptions::new().connect_with(options).await?.into())
}

/// By hand: a file without a sync, or a durable one with `--durability full`, and a row by `insert` with its
/// title and the file's name.
async fn by_hand(
    options: &Options,
    dir: &Path,
    n: usize,
    insert: impl AsyncFn(String, String) -> Result,
) -> Result<Report> {
    let docs = dir.join("media/docs");
    std::fs::create_dir_all(&docs)?;
    let durable = options.text("durability", "none") == "full";
    let directory = save::open_directory(&docs)?;
    let bytes = payload(SMALL);
    let clock = Clock::start();
    for i in 0..n {
        match durable {
            true => save::durable(&directory, &data::name(i), &bytes)?,
            false => save::exclusive(&docs.join(data::name(i)), &bytes)?,
        }
        insert(format!("t{i}"), format!("docs/{}", data::name(i))).await?;
    }
    Ok(Report::new(n, clock.stop(), (n * SMALL) as u64))
}

const COUNT: &str = "SELECT count(*) FROM doc";

async fn plain(options: &Options, dir: &Path, n: usize, synchronous: SqliteSynchronous) -> Result<Report> {
    std::fs::create_dir_all(dir)?;
    let connect = SqliteConnectOptions::new()
        .filename(dir.join("t.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(connect).await?;
    let table = "CREATE TABLE doc (id INTEGER PRIMARY KEY AUTOINCREMENT, title VARCHAR(100) NOT NULL, \
                 file VARCHAR(255) NOT NULL)";
    sqlx::query(table).execute(&pool).await?;
    let insert = async |title: String, file: String| {
        let insert = sqlx::query("INSERT INTO doc (title, file) VALUES (?, ?)");
        insert.bind(title).bind(file).execute(&pool).await?;
        Ok(())
    };
    let report = by_hand(options, dir, n, insert).await?;
    let rows: i64 = sqlx::query_scalar(COUNT).fetch_one(&pool).await?;
    check(n, u64::try_from(rows)?, &dir.join("media/docs"))?;
    Ok(report)
}

async fn plain_postgres(options: &Options, dir: &Path, n: usize, url: &str) -> Result<Report> {
    let pool = PgPoolOptions::new().connect(url).await?;
    let table =
        "CREATE TABLE doc (id BIGSERIAL PRIMARY KEY, title VARCHAR NOT NULL, file VARCHAR(255) NOT NULL)";
    sqlx::query(table).execute(&pool).await?;
    let insert = async |title: String, file: String| {
        let insert = sqlx::query("INSERT INTO doc (title, file) VALUES ($1, $2)");
        insert.bind(title).bind(file).execute(&pool).await?;
        Ok(())
    };
    let report = by_hand(options, dir, n, insert).await?;
    let rows: i64 = sqlx::query_scalar(COUNT).fetch_one(&pool).await?;
    check(n, u64::try_from(rows)?, &dir.join("media/docs"))?;
    pool.close().await;
    Ok(report)
}

fn check(n: usize, rows: u64, docs: &Path) -> Result {
    let files = names_in(docs)?.len();
    if (rows, files) != (n as u64, n) {
        return Err(format!("{rows} rows and {files} files, not {n}").into());
    }
    Ok(())
}

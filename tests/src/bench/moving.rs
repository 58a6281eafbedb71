//! `move`: moves the files of a field to another folder, each with its row.

use super::Result;
use super::data::{self, SMALL, names_in, payload};
use super::measure::{Clock, Report};
use super::options::{Options, runtime};
use filefield::db::{self, Db, Table};
use filefield::ops::storage_move;
use filefield::storage::{Durability, FileSystemStorage};
use filefield::{App, Bytes, FileField, FileMeta, Model};
use std::path::Path;

#[derive(Clone, Default, Model)]
#[model(table = "paper")]
struct Paper {
    #[model(primary_key)]
    id: i64,
    #[file(upload_to = "papers", storage = from, meta_field = file_meta)]
    file: FileField,
    file_meta: FileMeta,
}

fn from() -> &'static str {
    "from"
}

/// `--n` rows with files of 4 KiB, `--jobs` at a time. With `--sync`, every copy is durable before its row
/// names it.
pub(crate) fn moving(options: &Options) -> Result<Report> {
    let (dir, n, jobs) = (options.dir()?, options.number("n", 20_000)?, options.number("jobs", 4)?);
    let durability = if options.is_set("sync") { Durability::Full } else { Durability::None };
    let place =
        |name: &str, durability| FileSystemStorage::builder(dir.join(name)).durability(durability).build();
    let app = App::builder().storage("from", place("from", Durability::None)?);
    app.storage("to", place("to", durability)?).model::<Paper>().build()?;
    runtime()?.block_on(async {
        let db = park(&dir, n).await?;
        let before = peak();
        let this = storage_move::<Paper>(&db, &Paper::columns().file, "from", "to").concurrency(jobs);
        let clock = Clock::start();
        let report = this.run().await?;
        let time = clock.stop();
        if report.moved != n as u64 || !report.is_complete() {
            return Err(report.to_string().into());
        }
        if names_in(&dir.join("to/papers"))?.len() != n {
            return Err("there are not as many files as rows".into());
        }
        Ok(Report::new(n, time, report.bytes).with("grown_mb", peak() - before))
    })
}

fn peak() -> f64 {
    super::measure::peak_memory_mb()
}

/// Saves the rows and their files.
async fn park(dir: &Path, n: usize) -> Result<Db> {
    let db = db::connect(&format!("sqlite://{}?mode=rwc", dir.join("t.db").display())).await?;
    db::migrate::<Paper>(&db).await?;
    let bytes = Bytes::from(payload(SMALL));
    for i in 0..n {
        let file = FileField::new(data::name(i), bytes.clone());
        Paper { file, ..Paper::default() }.save(&db).await?;
    }
    Ok(db)
}

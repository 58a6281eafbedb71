//! Who owns a file: on a file system without attributes, in a root that two databases share, and for a
//! database that was restored from a backup.

use super::Try;
use super::roots::{perform, run_command, runtime, sweep};
use crate::campaign::Result;
use crate::campaign::child::{Command, Durable};
use crate::campaign::kill::{judge, settled_child};
use crate::campaign::place::{Place, in_memory};
use crate::campaign::world::{
    Car, Change, Expected, Files, Order, Outcome, Random, World, put_foreign_files,
};
use filefield::ErrorKind;
use filefield::db::Queries;
use filefield::prelude::*;
use filefield::storage::{Durability, FileSystemStorage};
use filefield::testing::Baseline;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A media folder that shows another one without its attributes.
struct WithoutAttributes(PathBuf);

impl WithoutAttributes {
    /// Returns `None` and prints a line with the reason if there is no bindfs.
    fn new(folder: &Path) -> Result<Option<WithoutAttributes>> {
        let (disk, media) = (folder.join("disk"), folder.join("media"));
        put_foreign_files(&disk)?;
        std::fs::create_dir(&media)?;
        let disk = disk.to_str().ok_or("a path that is no text")?;
        Ok(match run_command("bindfs", &["--xattr-none", disk], &media) {
            Ok(()) => Some(WithoutAttributes(media)),
            Err(problem) => {
                eprintln!("SKIPPED: a world without attributes: {problem}");
                None
            }
        })
    }
}

impl Drop for WithoutAttributes {
    fn drop(&mut self) {
        let _ = run_command("umount", &["--lazy"], &self.0);
    }
}

/// Processes are killed at random times if a file cannot carry its owner.
pub(super) fn keeps_no_attributes(tried: &mut Try<'_>) -> Result<bool> {
    let place = Place::of(tried.options, in_memory()?)?;
    let Some(_mounted) = WithoutAttributes::new(place.path())? else { return Ok(false) };
    let setup = place.setup(Durable::Never, false);
    let mut expected = Expected::default();
    let mut what = format!("the beginning of {}", tried.what);
    for kill in 0..4 {
        let mut child = settled_child(tried.report, &setup, &mut expected, &what)?;
        if kill == 0 {
            // A leftover of a root mark that did not get its name is deleted by its age.
            let order = Order::new("first", Change::Create(Files::all(&mut tried.random)));
            child.perform(&order, &mut expected)?;
        }
        let (seed, tasks) = (tried.random.next(), 1 + tried.random.below(4));
        child.send(&Command::Load { seed, tasks })?;
        std::thread::sleep(Duration::from_micros(500 + tried.random.below(200_000)));
        child.kill(&mut expected)?;
        what = format!("kill {kill} of {}", tried.what);
    }
    drop(settled_child(tried.report, &setup, &mut expected, &what)?);
    tried.report.add("operations acknowledged", expected.acknowledged());
    Ok(true)
}

/// Names that are not taken yet, if this is the first row. Foreign files have another name.
fn first_files(random: &mut Random) -> Files {
    loop {
        let files = Files::all(random);
        if [files.photo, files.manual].into_iter().flatten().all(|number| number % 5 != 0) {
            return files;
        }
    }
}

async fn row(world: &World, name: &str) -> Result<Car> {
    Ok(Car::objects(&world.db).get(Car::columns().name.eq(name)).await?)
}

/// Two databases save, replace, delete and sweep in one root. A row of one has lost its files, and a row of
/// the other has files under their names.
pub(super) fn is_shared_by_two_databases(tried: &mut Try<'_>) -> Result<bool> {
    runtime()?.block_on(async {
        let (place, other) =
            (Place::of(tried.options, in_memory()?)?, Place::of(tried.options, in_memory()?)?);
        let url = |place: &Place| place.setup(Durable::Never, false).url;
        let mut one = World::open(place.path(), &url(&place), Durability::None, true).await?;
        let storage = FileSystemStorage::builder(one.media()).durability(Durability::None).build()?;
        let mut two = World::over(place.path(), &url(&other), Arc::new(storage), true).await?;
        (one.beside, two.beside) = (Some(two.db.clone()), Some(one.db.clone()));
        let (mut expected_one, mut expected_two) = (Expected::default(), Expected::default());
        let files = first_files(&mut tried.random);
        perform(&one, &mut expected_one, Order::new("lost", Change::Create(files))).await;
        let lost = row(&one, "lost").await?;
        let names = |car: &Car| {
            let manual = car.manual.as_ref().and_then(|manual| manual.name());
            [car.photo.name(), manual].map(|name| name.unwrap_or_default().to_owned())
        };
        for name in names(&lost) {
            std::fs::remove_file(one.media().join(name))?;
        }
        perform(&two, &mut expected_two, Order::new("found", Change::Create(files))).await;
        let has_the_names = names(&lost) == names(&row(&two, "found").await?);
        let mut loads = Vec::new();
        for world in [&one, &two] {
            let told = Arc::new(Mutex::new(Vec::new()));
            let load = tokio::spawn({
                let (world, told, seed) = (world.clone(), told.clone(), tried.random.next());
                let tell = move |order: &Order, outcome: Option<Outcome>| {
                    told.lock().unwrap_or_else(PoisonError::into_inner).push((order.clone(), outcome));
                };
                async move { world.enter(world.load(seed, 2, 40, tell)).await }
            });
            loads.push((load, told));
        }
        // Its row releases files that it no longer has.
        let change = if tried.random.below(2) == 0 { Change::Delete } else { Change::DeleteIn };
        perform(&one, &mut expected_one, Order::new("lost", change)).await;
        while !loads.iter().all(|(load, _)| load.is_finished()) {
            for world in [&one, &two] {
                // On SQLite it may have to give way.
                let _ = world.enter(sweep(world)).await;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for ((load, told), expected) in loads.into_iter().zip([&mut expected_one, &mut expected_two]) {
            load.await?;
            for (order, outcome) in told.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
                expected.told(&order, outcome.as_ref());
            }
        }
        // Both run before one is checked: entries that only the other's journal has are gone then, and all
        // connections are open.
        for world in [&one, &two] {
            world.enter(world.settle(&Baseline::take(&world.db).await?)).await?;
        }
        for (world, expected) in [(&one, &mut expected_one), (&two, &mut expected_two)] {
            let before = Baseline::take(&world.db).await?;
            let settled = world.enter(world.settle(&before)).await?;
            judge(tried.report, expected, &settled, &tried.what);
        }
        Ok(has_the_names)
    })
}

/// The tables in a backup of the database.
const TABLES: [&str; 4] = ["cars", "filefield_journal", "filefield_identity", "filefield_roots"];

/// What is known when the backup is restored.
struct Restored {
    /// The rows of the backup.
    expected: Expected,
    /// Rows that have changed since, so that their files may be gone, or their names may belong to another
    /// row.
    touched: BTreeSet<String>,
}

/// Makes rows and a backup, and changes the rows. Work in progress ends with this process's runtime.
fn made_and_changed(tried: &mut Try<'_>, place: &Place, url: &str) -> Result<Restored> {
    runtime()?.block_on(async {
        let world = &World::open(place.path(), url, Durability::None, true).await?;
        let mut expected = Expected::default();
        let rows: Vec<_> = (0..12).map(|number| format!("row {number}")).collect();
        for row in &rows {
            let files = Files::all(&mut tried.random);
            perform(world, &mut expected, Order::new(row.as_str(), Change::Create(files))).await;
        }
        // The backup may have entries whose files are gone when it is restored.
        perform(world, &mut expected, Order::new(rows[0].as_str(), Change::DeleteIn)).await;
        for table in TABLES {
            world.execute(&format!("CREATE TABLE backup_of_{table} AS SELECT * FROM {table}")).await?;
        }
        let mut restored = Restored { expected: expected.clone(), touched: BTreeSet::new() };
        for _ in 0..tried.random.below(20) {
            let row = tried.random.pick(&rows[1..]).clone();
            let files = Files::all(&mut tried.random);
            let change = match tried.random.below(6) {
                0 => Change::Delete,
                1 => Change::DeleteIn,
                2 => Change::ReplaceIn(files),
                3 => Change::Sweep,
                _ => Change::Replace(files),
            };
            restored.touched.insert(row.clone());
            perform(world, &mut expected, Order::new(row, change)).await;
        }
        for number in 0..tried.random.below(8) {
            let files = Files::all(&mut tried.random);
            perform(world, &mut expected, Order::new(format!("newer {number}"), Change::Create(files))).await;
        }
        if tried.random.below(2) == 0 {
            world.enter(sweep(world)).await?;
        }
        world.clone().close().await?;
        Ok(restored)
    })
}

/// The database is of an earlier day than the files.
pub(super) fn is_a_restored_database(tried: &mut Try<'_>) -> Result<bool> {
    let place = Place::of(tried.options, in_memory()?)?;
    let url = place.setup(Durable::Never, false).url;
    let Restored { mut expected, touched } = made_and_changed(tried, &place, &url)?;
    runtime()?.block_on(async {
        let db = filefield::db::connect(&url).await?;
        for table in TABLES {
            db.run(&format!("DELETE FROM {table}")).await?;
            db.run(&format!("INSERT INTO {table} SELECT * FROM backup_of_{table}")).await?;
        }
        db.close().await;
        let world = &World::open(place.path(), &url, Durability::None, true).await?;
        let found = world.enter(filefield::db::after_restore(&world.db)).await?;
        tried.report.add("missing after a restore", found.missing);
        tried.report.add("newer than a backup", found.queued);
        let before = Baseline::take(&world.db).await?;
        let mut had = Vec::new();
        for name in &touched {
            had.push((name, contents(world, name).await?));
        }
        for number in 0..6 {
            let order = Order::new(format!("after {number}"), Change::Create(Files::all(&mut tried.random)));
            if let Outcome::Failed { text, .. } = perform(world, &mut expected, order).await {
                tried.report.violation("retry", format!("{text}; in {}", tried.what));
            }
            world.enter(sweep(world)).await?;
        }
        // No row shows what was saved for another one since, and no sweep deletes a row's file.
        for (name, had) in had {
            if had != contents(world, name).await? {
                let seen = format!("`{name}` of the backup has other files than right after the restore");
                tried.report.violation("R1", format!("{seen}; in {}", tried.what));
            }
            let order = Order::new(name.as_str(), Change::Delete);
            if let Outcome::Failed { text, .. } = perform(world, &mut expected, order).await {
                tried.report.violation("retry", format!("{text}; in {}", tried.what));
            }
        }
        let settled = world.enter(world.settle(&before)).await?;
        judge(tried.report, &mut expected, &settled, &tried.what);
        Ok(found.missing + found.queued > 0)
    })
}

/// The content of a row's files, or the error that keeps it from being read.
async fn contents(world: &World, name: &str) -> Result<Vec<std::result::Result<Vec<u8>, ErrorKind>>> {
    let car = row(world, name).await?;
    let reads = async { [car.photo().read().await, car.manual().read().await, car.key().read().await] };
    let found = world.enter(reads).await.into_iter();
    Ok(found.map(|read| read.map(|bytes| bytes.to_vec()).map_err(|error| error.kind())).collect())
}

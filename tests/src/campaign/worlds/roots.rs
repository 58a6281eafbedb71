//! The media root is missing, replaced, not mounted, and back again.

use super::Try;
use crate::campaign::child::Durable;
use crate::campaign::kill::judge;
use crate::campaign::place::{Place, in_memory};
use crate::campaign::world::{
    Change, Expected, Files, Order, Outcome, Random, World, foreign_files, put_foreign_files,
};
use crate::campaign::{Error, Result};
use filefield::SharedStorage;
use filefield::storage::{Durability, FileSystemStorage, StorageExt};
use filefield::testing::{Baseline, failpoints};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What is at the location while the root is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instead {
    Nothing,
    EmptyFolder,
    FilesOfOthers,
    AnotherRoot,
    /// The mount point of a disk that is not mounted.
    Unmounted,
    AnotherDisk,
}

/// A world whose root can be moved.
struct Scene {
    place: Place,
    world: World,
    instead: Instead,
}

type Told = Arc<Mutex<Vec<(Order, Option<Outcome>)>>>;

pub(super) fn run_command(command: &str, arguments: &[&str], path: &Path) -> Result {
    let output = Command::new(command).args(arguments).arg(path).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}

impl Scene {
    async fn new(tried: &Try<'_>, instead: Instead) -> Result<Scene> {
        let place = Place::of(tried.options, in_memory()?)?;
        let media = place.path().join("media");
        if let Instead::Unmounted | Instead::AnotherDisk = instead {
            let disk = place.path().join("disk");
            put_foreign_files(&disk)?;
            std::fs::create_dir(&media)?;
            mount(&disk, &media)?;
        }
        let url = place.setup(Durable::Never, false).url;
        let world = World::open(place.path(), &url, Durability::None, true).await?;
        Ok(Scene { place, world, instead })
    }

    fn media(&self) -> PathBuf {
        self.place.path().join("media")
    }

    fn aside(&self) -> PathBuf {
        self.place.path().join("aside")
    }

    /// A process that starts now and knows only what the database knows.
    async fn another_process(&self) -> Result<World> {
        let storage = FileSystemStorage::builder(self.media()).durability(Durability::None).build()?;
        let url = self.place.setup(Durable::Never, false).url;
        World::over(self.place.path(), &url, Arc::new(storage), false).await
    }

    /// Moves the root away. Files of others may then be there, under our names.
    async fn away(&self) -> Result {
        match self.instead {
            Instead::Unmounted => return run_command("umount", &["--lazy"], &self.media()),
            Instead::AnotherDisk => {
                run_command("mount", &["-t", "tmpfs", "tmpfs"], &self.media())?;
                return put_foreign_files(&self.media());
            }
            _ => std::fs::rename(self.media(), self.aside())?,
        }
        match self.instead {
            Instead::EmptyFolder => std::fs::create_dir(self.media())?,
            Instead::FilesOfOthers => put_foreign_files(&self.media())?,
            Instead::AnotherRoot => {
                put_foreign_files(&self.media())?;
                let other: SharedStorage = Arc::new(FileSystemStorage::new(self.media())?);
                let name = filefield::FileName::new("cars/of_another.gif")?;
                other.save(name, "not ours".into(), &filefield::SaveOptions::default()).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What has changed in the replacement of the root.
    fn touched(&self) -> Vec<String> {
        let mut touched = Vec::new();
        let has_files =
            matches!(self.instead, Instead::FilesOfOthers | Instead::AnotherRoot | Instead::AnotherDisk);
        if has_files {
            for (name, bytes) in foreign_files() {
                if std::fs::read(self.media().join(name)).ok().as_deref() != Some(bytes) {
                    touched.push(format!("{name} of others was touched"));
                }
            }
        } else if let Ok(mut entries) = std::fs::read_dir(self.media())
            && entries.next().is_some()
        {
            touched.push("something was made where the root is missing".to_owned());
        }
        if self.instead == Instead::Nothing && self.media().exists() {
            touched.push("a root was made where the known one is missing".to_owned());
        }
        touched
    }

    fn back(&self) -> Result {
        match self.instead {
            Instead::Unmounted => return mount(&self.place.path().join("disk"), &self.media()),
            Instead::AnotherDisk => return run_command("umount", &["--lazy"], &self.media()),
            _ => {}
        }
        // What is in the way is moved out first, because others may be writing there.
        if self.media().exists() {
            let away = self.place.path().join(format!("was instead {}", filefield::name::token()?));
            std::fs::rename(self.media(), away)?;
        }
        Ok(std::fs::rename(self.aside(), self.media())?)
    }

    async fn settle(&self, tried: &mut Try<'_>, expected: &mut Expected, before: &Baseline) -> Result {
        let settled = self.world.enter(self.world.settle(before)).await?;
        judge(tried.report, expected, &settled, &tried.what);
        Ok(())
    }
}

fn mount(disk: &Path, media: &Path) -> Result {
    run_command("mount", &["--bind", disk.to_str().ok_or("a path that is no text")?], media)
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Instead::Unmounted | Instead::AnotherDisk = self.instead {
            while Command::new("umount")
                .arg("--lazy")
                .arg(self.media())
                .output()
                .is_ok_and(|out| out.status.success())
            {}
        }
    }
}

/// Deletions become due at once. Stages in progress keep their leases.
pub(super) async fn sweep(world: &World) -> Result {
    world.execute("UPDATE filefield_journal SET due_at = 0 WHERE kind = 'delete'").await?;
    filefield::db::sweep(&world.db).await?;
    Ok(())
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// Performs an operation while nothing else runs.
pub(super) async fn perform(world: &World, expected: &mut Expected, order: Order) -> Outcome {
    expected.begin(&order);
    let outcome = Outcome::of(world.enter(world.perform(&order)).await);
    expected.end(&order, &outcome);
    outcome
}

/// Rows are saved, replaced, deleted and swept while the root comes and goes.
pub(super) fn comes_and_goes(tried: &mut Try<'_>, instead: Instead) -> Result<bool> {
    runtime()?.block_on(async {
        let scene = Scene::new(tried, instead).await?;
        let world = &scene.world;
        world.storage.exists(filefield::FileName::new("warm")?).await?;
        let mut expected = Expected::default();
        perform(world, &mut expected, Order::new("first", Change::Create(Files::all(&mut tried.random))))
            .await;
        let before = Baseline::take(&world.db).await?;
        let told = Told::default();
        let seed = tried.random.next();
        let load = tokio::spawn({
            let (world, told) = (world.clone(), told.clone());
            let tell = move |order: &Order, outcome| {
                told.lock().unwrap_or_else(PoisonError::into_inner).push((order.clone(), outcome));
            };
            async move { world.enter(world.load(seed, 3, 60, tell)).await }
        });
        let mut count = 0;
        while !load.is_finished() && count < 12 {
            tokio::time::sleep(Duration::from_millis(5 + tried.random.below(25))).await;
            // A deletion that only a sweep does, and that is due while the root is away.
            for change in [Change::Create(Files::all(&mut tried.random)), Change::DeleteIn] {
                perform(world, &mut expected, Order::new(format!("due {count}"), change)).await;
            }
            scene.away().await?;
            count += 1;
            tokio::time::sleep(Duration::from_millis(2)).await;
            world.enter(sweep(world)).await?;
            let other = scene.another_process().await?;
            other.enter(sweep(&other)).await?;
            let order = Order::new(format!("away {count}"), Change::Create(Files::all(&mut tried.random)));
            for world in [world, &other] {
                let outcome = perform(world, &mut expected, order.clone()).await;
                note(tried, &outcome, &order);
                if outcome == Outcome::Done {
                    let seen = format!("a save was acknowledged while its root was away; in {}", tried.what);
                    tried.report.violation("R6", seen);
                }
            }
            other.close().await?;
            for seen in scene.touched() {
                tried.report.violation("R8", format!("{seen}; in {}", tried.what));
            }
            tokio::time::sleep(Duration::from_millis(tried.random.below(20))).await;
            scene.back()?;
        }
        load.await?;
        let told = std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
        for (order, outcome) in &told {
            expected.told(order, outcome.as_ref());
            if let Some(outcome) = outcome {
                note(tried, outcome, order);
            }
        }
        // With the root back, everything works.
        let order = Order::new("back", Change::Create(Files::all(&mut tried.random)));
        if let Outcome::Failed { text, .. } = perform(world, &mut expected, order).await {
            tried.report.violation("retry", format!("{text}; in {}", tried.what));
        }
        scene.settle(tried, &mut expected, &before).await?;
        Ok(count > 0)
    })
}

/// Checks that a missing root explains the end of an operation.
fn note(tried: &mut Try<'_>, outcome: &Outcome, order: &Order) {
    let Outcome::Failed { kind, text, retryable, .. } = outcome else { return };
    match kind.as_str() {
        "StorageUnavailable" if *retryable => tried.report.add("not available", 1),
        // A transaction of the caller that reads before it writes gives way to the other process on SQLite.
        "Database" if *retryable && text.contains("locked") => tried.report.add("gave way", 1),
        // The row was not made, because its files could not be stored.
        "DoesNotExist" => {}
        _ => tried.report.violation("error", format!("{kind}: {text}; {order:?} in {}", tried.what)),
    }
}

/// The files are copied to a new disk, which replaces the old one: it is the same root.
pub(super) fn is_copied(tried: &mut Try<'_>) -> Result<bool> {
    runtime()?.block_on(async {
        let scene = Scene::new(tried, Instead::Nothing).await?;
        let world = &scene.world;
        let mut expected = Expected::default();
        let create = |random: &mut Random, row: &str| Order::new(row, Change::Create(Files::all(random)));
        for row in ["one", "two", "three"] {
            perform(world, &mut expected, create(&mut tried.random, row)).await;
        }
        let before = Baseline::take(&world.db).await?;
        perform(world, &mut expected, Order::new("two", Change::DeleteIn)).await;
        let copy = scene.place.path().join("copy");
        run_command("cp", &["-a", scene.media().to_str().ok_or("a path that is no text")?], &copy)?;
        std::fs::rename(scene.media(), scene.aside())?;
        std::fs::rename(&copy, scene.media())?;
        for order in [
            create(&mut tried.random, "four"),
            Order::new("one", Change::Replace(Files::all(&mut tried.random))),
            Order::new("three", Change::Delete),
        ] {
            if let Outcome::Failed { text, .. } = perform(world, &mut expected, order).await {
                tried.report.violation("retry", format!("{text}; in {}", tried.what));
            }
        }
        scene.settle(tried, &mut expected, &before).await?;
        Ok(true)
    })
}

/// Between the proof that a file is ours and its deletion, another root replaces ours, with a file of the
/// same name.
pub(super) fn is_swapped_before_a_deletion(tried: &mut Try<'_>) -> Result<bool> {
    runtime()?.block_on(async {
        let scene = Scene::new(tried, Instead::AnotherRoot).await?;
        let world = &scene.world;
        let mut expected = Expected::default();
        let files = Files::all(&mut tried.random);
        perform(world, &mut expected, Order::new("one", Change::Create(files))).await;
        let before = Baseline::take(&world.db).await?;
        // The decoy has every file of ours under its name, without proof and with other bytes.
        let decoy = scene.place.path().join("decoy");
        run_command("cp", &["-a", scene.media().to_str().ok_or("a path that is no text")?], &decoy)?;
        std::fs::remove_dir_all(decoy.join(".filefield"))?;
        let names: Vec<_> = below(&decoy)?;
        for name in &names {
            std::fs::remove_file(name)?;
            std::fs::write(name, "not ours")?;
        }
        perform(world, &mut expected, Order::new("one", Change::DeleteIn)).await;
        let swapped = Arc::new(AtomicBool::new(false));
        let (media, aside) = (scene.media(), scene.aside());
        let (was_swapped, place) = (swapped.clone(), decoy.clone());
        failpoints::cfg_callback("local.delete", move || {
            if !was_swapped.swap(true, SeqCst) {
                let _ = std::fs::rename(&media, &aside).and_then(|()| std::fs::rename(&place, &media));
            }
        })
        .map_err(Error::from)?;
        let swept = world.enter(sweep(world)).await;
        failpoints::remove("local.delete");
        swept?;
        let fired = swapped.load(SeqCst);
        if fired {
            std::fs::rename(scene.media(), &decoy)?;
            std::fs::rename(scene.aside(), scene.media())?;
        }
        for name in names {
            if std::fs::read(&name).ok().as_deref() != Some(b"not ours") {
                tried
                    .report
                    .violation("R8", format!("a file of another root was deleted; in {}", tried.what));
            }
        }
        scene.settle(tried, &mut expected, &before).await?;
        Ok(fired)
    })
}

/// Every file below a folder.
fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(below(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    Ok(found)
}

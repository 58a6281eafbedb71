//! The actors of a schedule, and what each does.

use super::{database, findings, gate, lock, storage};
use filefield::db::Table;
use filefield::db::{Connection, Db};
use filefield::{ErrorKind, FileField, FileName, Model, Result, SaveOptions, Storage, Sweeper};
use std::sync::Mutex;
use tokio::task::AbortHandle;

/// The tables whose column `image` names files.
pub(super) const TABLES: [&str; 2] = ["photo", "card"];

#[derive(Clone, Debug, Default, Model)]
#[model(table = "photo")]
pub(super) struct Photo {
    #[model(primary_key)]
    pub(super) id: i64,
    pub(super) note: String,
    #[file(upload_to = "p")]
    pub(super) image: FileField,
}

/// Another table of the same storage.
#[derive(Clone, Debug, Default, Model)]
#[model(table = "card")]
pub(super) struct Card {
    #[model(primary_key)]
    pub(super) id: i64,
    #[file(upload_to = "p")]
    pub(super) image: FileField,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Actor {
    /// Gives the row another file, starting from its current state.
    Replace,
    /// The same, with an instance that was read at the start.
    ReplaceStale,
    /// Saves another column of an instance that was read at the start.
    NoteStale,
    /// Inserts a row whose file wants the name that is in use.
    CreateSame,
    /// Inserts a row whose file wants a name that is free.
    CreateNew,
    Delete,
    Clear,
    /// Another row gets the name by hand.
    Assign,
    /// Another row gets by hand a name under which another actor may be about to store.
    AssignNew,
    /// Stores through the accessor, without the journal, then saves the row.
    Accessor,
    /// Deletes the file through the accessor, and saves the row afterwards.
    AccessorDelete,
    /// In a transaction of the user, which commits or rolls back.
    DeleteIn(bool),
    AssignIn(bool),
    /// In a savepoint that is rolled back, before the transaction does the same and commits.
    AssignInSavepoint,
    /// A program that does not know the journal stores under the free name.
    Foreign,
    Sweep,
    /// The lease of everything in progress expires.
    Clock,
    /// Drops the future of the first actor.
    Cancel,
}

impl Actor {
    /// Whether it gives a row the name of a file that it did not store.
    fn assigns_a_name(self) -> bool {
        matches!(self, Actor::Assign | Actor::AssignNew | Actor::AssignIn(_) | Actor::AssignInSavepoint)
    }
}

/// The schedule draws from these, in addition to two sweeps and the clock.
pub(super) const DRAWN: [Actor; 20] = [
    Actor::Replace,
    Actor::Replace,
    Actor::ReplaceStale,
    Actor::NoteStale,
    Actor::CreateSame,
    Actor::CreateSame,
    Actor::CreateNew,
    Actor::CreateNew,
    Actor::Delete,
    Actor::Clear,
    Actor::Assign,
    Actor::AssignNew,
    Actor::Accessor,
    Actor::AccessorDelete,
    Actor::AccessorDelete,
    Actor::DeleteIn(true),
    Actor::DeleteIn(false),
    Actor::AssignIn(true),
    Actor::AssignInSavepoint,
    Actor::Foreign,
];

/// Casts that compete for one name.
pub(super) const QUARRELS: [&[Actor]; 5] = [
    // A name that is free on disk before its row releases it.
    &[Actor::AccessorDelete, Actor::CreateSame, Actor::CreateSame],
    // A name that is reused as soon as its file is deleted.
    &[Actor::Delete, Actor::CreateSame, Actor::Sweep],
    &[Actor::Replace, Actor::ReplaceStale, Actor::CreateSame],
    // A file that another row takes over while its own row releases it.
    &[Actor::Delete, Actor::Assign, Actor::AssignIn(true)],
    // Two publishers of one name, one of them late.
    &[Actor::CreateNew, Actor::CreateNew, Actor::Foreign],
];

/// What all actors of a schedule share.
#[derive(Clone)]
pub(super) struct Stage {
    /// The library's own connection.
    pub(super) db: Db,
    /// The row that they compete for, as it was at the start.
    pub(super) stale: Photo,
}

tokio::task_local! {
    /// A deletion by a user of a file that a row names.
    static BY_HAND: ();
}

/// Whether a user deletes files here, whatever rows say.
pub(super) fn is_by_hand() -> bool {
    BY_HAND.try_with(|()| ()).is_ok()
}

/// Rows that were inserted and acknowledged: key, name, bytes.
static CREATED: Mutex<Vec<(i64, String, String)>> = Mutex::new(Vec::new());

/// Names under which a foreign program has stored.
static FOREIGN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Names that were stored through the accessor, without the journal. They belong to their user until a row
/// holds them.
static LOOSE: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The first actor's task.
static FIRST: Mutex<Option<AbortHandle>> = Mutex::new(None);

pub(super) fn reset() {
    lock(&CREATED).clear();
    lock(&FOREIGN).clear();
    lock(&LOOSE).clear();
    *lock(&FIRST) = None;
}

pub(super) fn set_first(first: AbortHandle) {
    *lock(&FIRST) = Some(first);
}

pub(super) fn created() -> Vec<(i64, String, String)> {
    lock(&CREATED).clone()
}

pub(super) fn enter_foreign(name: &str) {
    lock(&FOREIGN).push(name.to_owned());
}

pub(super) fn foreign() -> Vec<String> {
    lock(&FOREIGN).clone()
}

pub(super) fn loose() -> Vec<String> {
    lock(&LOOSE).clone()
}

/// Whether a committed row names the file.
pub(super) fn is_named(name: &str) -> bool {
    let sql = "SELECT 'photo' FROM photo WHERE image = ?1 UNION ALL SELECT 'card' FROM card WHERE image = ?1";
    database::texts(sql, &[name]).is_ok_and(|rows| !rows.is_empty())
}

/// Runs an actor to its end. `delay` is the number of steps it sleeps first; `number` makes its bytes unique.
pub(super) async fn run(actor: Actor, stage: Stage, delay: usize, number: usize) {
    for _ in 0..=delay {
        gate::pass(false).await;
    }
    let Err(error) = act(actor, &stage, number).await else { return };
    let expected = match error.kind() {
        ErrorKind::StagedExpired => "save refused after its lease",
        ErrorKind::DoesNotExist => "row gone",
        ErrorKind::NoAvailableName | ErrorKind::AlreadyExists => "name taken",
        ErrorKind::NotFound if actor.assigns_a_name() => "name of no file refused",
        ErrorKind::Io if error.to_string().contains("injected") => "storage fault told",
        // SQLite refuses to write in a transaction whose reads are outdated.
        ErrorKind::Database if error.to_string().contains("database is locked") => "transaction overtaken",
        _ => return findings::violation("error", format!("{actor:?}: {error}")),
    };
    findings::fired(expected);
}

async fn act(actor: Actor, stage: &Stage, number: usize) -> Result<()> {
    let Stage { db, stale } = stage;
    let bytes = format!("by {number}");
    match actor {
        Actor::Replace => {
            let mut photo = fresh(stage).await?;
            photo.image = FileField::new("b.jpg", bytes);
            photo.save(db).await
        }
        Actor::ReplaceStale => {
            let mut photo = stale.clone();
            photo.image = FileField::new("a.jpg", bytes);
            photo.save(db).await
        }
        Actor::NoteStale => {
            let mut photo = Photo { note: bytes, ..stale.clone() };
            photo.save(db).await
        }
        Actor::CreateSame | Actor::CreateNew => {
            let wanted = if actor == Actor::CreateSame { "a.jpg" } else { "n.jpg" };
            let mut photo = Photo { image: FileField::new(wanted, bytes.clone()), ..Photo::default() };
            photo.save(db).await?;
            lock(&CREATED).push((photo.id, photo.image.name().unwrap_or_default().to_owned(), bytes));
            Ok(())
        }
        Actor::Delete => fresh(stage).await?.delete(db).await,
        Actor::Clear => {
            let mut photo = fresh(stage).await?;
            photo.image = FileField::empty();
            photo.save(db).await
        }
        Actor::Assign => {
            let mut card = Card { id: 0, image: fresh(stage).await?.image };
            card.save(db).await
        }
        Actor::AssignNew => {
            let mut card = Card::default();
            card.image_mut().set_name("p/n.jpg")?;
            card.save(db).await
        }
        Actor::Accessor => {
            let mut photo = fresh(stage).await?;
            let name = photo.image_mut().save("n.jpg", bytes).await?;
            lock(&LOOSE).push(name);
            photo.save(db).await
        }
        Actor::AccessorDelete => {
            let mut photo = fresh(stage).await?;
            BY_HAND.scope((), photo.image_mut().delete()).await?;
            photo.save(db).await
        }
        Actor::DeleteIn(commit) => {
            let tx = db.begin().await?;
            fresh_in(&tx).await?.delete(&tx).await?;
            if commit { tx.commit().await } else { tx.rollback().await }
        }
        Actor::AssignIn(commit) => {
            let tx = db.begin().await?;
            let mut card = Card { id: 0, image: fresh_in(&tx).await?.image };
            card.save(&tx).await?;
            if commit { tx.commit().await } else { tx.rollback().await }
        }
        Actor::AssignInSavepoint => {
            let tx = db.begin().await?;
            let image = fresh_in(&tx).await?.image;
            let inner = tx.begin().await?;
            fresh_in(&inner).await?.delete(&inner).await?;
            inner.rollback().await?;
            Card { id: 0, image }.save(&tx).await?;
            tx.commit().await
        }
        Actor::Foreign => {
            let name = FileName::new("p/n.jpg")?;
            let options = SaveOptions { exact: true, ..SaveOptions::default() };
            storage::Stepped.save(name, "foreign".into(), &options).await.map(drop)
        }
        Actor::Sweep => {
            let report = Sweeper::new(db).run().await?;
            if report.referenced > 0 {
                findings::fired("file kept for a row");
            }
            Ok(())
        }
        Actor::Clock => {
            database::advance(16 * 60);
            Ok(())
        }
        Actor::Cancel => {
            if let Some(first) = lock(&FIRST).take() {
                findings::fired("future dropped");
                first.abort();
            }
            Ok(())
        }
    }
}

async fn fresh(stage: &Stage) -> Result<Photo> {
    fresh_in(&stage.db).await
}

async fn fresh_in(db: impl Connection) -> Result<Photo> {
    Photo::objects(db).get(Photo::columns().id.eq(1)).await
}

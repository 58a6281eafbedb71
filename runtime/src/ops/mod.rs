//! What an operator does while the site runs.
//!
//! # Moving files to another storage
//!
//! The files of a field lie on disk, under the alias `disk`, and are to be in the bucket `photos`. Nobody stops the site
//! for that: [`storage_move`] goes through the rows, copies each file, checks the copy, and then says in the row where
//! the file is now. It needs a field with `meta_field`, because that is where a row says so:
//!
//! ```
//! use filefield::prelude::*;
//!
//! #[derive(Debug, Clone, Default, Model)]
//! #[model(table = "cars")]
//! struct Car {
//!     #[model(primary_key)]
//!     id: i64,
//!     #[file(upload_to = "cars", storage = photo_storage, meta_field = photo_meta)]
//!     photo: ImageField,
//!     photo_meta: FileMeta,
//! }
//!
//! fn photo_storage() -> &'static str {
//!     "disk"
//! }
//! # use filefield::storage::MemoryStorage;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
//!
//! // Every process of the site knows both storages by their aliases.
//! # let (disk, photos) = (MemoryStorage::new(), MemoryStorage::new());
//! App::builder().storage("disk", disk).storage("photos", photos).model::<Car>().build()?;
//! # #[cfg(feature = "db-sqlite")] {
//! # let db = filefield::db::connect("sqlite::memory:").await?;
//! # filefield::db::migrate::<Car>(&db).await?;
//! # let mut car = Car { photo: ImageField::new("chevy.jpg", "a photo"), ..Car::default() };
//! # car.save(&db).await?;
//!
//! let report = filefield::ops::storage_move::<Car>(&db, &Car::columns().photo, "disk", "photos")
//!     .progress(|so_far| eprintln!("{} of {}", so_far.moved, so_far.total))
//!     .concurrency(4)
//!     .run()
//!     .await?;
//! assert!(report.is_complete(), "{report}");
//!
//! // The row says where its file is, and the accessors go there.
//! let car = Car::objects(&db).first().await?.expect("it is there");
//! assert_eq!(car.photo().storage()?.alias(), "photos");
//! assert_eq!(car.photo().read().await?, "a photo");
//! # }
//! # Ok::<(), filefield::Error>(())
//! # })?;
//! # Ok(())
//! # }
//! ```
//!
//! In that order:
//!
//! 1. Give both storages an alias in the settings or in [`App::builder`](crate::App::builder), and deploy that: from then
//!    on every process finds a file that was moved. A program of an older version of this library does not.
//! 2. Run the move, from any process. It may be killed at any moment and run again, and it may run twice at once. Look at
//!    [`MoveReport::errors`], mend what is to be mended, and run it again.
//! 3. Let the field's storage function return `photos`, and deploy that. Until then new files go to `disk`.
//! 4. Run the move once more, for the files that were saved meanwhile. It reports 0 moved when there are none left.
//! 5. Keep the alias `disk` until a sweep has deleted the originals, a day later by default; see
//!    [`grace`](StorageMove::grace).
//!
//! It works in the other order too, the storage function first: rows say where their files are. Only rows that say
//! nothing, because they were written before the field had a `meta_field`, are read from the new storage then, and
//! their files are not there until the move has come to them. A file of that name that is there already is taken for
//! theirs.
//!
//! # What is promised
//!
//! * A row never names a file that is not there, whole, with the bytes that it had. They are compared with the SHA-256
//!   that the row has of them; where it has none, it gets the one of the bytes that were copied.
//! * The row is changed only if it still names the file that was copied, in the transaction that makes the copy the
//!   row's own. Who replaces or deletes the file meanwhile wins, and the copy goes.
//! * No transaction is open while bytes move, and memory grows neither with the rows nor with the files.
//! * The original is deleted by the [sweeper](crate::Sweeper) alone, later, after it has seen that no other row names it.
//!   One that carries no proof that this library has stored it is not deleted at all: it is counted in
//!   [`MoveReport::left`].
//! * A file keeps its name where that is free in the other storage; otherwise the row gets the name of the copy.
//! * A name that an older program has made, such as `10:30.txt`, is not given to the copy: the row gets a clean one. To have
//!   clean names without a move, see [`rename_names`].
//!
//! A field without `meta_field` is refused. Its rows could not say where their files are, so for a while every URL would
//! be a guess, and a file that two rows know by one name, each in its storage, could be deleted under the other.
//!
//! # Restoring a backup
//!
//! A file that a row lets go of stays for [`DELETE_AFTER`](crate::settings::Settings::delete_after), 7 days by default.
//! So a database that is restored from a backup of the last 7 days finds the files of all its rows.
//!
//! 1. Stop the site, and restore the database.
//! 2. If the files are backed up too, put back those that are missing, without replacing any. On a file system without
//!    user attributes the folder `.filefield/owners` belongs to them. Keep the times of the last change.
//! 3. Register all models, and call [`db::after_restore`](crate::db::after_restore). It reserves the names of files that
//!    are still missing, so that no new file shows up in a restored row, and queues files for deletion that were saved
//!    after the backup was made.
//! 4. Start the site. [`Sweeper::dead`](crate::Sweeper::dead) lists the missing files. A reserved name is free again when
//!    its row lets go of it.
//!
//! A backup that is older than `DELETE_AFTER` may have rows whose file was deleted and whose name another file has got
//! since. [`FieldFile::verify`](crate::field::FieldFile::verify) and
//! [`read_verified`](crate::field::FieldFile::read_verified) find such rows by the hash in their `meta_field`.
//!
//! Let no copy of a database run on the media root of the original: both have the same identity, and each deletes what
//! only the other one names. Give a copy a copy of the files.
//!
//! # Files of an older program
//!
//! The sweeper deletes no file without an owner token, so the files that another program has stored stay when their rows
//! let go of them. [`adopt()`] gives them a token. Deletions that have met such a file before wait for a person:
//! [`Sweeper::dead`](crate::Sweeper::dead) lists them, [`retry`](crate::Sweeper::retry) tries one again and
//! [`forget`](crate::Sweeper::forget) drops it.

#[doc = include_str!("../../docs/moving.md")]
pub mod moving {}

mod adopt;
mod storage_move;

pub use adopt::{Adopt, AdoptReport, adopt};
pub use storage_move::{
    FieldName, MoveError, MoveReport, RenameNames, StorageMove, rename_names, storage_move,
};

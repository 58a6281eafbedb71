//! Operations for administrators, while the site is running.
//!
//! # Moving files to another storage
//!
//! The files of a field are on disk, under the alias `disk`, and are to move to the bucket `photos`. The site
//! need not stop: [`storage_move`] processes the rows. It copies each file, checks the copy, and then records
//! the new storage in the row. The field needs a `meta_field`, which holds that record:
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
//! // The row records the storage of its file, and the accessors use it.
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
//! Proceed in this order:
//!
//! 1. Give both storages an alias in the settings or in [`App::builder`](crate::App::builder), and deploy
//!    that. From then on every process finds a moved file, except processes with an older version of this
//!    library.
//! 2. Run the move, from any process. It may be killed at any moment and repeated, and it may run twice at
//!    the same time. Check [`MoveReport::errors`], fix the causes, and run it again.
//! 3. Let the field's storage function return `photos`, and deploy that. Until then new files are saved to
//!    `disk`.
//! 4. Run the move once more, for the files saved in the meantime. It reports 0 moved when there are none
//!    left.
//! 5. Keep the alias `disk` until a sweep has deleted the originals, by default a day later; see
//!    [`grace`](StorageMove::grace).
//!
//! The other order works too, with the storage function first, because rows record where their files are.
//! Only rows without a record, written before the field had a `meta_field`, are then read from the new
//! storage, and their files are missing until the move reaches them. A file of the same name in the new
//! storage counts as theirs.
//!
//! # Guarantees
//!
//! * A row never names a missing or partial file, or other bytes. The bytes are compared with the SHA-256
//!   recorded in the row. A row without a SHA-256 gets that of the copied bytes.
//! * The row is changed only if it still names the copied file, in the transaction that attaches the copy. If
//!   another writer replaces or deletes the file during the copy, that change wins and the copy is deleted.
//! * No transaction is open while bytes are copied. Memory does not grow with the number of rows or the size
//!   of files.
//! * Only the [sweeper](crate::Sweeper) deletes the original, later, after it has checked that no other row
//!   names it. An original without proof that this library stored it is not deleted: it is counted in
//!   [`MoveReport::left`].
//! * A file keeps its name if the name is free in the other storage. Otherwise the row gets the name of the
//!   copy.
//! * A name made by an older program, such as `10:30.txt`, is not given to the copy: the row gets a clean
//!   one. To get clean names without a move, see [`rename_names`].
//!
//! A field without `meta_field` is refused. Its rows could not record where their files are. For a while
//! every URL would be a guess, and a file that two rows know by one name, each in a different storage, could
//! be deleted for the wrong row.
//!
//! # Restoring a backup
//!
//! A released file stays for [`DELETE_AFTER`](crate::settings::Settings::delete_after), by default 7 days. So
//! a database restored from a backup of the last 7 days finds the files of all its rows.
//!
//! 1. Stop the site, and restore the database.
//! 2. If the files are backed up too, restore the missing ones, without replacing any. On a file system
//!    without user attributes, the folder `.filefield/owners` is part of the files. Keep the modification
//!    times.
//! 3. Register all models, and call [`db::after_restore`](crate::db::after_restore). It reserves the names of
//!    files that are still missing, so that no new file appears in a restored row, and queues files saved
//!    after the backup for deletion.
//! 4. Start the site. [`Sweeper::dead`](crate::Sweeper::dead) lists the missing files. A reserved name
//!    becomes free when its row releases it.
//!
//! With a backup older than `DELETE_AFTER`, the file of a row may have been deleted and its name given to
//! another file. [`FieldFile::verify`](crate::field::FieldFile::verify) and
//! [`read_verified`](crate::field::FieldFile::read_verified) find such rows by the hash in their
//! `meta_field`.
//!
//! Never run a copy of a database on the media root of the original: both have the same identity, and each
//! deletes files that only the other one names. Give the copy of the database a copy of the files.
//!
//! # Files of an older program
//!
//! The sweeper deletes no file without an owner token, so files stored by another program stay when their
//! rows release them. [`adopt()`] gives them a token. Deletions that already failed on such a file wait for
//! an administrator: [`Sweeper::dead`](crate::Sweeper::dead) lists them, [`retry`](crate::Sweeper::retry)
//! tries one again and [`forget`](crate::Sweeper::forget) drops it.

#[doc = include_str!("../../docs/moving.md")]
pub mod moving {}

mod adopt;
mod storage_move;

pub use adopt::{Adopt, AdoptReport, adopt};
pub use storage_move::{
    FieldName, MoveError, MoveReport, RenameNames, StorageMove, rename_names, storage_move,
};

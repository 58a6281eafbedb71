#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! Roughly from the lowest layer to the highest.
//!
//! | Module | What |
//! |---|---|
//! | [`Error`], [`name`] | the error type; validated names and Django's naming rules |
//! | [`content`], [`file`](mod@file) | the content to save; `File` and `ContentFile` around any reader or writer |
//! | [`inspect`], [`image`] | one pass over the bytes: size, SHA-256, type, image header |
//! | [`storage`], [`settings`] | the `Storage` trait and the built-in storages; their configuration |
//! | [`field`], [`upload_to`] | values, accessors, and the names that fields generate |
//! | [`serde`](mod@crate::serde) | the values that serde reads back |
//! | [`registry`] | `App`, aliases, storage functions evaluated once |
//! | `db` | tables, and rows that are saved with their files; the journal behind them |
//! | `ops` | tasks of an operator: moving files between storages |
//! | `testing` | the conformance suite for storages, and overrides for tests |
#![forbid(unsafe_code)]

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
#[cfg(feature = "db")]
#[cfg_attr(
    not(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql")),
    allow(unused, reason = "without a driver there is no pool")
)]
mod backend;
pub mod blocking;
mod columns;
pub mod content;
#[cfg(feature = "db")]
pub mod db;
mod error;
#[allow(unused, reason = "each needs a feature")]
mod failpoints;
pub mod field;
pub mod file;
pub mod http_date;
pub mod image;
pub mod inspect;
#[cfg(feature = "db")]
mod journal;
mod model;
pub mod name;
#[cfg(feature = "db")]
pub mod ops;
pub mod prelude;
pub mod registry;
pub mod serde;
pub mod settings;
pub mod storage;
#[cfg(feature = "testing")]
pub mod testing;
mod threads;
pub mod upload_to;

pub use async_trait::async_trait;
pub use bytes::Bytes;
pub use content::{Content, TempFile};
pub use error::{BoxError, Error, ErrorKind, Result};
pub use field::{FieldFile, FieldFileMut, FileField, FileMeta, ImageField, ImageFieldFile};
#[doc = include_str!("../docs/model.md")]
pub use filefield_macros::Model;
#[cfg(feature = "db")]
pub use journal::{DeadEntry, SweepReport, Sweeper, SweeperTask};
pub use model::FileModel;
pub use name::FileName;
#[cfg(feature = "object-store")]
pub use object_store;
pub use registry::{App, IntoStorage, default_storage};
pub use settings::Settings;
pub use storage::{Metadata, Reader, SaveOptions, Saved, SharedStorage, Storage, StorageExt};

//! Storages by alias, models, and the one-time evaluation of storage functions.
//!
//! A storage function runs until it succeeds once. Threads that use the field at the same time wait for it. A
//! failure or a panic is returned as an [`Error`](crate::Error) to all callers for one second; then the
//! function is tried again. A function may use other fields. A function that needs its own field, directly or
//! through the functions of others in any thread, gets an error. But if it waits for a thread that it has
//! spawned, and that thread uses the field, both wait forever.

mod app;
mod cell;
mod homes;
mod into_storage;
mod models;
mod once;
mod overrides;
mod storages;
mod waits;

pub use app::{App, AppBuilder};
pub(crate) use cell::StorageCell;
pub use cell::StorageHandle;
pub(crate) use homes::elsewhere;
#[cfg(feature = "db")]
pub(crate) use homes::{handle, home_alias};
pub use into_storage::{IntoStorage, StorageChoice, StorageFn};
pub(crate) use models::register;
pub use models::{RegisteredModel, models};
#[cfg(feature = "db")]
pub(crate) use models::{aliases, enter_model, known_storages};
pub use overrides::{deny_real_storage, spawn, with_storage, with_storage_sync};
#[cfg(feature = "db")]
pub(crate) use storages::is_same;
pub use storages::{create_storage, default_storage, storage};

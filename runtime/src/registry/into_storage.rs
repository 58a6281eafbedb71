//! What a storage function may return.

use crate::{BoxError, Error, ErrorKind, Result, SharedStorage, Storage};
use std::sync::Arc;

/// A storage function, as the derive writes it down.
pub type StorageFn = fn() -> Result<StorageChoice>;

/// What a storage function chose.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StorageChoice {
    /// This storage.
    Storage(SharedStorage),
    /// The storage that goes by this alias in the settings.
    Alias(String),
}

/// What a storage function may return: a storage, an `Arc<dyn Storage>`, the alias of one, or a `Result` of these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a storage",
    label = "the storage function returns `{Self}`",
    note = "return a type that implements `Storage`, an `Arc<dyn Storage>`, the alias of a storage, or a `Result` of these",
    note = "the error of a `Result` must be `Send + Sync`, such as `Box<dyn Error + Send + Sync>`",
    note = "a storage function is not `async`: connect lazily inside the storage"
)]
pub trait IntoStorage {
    /// Turns the returned value into a choice.
    ///
    /// # Errors
    /// Whatever the function reported.
    fn into_storage(self) -> Result<StorageChoice>;
}

#[diagnostic::do_not_recommend]
impl<S: Storage> IntoStorage for S {
    fn into_storage(self) -> Result<StorageChoice> {
        Ok(StorageChoice::Storage(Arc::new(self)))
    }
}

#[diagnostic::do_not_recommend]
impl<S: Storage> IntoStorage for Arc<S> {
    fn into_storage(self) -> Result<StorageChoice> {
        Ok(StorageChoice::Storage(self))
    }
}

#[diagnostic::do_not_recommend]
impl IntoStorage for SharedStorage {
    fn into_storage(self) -> Result<StorageChoice> {
        Ok(StorageChoice::Storage(self))
    }
}

#[diagnostic::do_not_recommend]
impl IntoStorage for Box<dyn Storage> {
    fn into_storage(self) -> Result<StorageChoice> {
        Ok(StorageChoice::Storage(Arc::from(self)))
    }
}

#[diagnostic::do_not_recommend]
impl IntoStorage for &'static str {
    fn into_storage(self) -> Result<StorageChoice> {
        Ok(StorageChoice::Alias(self.to_owned()))
    }
}

#[diagnostic::do_not_recommend]
impl IntoStorage for String {
    fn into_storage(self) -> Result<StorageChoice> {
        Ok(StorageChoice::Alias(self))
    }
}

#[diagnostic::do_not_recommend]
impl<S: IntoStorage, E: Into<BoxError>> IntoStorage for Result<S, E> {
    fn into_storage(self) -> Result<StorageChoice> {
        match self {
            Ok(storage) => storage.into_storage(),
            Err(error) => {
                let source = error.into();
                // One of our own errors keeps its kind.
                Err(match source.downcast::<Error>() {
                    Ok(own) => *own,
                    // Others do not say whether another try may help; there will be one.
                    Err(source) => Error::new(ErrorKind::StorageFunction, source.to_string())
                        .with_source(source)
                        .retryable(),
                })
            }
        }
    }
}

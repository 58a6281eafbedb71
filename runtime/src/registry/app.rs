//! Application start-up.

use super::models::{self, RegisteredModel, failed, register_one};
use super::{IntoStorage, StorageChoice, storages};
use crate::model::FileModel;
use crate::settings::{DEFAULT, Settings, check_alias};
use crate::{Error, ErrorKind, Result, SharedStorage, Storage, StorageExt};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

/// An application's settings, storages and models, checked before the first file is stored.
///
/// An `App` is optional. Without one, settings come from the environment, and the storage function of a field
/// runs at the first use of the field. A failure then appears at run time instead of at start-up.
///
/// ```
/// use filefield::registry::App;
/// use filefield::settings::Settings;
/// use filefield::storage::MemoryStorage;
///
/// let settings = Settings::builder().storage("cache", "memory://").build()?;
/// let app = App::builder().settings(settings).default_storage(MemoryStorage::new()).build()?;
/// assert_eq!(filefield::default_storage()?.kind(), "memory");
/// assert!(app.models().is_empty());
/// # Ok::<(), filefield::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct App {
    settings: Arc<Settings>,
    models: Vec<RegisteredModel>,
}

/// Builds an [`App`]; created by [`App::builder`].
#[derive(Debug)]
#[must_use]
pub struct AppBuilder {
    settings: Option<Settings>,
    storages: BTreeMap<String, Result<StorageChoice>>,
    models: Vec<RegisteredModel>,
    check: bool,
}

impl App {
    /// Creates a builder.
    pub fn builder() -> AppBuilder {
        AppBuilder::default()
    }

    /// Returns the settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the models of this app, in the order they were added.
    pub fn models(&self) -> &[RegisteredModel] {
        &self.models
    }
}

impl Default for AppBuilder {
    fn default() -> Self {
        AppBuilder { settings: None, storages: BTreeMap::new(), models: Vec::new(), check: true }
    }
}

impl AppBuilder {
    /// Sets the settings. The default is to keep the current ones, which initially come from the environment.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = Some(settings);
        self
    }

    /// Gives a storage an alias, replacing the one in the settings. An alias may refer to another alias, so
    /// that rows keep their files when the alias of their storage changes: `.storage("old", "new")`. Rows
    /// contain `Model.field` if the storage had no alias, so that form is also accepted here.
    pub fn storage(mut self, alias: &str, storage: impl IntoStorage) -> Self {
        let of_field = alias
            .split_once('.')
            .is_some_and(|(model, field)| check_alias(model).and_then(|_| check_alias(field)).is_ok());
        let storage = match check_alias(alias) {
            Err(message) if !of_field => Err(Error::new(ErrorKind::Settings, message)),
            _ => storage.into_storage(),
        };
        self.storages.insert(alias.to_owned(), storage);
        self
    }

    /// Sets the default storage.
    pub fn default_storage(self, storage: impl IntoStorage) -> Self {
        self.storage(DEFAULT, storage)
    }

    /// Adds a model. Adding the same model again has no effect.
    pub fn model<M: FileModel>(mut self) -> Self {
        let model = RegisteredModel::of::<M>();
        if !self.models.iter().any(|other| other.is_same(&model)) {
            self.models.push(model);
        }
        self
    }

    /// Sets whether [`build`](Self::build) checks that files can be saved in the storages, with
    /// [`Place::check`](crate::storage::Place::check). The default is `true`. Turn it off if files are only read,
    /// or if a disk is mounted later.
    ///
    /// A folder must exist and be writable, or it must be possible to create it. Its file system must never
    /// give the name of one file to another; to test this, two empty files are created in its folder
    /// `.filefield/tmp` and removed. Buckets are not contacted.
    pub fn check_storages(mut self, check: bool) -> Self {
        self.check = check;
        self
    }

    /// Makes the settings current, registers the models, evaluates the storage functions that have not been
    /// evaluated yet, and [checks](Self::check_storages) all storages: those of the settings, those given in
    /// code, and those of the fields. May be called again, also with other settings; storages built from the
    /// old settings are dropped. A field keeps a storage that it already has, so settings that would change
    /// it are refused.
    ///
    /// Logs a warning once for each storage that keeps no [owner tokens](crate::Storage::owner_tokens), through
    /// the crate `log`: only files of fields with `naming = "unique"` can be swept there.
    ///
    /// Does not wait for a network, so it can be called inside or outside a runtime.
    ///
    /// # Errors
    /// Returns [`Registration`](ErrorKind::Registration) with all problems, one per line (`Car.photo: ..`):
    /// storage functions that failed or panicked, unknown aliases, two types with the same table, storages in
    /// which files cannot be saved; and, before anything is changed, fields whose storage would change.
    /// Returns [`Settings`](ErrorKind::Settings) if the environment had to be read and is malformed. The next
    /// call tries again at once.
    pub fn build(self) -> Result<App> {
        let start = Instant::now();
        let mut problems = Vec::new();
        let mut given = BTreeMap::new();
        for (alias, storage) in self.storages {
            match storage {
                Ok(choice) => drop(given.insert(alias, choice)),
                Err(error) => {
                    let message = format!("storage `{}`: {error}", alias.escape_debug());
                    problems.push(Error::new(error.kind(), message));
                }
            }
        }
        let registered = models::models();
        let added = self.models.iter().filter(|model| !registered.iter().any(|other| other.is_same(model)));
        let known: Vec<_> =
            registered.iter().chain(added).flat_map(|model| model.fields()).copied().collect();
        let storages = storages::install(self.settings, given, &known, start)?;
        problems.extend(storages.problems());
        let mut checked = Vec::new();
        let before = problems.len();
        for (alias, storage) in if self.check { storages.all() } else { Vec::new() } {
            let storage = storage.and_then(|storage| {
                checked.push((alias, storage.clone()));
                storage.check()
            });
            if let Err(error) = storage {
                let problem =
                    Error::new(error.kind(), format!("storage `{}`: {error}", alias.escape_debug()));
                problems.push(if error.is_retryable() { problem.retryable() } else { problem });
            }
        }
        // Fields without a function are skipped: they would only be bound to a storage that is refused.
        let is_sound = problems.len() == before;
        for model in &self.models {
            problems.extend(register_one(model, start, |field| is_sound || field.spec().storage.is_some()));
        }
        for field in self.models.iter().flat_map(RegisteredModel::fields).filter(|_| self.check) {
            if let Some((alias, storage)) = field.cell().evaluated()
                && !checked.iter().any(|(_, other)| storages::is_same(other, storage))
            {
                checked.push((alias, storage.clone()));
                problems.extend(storage.check().err().map(|error| field.blame(error)));
            }
        }
        if problems.is_empty() {
            checked.iter().for_each(|(alias, storage)| warn_without_owner_tokens(alias, storage));
            Ok(App { settings: storages.settings().clone(), models: self.models })
        } else {
            Err(failed(&problems))
        }
    }
}

/// Logs that files in this storage can never be swept if it keeps no owner tokens: once for each storage.
fn warn_without_owner_tokens(alias: &str, storage: &SharedStorage) {
    static WARNED: Mutex<Vec<Weak<dyn Storage>>> = Mutex::new(Vec::new());
    if storage.owner_tokens().is_some() {
        return;
    }
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    warned.retain(|known| known.strong_count() > 0);
    if !warned.iter().any(|known| std::ptr::addr_eq(known.as_ptr(), Arc::as_ptr(storage))) {
        warned.push(Arc::downgrade(storage));
        drop(warned);
        log::warn!(
            "files in the storage `{}` can never be swept: it keeps no owner tokens; only files of fields with \
             `naming = \"unique\"` can do without",
            alias.escape_debug()
        );
    }
}

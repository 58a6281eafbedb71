//! The start of a program.

use super::models::{RegisteredModel, failed, register_one};
use super::{IntoStorage, StorageChoice, storages};
use crate::model::FileModel;
use crate::settings::{DEFAULT, Settings, check_alias};
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// A program's settings, storages and models, checked before the first file is stored.
///
/// Without an `App` a program works as well: settings come from the environment, and the storage function of a field
/// runs when the field is first used. Then a failure meets a user instead of the start.
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

/// Puts an [`App`] together; made by [`App::builder`].
#[derive(Debug, Default)]
#[must_use]
pub struct AppBuilder {
    settings: Option<Settings>,
    storages: BTreeMap<String, Result<StorageChoice>>,
    models: Vec<RegisteredModel>,
}

impl App {
    /// An app to be put together.
    pub fn builder() -> AppBuilder {
        AppBuilder::default()
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The models of this app, in the order they were added.
    pub fn models(&self) -> &[RegisteredModel] {
        &self.models
    }
}

impl AppBuilder {
    /// The settings; without them those in force stay, which are the environment's at first.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = Some(settings);
        self
    }

    /// Gives a storage an alias, in the place of one that the settings have. An alias may stand for another one, so
    /// that rows keep their files when their storage gets another alias: `.storage("old", "new")`. Rows say `Model.field`
    /// where the storage had none, so that is taken for an alias here.
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

    /// Gives the default storage.
    pub fn default_storage(self, storage: impl IntoStorage) -> Self {
        self.storage(DEFAULT, storage)
    }

    /// Adds a model. The same one twice is the same as once.
    pub fn model<M: FileModel>(mut self) -> Self {
        let model = RegisteredModel::of::<M>();
        if !self.models.iter().any(|other| other.is_same(&model)) {
            self.models.push(model);
        }
        self
    }

    /// Puts the settings in force, enters the models, and evaluates the storage functions that have not been yet
    /// (D133). May be called again, also with other settings: storages built from the old ones are dropped, but a
    /// field that was evaluated keeps its own (D273).
    ///
    /// # Errors
    /// [`Registration`](ErrorKind::Registration) with everything that is wrong, one problem a line
    /// (`Car.photo: ..`): storage functions that failed or panicked, aliases that lead nowhere, two types with one
    /// table. [`Settings`](ErrorKind::Settings) if the environment had to be read and is malformed. Another call
    /// tries again at once.
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
        let storages = storages::install(self.settings, given, start)?;
        problems.extend(storages.problems());
        problems.extend(self.models.iter().flat_map(|model| register_one(model, start)));
        if problems.is_empty() {
            Ok(App { settings: storages.settings().clone(), models: self.models })
        } else {
            Err(failed(&problems))
        }
    }
}

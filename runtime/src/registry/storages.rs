//! Storages by alias.

use super::once::Once;
use super::{StorageChoice, models, overrides};
use crate::field::FieldDef;
use crate::settings::{self, DEFAULT, DefaultStorage, Definition, OVERRIDE, Settings};
use crate::{Error, ErrorKind, Result, SharedStorage, StorageExt};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

/// The storages of the current settings, and those given in code.
#[derive(Debug)]
pub(super) struct Storages {
    settings: Arc<Settings>,
    given: BTreeMap<String, StorageChoice>,
    entries: BTreeMap<String, Entry>,
}

/// The meaning of an alias.
#[derive(Debug)]
enum Entry {
    Given(SharedStorage),
    Alias(String),
    /// Built on first use.
    Defined(Definition, Once<SharedStorage>),
}

static CURRENT: RwLock<Option<Arc<Storages>>> = RwLock::new(None);

/// The current storages; those of the environment if no `App` has been built.
fn current() -> Result<Arc<Storages>> {
    if let Some(storages) = &*CURRENT.read().unwrap_or_else(PoisonError::into_inner) {
        return Ok(storages.clone());
    }
    let mut current = CURRENT.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(storages) = &*current {
        return Ok(storages.clone());
    }
    let storages = Storages::new(settings::try_settings()?, BTreeMap::new());
    Ok(current.insert(Arc::new(storages)).clone())
}

/// Makes settings and storages current. Instances built from old settings are dropped, except in fields that
/// already have them. Unchanged entries keep their instance, so that an alias is one instance for all
/// evaluated fields; their failures from before `start` are cleared.
///
/// # Errors
/// Returns [`Registration`](ErrorKind::Registration) if the storage of one of the `fields` would change. In
/// that case nothing is changed.
pub(super) fn install(
    settings: Option<Settings>,
    given: BTreeMap<String, StorageChoice>,
    fields: &[&'static FieldDef],
    start: Instant,
) -> Result<Arc<Storages>> {
    if settings.is_none() && given.is_empty() {
        let storages = current()?;
        storages.forget_failures(start);
        return Ok(storages);
    }
    let mut current = CURRENT.write().unwrap_or_else(PoisonError::into_inner);
    let settings = match (settings, &*current) {
        (Some(settings), Some(storages)) if *storages.settings == settings => storages.settings.clone(),
        (Some(settings), _) => Arc::new(settings),
        (None, _) => settings::try_settings()?,
    };
    if let Some(storages) = &*current
        && Arc::ptr_eq(&storages.settings, &settings)
        && storages.has_given(&given)
    {
        storages.forget_failures(start);
        return Ok(storages.clone());
    }
    let storages = Arc::new(Storages::new(settings.clone(), given));
    let changed: Vec<_> =
        fields.iter().filter_map(|field| storages.changes(field, current.as_deref())).collect();
    if !changed.is_empty() {
        return Err(models::failed(&changed));
    }
    settings::install(settings);
    // Dropped after the lock is released: a storage's destructor may use the library.
    let _old = current.replace(storages.clone());
    drop(current);
    Ok(storages)
}

impl Storages {
    fn new(settings: Arc<Settings>, given: BTreeMap<String, StorageChoice>) -> Self {
        let defined = |definition: &Definition| Entry::Defined(definition.clone(), Once::new());
        let default = match settings.default_file_storage() {
            Some(DefaultStorage::Alias(alias)) => Entry::Alias(alias.clone()),
            Some(DefaultStorage::Definition(definition)) => defined(definition),
            None => defined(&Definition::media()),
        };
        let mut entries = BTreeMap::from([(DEFAULT.to_owned(), default)]);
        for (alias, definition) in settings.definitions() {
            entries.insert(alias.clone(), defined(definition));
        }
        for (alias, choice) in &given {
            let entry = match choice {
                StorageChoice::Storage(storage) => Entry::Given(storage.clone()),
                StorageChoice::Alias(target) => Entry::Alias(target.clone()),
            };
            entries.insert(alias.clone(), entry);
        }
        Storages { settings, given, entries }
    }

    pub(super) fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    fn has_given(&self, given: &BTreeMap<String, StorageChoice>) -> bool {
        let same = |(a, b): (&StorageChoice, &StorageChoice)| match (a, b) {
            (StorageChoice::Storage(a), StorageChoice::Storage(b)) => is_same(a, b),
            (StorageChoice::Alias(a), StorageChoice::Alias(b)) => a == b,
            _ => false,
        };
        self.given.keys().eq(given.keys()) && self.given.values().zip(given.values()).all(same)
    }

    fn forget_failures(&self, start: Instant) {
        for entry in self.entries.values() {
            if let Entry::Defined(_, once) = entry {
                once.forget_failure(start);
            }
        }
    }

    /// Returns the final target of `alias` and its entry.
    fn find<'a>(&'a self, alias: &'a str) -> Result<(&'a str, &'a Entry)> {
        let mut target = alias;
        // More steps than entries mean a circle.
        for _ in 0..=self.entries.len() {
            match self.entries.get(target) {
                Some(Entry::Alias(next)) => target = next,
                Some(entry) => return Ok((target, entry)),
                None => return Err(self.unknown(alias, target)),
            }
        }
        Err(Error::new(ErrorKind::Settings, format!("the alias `{alias}` leads in a circle")))
    }

    fn unknown(&self, alias: &str, target: &str) -> Error {
        let help = settings::help(target, self.entries.keys().map(String::as_str));
        let message = if alias == target {
            format!("no storage goes by the alias `{}`; {help}", target.escape_debug())
        } else {
            format!("`{alias}` stands for the alias `{target}`, which no storage goes by; {help}")
        };
        Error::new(ErrorKind::UnknownStorage, message)
    }

    fn get(&self, alias: &str) -> Result<(String, SharedStorage)> {
        let (target, entry) = self.find(alias)?;
        let storage = match entry {
            Entry::Given(storage) => storage.clone(),
            Entry::Defined(definition, once) => once
                .get_or_try(|| definition.build(&self.settings).map_err(|error| error.with_storage(target)))?
                .clone(),
            Entry::Alias(_) => return Err(self.unknown(alias, target)),
        };
        Ok((target.to_owned(), storage))
    }

    /// Builds and returns the storages given in code and those of the settings. Without `MEDIA_ROOT` there is
    /// no default storage.
    pub(super) fn all(&self) -> Vec<(&str, Result<SharedStorage>)> {
        let has_default =
            self.settings.media_root().is_some() || self.settings.default_file_storage().is_some();
        let is_own = |alias: &str, entry: &Entry| match entry {
            Entry::Given(_) => true,
            Entry::Defined(..) => {
                alias != DEFAULT || has_default || self.settings.definitions().contains_key(DEFAULT)
            }
            Entry::Alias(_) => false,
        };
        let own = self.entries.iter().filter(|(alias, entry)| is_own(alias, entry));
        own.map(|(alias, _)| (alias.as_str(), self.get(alias).map(|(_, storage)| storage))).collect()
    }

    /// The error if these settings would change the storage of a field that already has one.
    fn changes(&self, field: &FieldDef, before: Option<&Storages>) -> Option<Error> {
        let (alias, old) = field.cell().evaluated()?;
        let wanted = if field.spec().storage.is_none() { DEFAULT } else { alias };
        // If the alias no longer exists, the field keeps its storage, and no other field gets a different
        // one.
        let (target, new) = self.get(wanted).ok()?;
        let definition = |storages: &Storages| match storages.entries.get(&target) {
            Some(Entry::Defined(definition, _)) => Some(definition.clone()),
            _ => None,
        };
        let is_redefined = || before.is_none_or(|before| definition(before) != definition(self));
        let is_other = match (old.location(), new.location()) {
            (Some(old), Some(new)) if old == new => false,
            // Every instance of it is separate, so the definitions are compared.
            _ if old.kind() == "memory" && new.kind() == "memory" && definition(self).is_some() => {
                is_redefined()
            }
            (None, None) if definition(self).is_some() => is_redefined(),
            _ => !is_same(old, &new),
        };
        if !is_other {
            return None;
        }
        let (old, new) = (described(alias, old), described(&target, &new));
        let text = format!(
            "the field uses the storage {old} already and would go on using it, while the new settings say {new}; build \
             the app once, before files are used, or use `filefield::registry::with_storage` in a test"
        );
        Some(field.blame(Error::new(ErrorKind::Registration, text)))
    }

    /// The errors of unknown aliases.
    pub(super) fn problems(&self) -> Vec<Error> {
        self.entries.keys().filter_map(|alias| self.find(alias).err()).collect()
    }
}

/// The storages given in code, and those already built from the settings.
#[cfg(feature = "db")]
pub(super) fn built() -> Vec<(String, SharedStorage)> {
    let Ok(current) = current() else { return Vec::new() };
    let built = current.entries.iter().filter_map(|(alias, entry)| match entry {
        Entry::Given(storage) => Some((alias.clone(), storage.clone())),
        Entry::Defined(_, once) => Some((alias.clone(), once.get()?.clone())),
        Entry::Alias(_) => None,
    });
    built.collect()
}

/// Describes a storage without its full path.
fn described(alias: &str, storage: &SharedStorage) -> String {
    let location = storage.location().unwrap_or_default();
    let kind = storage.kind();
    match location.trim_end_matches('/').rsplit_once('/') {
        Some((_, last)) if !last.is_empty() => format!("`{alias}` ({kind}, `{last}`)"),
        _ => format!("`{alias}` ({kind})"),
    }
}

/// Whether both are the same instance.
pub(crate) fn is_same(a: &SharedStorage, b: &SharedStorage) -> bool {
    // Ignores vtables, because one type may have several.
    std::ptr::addr_eq(Arc::as_ptr(a), Arc::as_ptr(b))
}

/// Returns the storage with this alias, and its final alias: `default` may refer to another one.
pub(super) fn look_up(alias: &str) -> Result<(String, SharedStorage)> {
    current()?.get(alias)
}

/// Returns the storage with this alias: one given to [`AppBuilder`](super::AppBuilder); one of the settings,
/// which is built on first use and then shared; or, as `Model.field`, the storage of a registered field
/// without another alias. Inside [`with_storage`](super::with_storage), `override` is the current override.
///
/// # Errors
/// Returns [`UnknownStorage`](ErrorKind::UnknownStorage), listing the known aliases, if there is no such
/// alias, and [`Settings`](ErrorKind::Settings) if the storage cannot be built; this error is kept for one
/// second.
pub fn storage(alias: &str) -> Result<SharedStorage> {
    if alias == OVERRIDE
        && let Some(storage) = overrides::current()
    {
        return Ok(storage);
    }
    match look_up(alias) {
        Ok((_, storage)) => Ok(storage),
        Err(error) if error.kind() == ErrorKind::UnknownStorage => {
            models::storage_of_field(alias).unwrap_or(Err(error))
        }
        Err(error) => Err(error),
    }
}

/// Returns the default storage, which has the alias `default`: the one given to
/// [`AppBuilder::default_storage`](super::AppBuilder::default_storage), otherwise `STORAGES.default` or
/// `DEFAULT_FILE_STORAGE`, otherwise a folder at `MEDIA_ROOT`.
///
/// # Errors
/// The errors of [`storage`].
pub fn default_storage() -> Result<SharedStorage> {
    storage(DEFAULT)
}

/// Creates a storage from a URL. The current settings apply to everything the URL does not specify. Every
/// call creates a new instance without an alias.
///
/// ```
/// let storage = filefield::registry::create_storage("memory://?base_url=/media/")?;
/// assert_eq!(storage.kind(), "memory");
/// # Ok::<(), filefield::Error>(())
/// ```
///
/// # Errors
/// Returns [`Settings`](ErrorKind::Settings) for a malformed URL, or an unknown scheme or option.
pub fn create_storage(url: &str) -> Result<SharedStorage> {
    Definition::of_url(url)?.build(&*settings::try_settings()?)
}

/// Returns the alias of a storage instance given in code or built from the settings.
pub(super) fn alias_of(storage: &SharedStorage) -> Option<String> {
    let current = current().ok()?;
    let goes_by = |entry: &Entry| match entry {
        Entry::Given(given) => is_same(given, storage),
        Entry::Defined(_, once) => once.get().is_some_and(|built| is_same(built, storage)),
        Entry::Alias(_) => false,
    };
    let mut aliases = current.entries.iter().filter(|(_, entry)| goes_by(entry)).map(|(alias, _)| alias);
    let first = aliases.next()?;
    // `default` may refer to a different storage later; another alias is unlikely to.
    let alias = if first == DEFAULT { aliases.next().unwrap_or(first) } else { first };
    Some(alias.clone())
}

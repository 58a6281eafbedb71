//! The keys and how each is read.

use super::backend::Definition;
use super::mangled;
use super::suggest::help;
use super::url::is_url;
use super::value::{Entry, Parsed, Problem, Value, Zone};
use crate::storage::Signer;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The values of one source; `None` if it does not set them.
#[derive(Clone, Default)]
pub(super) struct Layer {
    pub(super) media_root: Option<PathBuf>,
    pub(super) media_url: Option<String>,
    pub(super) debug: Option<bool>,
    pub(super) default_file_storage: Option<DefaultStorage>,
    pub(super) storages: BTreeMap<String, Definition>,
    pub(super) file_upload_permissions: Option<u32>,
    pub(super) file_upload_directory_permissions: Option<u32>,
    pub(super) file_upload_idle_timeout: Option<Option<Duration>>,
    pub(super) file_upload_timeout: Option<Option<Duration>>,
    pub(super) time_zone: Option<Zone>,
    pub(super) delete_after: Option<Duration>,
    pub(super) secret_key: Option<Secret>,
    pub(super) secret_key_fallback: Option<Secret>,
}

/// `DEFAULT_FILE_STORAGE`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DefaultStorage {
    Alias(String),
    Definition(Definition),
}

/// The alias of the default storage.
pub(crate) const DEFAULT: &str = "default";

/// The alias of a storage that replaces another one in a test. Used in errors; settings cannot use it.
pub(crate) const OVERRIDE: &str = "override";

/// A signing key. Never appears in a log or an error.
#[derive(Clone, PartialEq)]
pub(super) struct Secret(String);

impl Secret {
    fn read(value: Value) -> Parsed<Self> {
        let secret = value.text()?;
        mangled::check_secret(&secret)?;
        Signer::new(&secret).map_err(|error| error.to_string())?;
        Ok(Secret(secret))
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

type Set = fn(&mut Layer, Value) -> Parsed<()>;

/// All keys except `STORAGES`.
static KEYS: [(&str, Set); 12] = [
    ("MEDIA_ROOT", |layer, value| put(&mut layer.media_root, value.path()?)),
    ("MEDIA_URL", |layer, value| put(&mut layer.media_url, value.base_url()?)),
    ("DEBUG", |layer, value| put(&mut layer.debug, Some(value.flag()?))),
    ("DEFAULT_FILE_STORAGE", |layer, value| put(&mut layer.default_file_storage, default_storage(value)?)),
    ("FILE_UPLOAD_PERMISSIONS", |layer, value| {
        put(&mut layer.file_upload_permissions, Some(value.file_mode()?))
    }),
    ("FILE_UPLOAD_DIRECTORY_PERMISSIONS", |layer, value| {
        put(&mut layer.file_upload_directory_permissions, Some(value.directory_mode()?))
    }),
    ("FILE_UPLOAD_IDLE_TIMEOUT", |layer, value| {
        put(&mut layer.file_upload_idle_timeout, Some(value.timeout()?))
    }),
    ("FILE_UPLOAD_TIMEOUT", |layer, value| put(&mut layer.file_upload_timeout, Some(value.timeout()?))),
    ("TIME_ZONE", |layer, value| put(&mut layer.time_zone, Some(value.zone()?))),
    ("DELETE_AFTER", |layer, value| put(&mut layer.delete_after, Some(value.duration()?))),
    ("SECRET_KEY", |layer, value| put(&mut layer.secret_key, Some(Secret::read(value)?))),
    ("SECRET_KEY_FALLBACK", |layer, value| put(&mut layer.secret_key_fallback, Some(Secret::read(value)?))),
];

const STORAGES: &str = "STORAGES";

/// All keys, for error texts.
pub(super) fn names() -> impl Iterator<Item = &'static str> + Clone {
    KEYS.iter().map(|(name, _)| *name).chain([STORAGES])
}

fn put<T>(slot: &mut Option<T>, value: Option<T>) -> Parsed<()> {
    *slot = value;
    Ok(())
}

fn default_storage(value: Value) -> Parsed<Option<DefaultStorage>> {
    if let Value::Table(_) = value {
        return Definition::parse(value).map(|definition| Some(DefaultStorage::Definition(definition)));
    }
    let text = value.text()?;
    Ok(match text.as_str() {
        "" => None,
        alias if alias.eq_ignore_ascii_case(DEFAULT) => {
            return Err("`default` is the alias that this setting explains; name another one".into());
        }
        _ if is_url(&text) => Some(DefaultStorage::Definition(Definition::parse(Value::Text(text))?)),
        // Before it had aliases, Django used a class name here.
        class if class.contains('.') => Some(DefaultStorage::Definition(Definition::from_class(class)?)),
        alias => Some(DefaultStorage::Alias(check_alias(alias)?.to_owned())),
    })
}

/// Checks that an alias is a word, so that it cannot be confused with a URL or with the `Model.field` name of
/// other storages.
pub(crate) fn check_alias(alias: &str) -> Result<&str, String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if alias.is_empty() || !alias.chars().all(word) {
        let alias = alias.escape_debug();
        return Err(format!("`{alias}` cannot be an alias; write letters, digits, `_` and `-` only"));
    }
    if alias != DEFAULT && alias.eq_ignore_ascii_case(DEFAULT) {
        return Err(format!("the alias of the default storage is `{DEFAULT}`, in lower case"));
    }
    if alias == OVERRIDE {
        return Err(format!("the alias `{OVERRIDE}` is reserved for tests"));
    }
    Ok(alias)
}

impl Layer {
    /// Reads a key of a TOML document: upper-case as in Django, or lower-case.
    pub(super) fn set_entry(&mut self, Entry { key, value, at }: Entry) -> Vec<Problem> {
        let upper = key.to_ascii_uppercase();
        if upper != STORAGES {
            let result = match KEYS.iter().find(|(name, _)| *name == upper) {
                Some((name, set)) => set(self, value).map_err(|problem| problem.within(name, at)),
                None => {
                    let text = format!("unknown setting `{}`; {}", key.escape_debug(), help(&upper, names()));
                    Err(Problem { text, at })
                }
            };
            return result.err().into_iter().collect();
        }
        match value.table() {
            Ok(entries) => entries
                .into_iter()
                .filter_map(|Entry { key, value, at }| self.set_storage(&key, value, at).err())
                .collect(),
            Err(problem) => vec![problem.within(STORAGES, at)],
        }
    }

    /// Reads a variable. `name` excludes the prefix.
    pub(super) fn set_variable(&mut self, prefix: &str, name: &str, value: Value) -> Parsed<()> {
        match name.strip_prefix("STORAGES__") {
            Some(alias) if !alias.starts_with('_') => return self.set_storage(alias, value, None),
            None if !name.starts_with("STORAGES_") => {}
            _ => {
                let alias = name["STORAGES".len()..].trim_start_matches('_').escape_debug();
                let text = "an alias follows two underscores";
                return Err(
                    format!("{prefix}{}: {text}: `{prefix}STORAGES__{alias}`", name.escape_debug()).into()
                );
            }
        }
        match KEYS.iter().find(|(known, _)| *known == name) {
            Some((_, set)) => {
                set(self, value).map_err(|problem| problem.within(&format!("{prefix}{name}"), None))
            }
            None => {
                let known: Vec<String> = KEYS
                    .iter()
                    .map(|(name, _)| format!("{prefix}{name}"))
                    .chain([format!("{prefix}STORAGES__<alias>"), format!("{prefix}CONFIG")])
                    .collect();
                let name = format!("{prefix}{name}");
                let help = help(&name, known.iter().map(String::as_str));
                Err(format!("unknown variable `{}`; {help}", name.escape_debug()).into())
            }
        }
    }

    pub(super) fn set_storage(&mut self, alias: &str, value: Value, at: Option<usize>) -> Parsed<()> {
        let read = || -> Parsed<Definition> {
            check_alias(alias)?;
            Definition::parse(value)
        };
        let definition =
            read().map_err(|problem| problem.within(&format!("STORAGES.{}", alias.escape_debug()), at))?;
        match self.storages.insert(alias.to_owned(), definition) {
            None => Ok(()),
            Some(_) => Err(Problem { text: format!("the storage `{alias}` is given twice"), at }),
        }
    }

    /// Puts this layer on top of a lower one. Storages are merged by alias.
    pub(super) fn over(self, mut lower: Layer) -> Layer {
        // The two ways to name the default storage replace each other.
        if self.default_file_storage.is_some() {
            lower.storages.remove(DEFAULT);
        } else if self.storages.contains_key(DEFAULT) {
            lower.default_file_storage = None;
        }
        lower.storages.extend(self.storages);
        Layer {
            media_root: self.media_root.or(lower.media_root),
            media_url: self.media_url.or(lower.media_url),
            debug: self.debug.or(lower.debug),
            default_file_storage: self.default_file_storage.or(lower.default_file_storage),
            storages: lower.storages,
            file_upload_permissions: self.file_upload_permissions.or(lower.file_upload_permissions),
            file_upload_directory_permissions: self
                .file_upload_directory_permissions
                .or(lower.file_upload_directory_permissions),
            file_upload_idle_timeout: self.file_upload_idle_timeout.or(lower.file_upload_idle_timeout),
            file_upload_timeout: self.file_upload_timeout.or(lower.file_upload_timeout),
            time_zone: self.time_zone.or(lower.time_zone),
            delete_after: self.delete_after.or(lower.delete_after),
            secret_key: self.secret_key.or(lower.secret_key),
            secret_key_fallback: self.secret_key_fallback.or(lower.secret_key_fallback),
        }
    }

    /// Refuses two aliases that differ only in case: one was probably meant to replace the other.
    pub(super) fn check_aliases(&self) -> Parsed<()> {
        let mut seen = BTreeMap::new();
        for alias in self.storages.keys() {
            if let Some(other) = seen.insert(alias.to_ascii_lowercase(), alias) {
                return Err(format!(
                    "the aliases `{other}` and `{alias}` differ in case only; write one of them"
                )
                .into());
            }
        }
        Ok(())
    }

    /// Refuses a layer that names the default storage twice.
    pub(super) fn check(&self) -> Parsed<()> {
        if self.default_file_storage.is_some() && self.storages.contains_key(DEFAULT) {
            return Err("`DEFAULT_FILE_STORAGE` and `STORAGES.default` are both set; keep one".into());
        }
        Ok(())
    }
}

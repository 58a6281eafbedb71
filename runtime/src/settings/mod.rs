//! Settings: Django's names, from code, the environment or TOML.
//!
//! | key | meaning | default |
//! |---|---|---|
//! | `MEDIA_ROOT` | directory of the default storage | none: a storage that needs it fails |
//! | `MEDIA_URL` | URL under which `MEDIA_ROOT` is served | none |
//! | `DEBUG` | for storage functions that depend on it | `false` |
//! | `STORAGES` | alias → storage, as a URL or a table | |
//! | `DEFAULT_FILE_STORAGE` | the alias or the URL of the default storage | the storage `default`, otherwise `MEDIA_ROOT` |
//! | `FILE_UPLOAD_PERMISSIONS` | mode of stored files, octal | `0o644` |
//! | `FILE_UPLOAD_DIRECTORY_PERMISSIONS` | mode of directories created for them, octal | set by the umask |
//! | `FILE_UPLOAD_IDLE_TIMEOUT` | maximum wait for the next byte of a reader or a stream, in seconds; 0 for no limit | 30 |
//! | `FILE_UPLOAD_TIMEOUT` | maximum total time of a reader or a stream, in seconds; 0 for no limit | 21600 (6 hours) |
//! | `TIME_ZONE` | `local`, `UTC`, a name, an offset: the time of `upload_to` | `local` |
//! | `DELETE_AFTER` | how long a file is kept after its row was deleted or changed to another file: `7 days`, `12 hours`, `0 s` | `7 days` |
//! | `SECRET_KEY` | signs URLs of files on this machine and in memory; 32 bytes or more | none: nothing is signed |
//! | `SECRET_KEY_FALLBACK` | a second key, whose signatures are also accepted | none |
//!
//! Storages named in the settings use the two modes unless they have options of their own. Settings in code
//! override the environment, and the environment overrides TOML; see [`SettingsBuilder`]. An unknown key is
//! an error.
//!
//! Values are used as written. A value mangled by a shell, an env file or a template is an error that says
//! what to write: quotes, blanks or line breaks at its ends, a trailing comment, `~`, `$HOME`, `{{ media }}`,
//! a URL in place of a path, a Windows path, a key from an example. A folder with such a name can be given as
//! a storage URL with percent escapes: `DEFAULT_FILE_STORAGE = "file:///srv/100%25%20media"`.
//!
//! Environment variables have the prefix `FILEFIELD_`. An alias follows two underscores
//! (`FILEFIELD_STORAGES__photos=file:///srv/photos`), and `FILEFIELD_CONFIG` names a TOML file. Aliases are
//! case-sensitive, and two that differ only in case are an error. In TOML:
//!
//! ```toml
//! MEDIA_ROOT = "/srv/media"
//! MEDIA_URL = "/media/"
//! FILE_UPLOAD_PERMISSIONS = 0o640
//!
//! [STORAGES]
//! cache = "memory://?base_url=/cache/"
//!
//! [STORAGES.photos]
//! url = "file:///srv/photos"
//! base_url = "/photos/"
//! durability = "file"
//!
//! [STORAGES.archive]                       # Django's names also work
//! BACKEND = "django.core.files.storage.FileSystemStorage"
//! OPTIONS = { location = "/srv/archive", base_url = "/archive/" }
//! ```
//!
//! # Storages as URLs
//!
//! * `file:///srv/media`: a [`FileSystemStorage`](crate::storage::FileSystemStorage). Options: `base_url`,
//!   `permissions` and `directory_permissions` (octal), `durability` (`full`, `file`, `none`),
//!   `allow_overwrite`.
//! * `memory://`: a [`MemoryStorage`](crate::storage::MemoryStorage). Options: `base_url`, `allow_overwrite`.
//! * `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`, each with the feature `s3`, `gcs`
//!   or `azure`: an `ObjectStorage`. Common options: `base_url`, `endpoint` (the URL of a compatible
//!   service), `part_size` (`8MiB`), `concurrency`, `allow_overwrite`, `create_only` (`ask` the bucket
//!   whether it refuses to replace files, or `trust` that it does; the default is to ask if there is an
//!   `endpoint`), `disposition` (`active-as-attachment`, `attachment`, `unstated`), `cache_control`,
//!   `storage_class`, `retries` (2 per request), `retry_seconds` (10: no retry after that), `timeout` (60
//!   seconds without data from the service), `environment` (the prefix of the credential variables: `BACKUP_`
//!   for `BACKUP_AWS_..`). `s3:` also has `region`, `virtual_hosted`, `anonymous`, `server_side_encryption`
//!   (`AES256`, `aws:kms`, `aws:kms:dsse`) and `kms_key_id`; `gs:` has `anonymous`; `az:` has `account`,
//!   `emulator` and `anonymous`. Permissions, CORS, lifecycle rules and the guarantees of each provider are
//!   described in `storage::providers`.
//!
//! Credentials are not options. They come from the environment (`AWS_ACCESS_KEY_ID` and
//! `AWS_SECRET_ACCESS_KEY`, `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_KEY`) or from the role that the
//! provider gives to the machine, and never appear in an error or a log.
//!
//! The path is absolute and percent-encoded. Options follow a `?`, are separated by `&`, and are
//! percent-encoded too.

mod backend;
mod builder;
mod cloud;
mod keys;
mod mangled;
mod option;
mod suggest;
#[cfg(test)]
mod tests;
mod toml;
mod url;
mod value;

pub(crate) use backend::Definition;
pub use builder::SettingsBuilder;
pub(crate) use keys::{DEFAULT, DefaultStorage, OVERRIDE, check_alias};
pub(crate) use suggest::help;

use crate::content::Timeouts;
use crate::storage::Signer;
use crate::{Error, ErrorKind, Result};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use keys::Secret;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::Duration;
use value::{Value, Zone};

/// How long a file is kept by default after its row has released it.
const DELETE_AFTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The settings of a program. They are immutable; to change them, build another
/// [`App`](crate::registry::App).
#[derive(Clone, PartialEq)]
pub struct Settings {
    media_root: Option<PathBuf>,
    media_url: Option<String>,
    debug: bool,
    default_file_storage: Option<DefaultStorage>,
    storages: BTreeMap<String, Definition>,
    file_upload_permissions: u32,
    file_upload_directory_permissions: Option<u32>,
    upload_timeouts: Timeouts,
    time_zone: Zone,
    delete_after: Option<Duration>,
    secret_key: Option<Secret>,
    secret_key_fallback: Option<Secret>,
}

impl Settings {
    /// Creates a builder that combines several sources.
    pub fn builder() -> SettingsBuilder {
        SettingsBuilder::default()
    }

    /// Reads the environment, and the TOML file named by `FILEFIELD_CONFIG`.
    ///
    /// # Errors
    /// The errors of [`SettingsBuilder::build`].
    pub fn from_env() -> Result<Self> {
        Self::builder().environment().build()
    }

    /// Reads a TOML document only.
    ///
    /// ```
    /// use filefield::settings::Settings;
    /// let settings = Settings::from_toml("MEDIA_URL = '/media'\nDEBUG = true")?;
    /// assert_eq!(settings.media_url(), Some("/media/"));
    /// let error = Settings::from_toml("MEDIA_ULR = '/media'").unwrap_err();
    /// assert!(error.to_string().starts_with("line 1, column 1: unknown setting `MEDIA_ULR`; did you mean `MEDIA_URL`?"));
    /// # Ok::<(), filefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`SettingsBuilder::build`], with line and column.
    pub fn from_toml(text: &str) -> Result<Self> {
        Self::builder().toml(text).build()
    }

    /// Reads a TOML file only.
    ///
    /// # Errors
    /// The errors of [`SettingsBuilder::build`], with line and column.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder().file(path).build()
    }

    /// Returns `MEDIA_ROOT`, absolute. There is no default, so that files are never stored in the working
    /// directory by accident.
    pub fn media_root(&self) -> Option<&Path> {
        self.media_root.as_deref()
    }

    /// Returns `MEDIA_URL`, with a trailing slash.
    pub fn media_url(&self) -> Option<&str> {
        self.media_url.as_deref()
    }

    /// Returns `DEBUG`.
    pub fn debug(&self) -> bool {
        self.debug
    }

    /// Returns the aliases of `STORAGES`, sorted.
    pub fn storages(&self) -> impl Iterator<Item = &str> {
        self.storages.keys().map(String::as_str)
    }

    /// Returns `FILE_UPLOAD_PERMISSIONS`.
    pub fn file_upload_permissions(&self) -> u32 {
        self.file_upload_permissions
    }

    /// Returns `FILE_UPLOAD_DIRECTORY_PERMISSIONS`.
    pub fn file_upload_directory_permissions(&self) -> Option<u32> {
        self.file_upload_directory_permissions
    }

    /// Returns `FILE_UPLOAD_IDLE_TIMEOUT`; `None` for no limit.
    pub fn file_upload_idle_timeout(&self) -> Option<Duration> {
        self.upload_timeouts.idle
    }

    /// Returns `FILE_UPLOAD_TIMEOUT`; `None` for no limit.
    pub fn file_upload_timeout(&self) -> Option<Duration> {
        self.upload_timeouts.total
    }

    pub(crate) fn upload_timeouts(&self) -> Timeouts {
        self.upload_timeouts
    }

    /// Returns `TIME_ZONE`; the system's time zone if it is `local`.
    pub fn time_zone(&self) -> TimeZone {
        self.time_zone.get()
    }

    /// Returns `DELETE_AFTER`: how long a file stays in its storage after the row that named it was deleted,
    /// cleared or given another file. The default is 7 days. During that time a database restored from a
    /// backup still finds the file, and no other file gets its name. With zero, files are deleted at once.
    ///
    /// If settings made in code do not set it, the variable `FILEFIELD_DELETE_AFTER` applies, if present.
    pub fn delete_after(&self) -> Duration {
        static VARIABLE: LazyLock<Option<Duration>> = LazyLock::new(|| {
            let value = std::env::var_os("FILEFIELD_DELETE_AFTER").filter(|value| !value.is_empty())?;
            Value::from(value).duration().ok()
        });
        self.delete_after.or(*VARIABLE).unwrap_or(DELETE_AFTER)
    }

    pub(crate) fn definitions(&self) -> &BTreeMap<String, Definition> {
        &self.storages
    }

    pub(crate) fn default_file_storage(&self) -> Option<&DefaultStorage> {
        self.default_file_storage.as_ref()
    }
}

impl Default for Settings {
    /// The defaults of all settings.
    fn default() -> Self {
        Settings {
            media_root: None,
            media_url: None,
            debug: false,
            default_file_storage: None,
            storages: BTreeMap::new(),
            file_upload_permissions: 0o644,
            file_upload_directory_permissions: None,
            upload_timeouts: Timeouts::default(),
            time_zone: Zone::Local,
            delete_after: None,
            secret_key: None,
            secret_key_fallback: None,
        }
    }
}

// Paths and URLs, which may contain secrets, must not appear in logs.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("media_root", &self.media_root.as_ref().map(|_| "[redacted]"))
            .field("media_url", &self.media_url.as_ref().map(|_| "[redacted]"))
            .field("debug", &self.debug)
            .field("default_file_storage", &self.default_file_storage)
            .field("storages", &self.storages)
            .field("file_upload_permissions", &format_args!("{:#o}", self.file_upload_permissions))
            .field(
                "file_upload_directory_permissions",
                &self.file_upload_directory_permissions.map(|mode| format!("{mode:#o}")),
            )
            .field("file_upload_idle_timeout", &self.upload_timeouts.idle)
            .field("file_upload_timeout", &self.upload_timeouts.total)
            .field("time_zone", &self.time_zone)
            .field("delete_after", &self.delete_after)
            .field("secret_key", &self.secret_key.as_ref().map(|_| "[redacted]"))
            .field("secret_key_fallback", &self.secret_key_fallback.as_ref().map(|_| "[redacted]"))
            .finish()
    }
}

impl Settings {
    /// Returns the signer of URLs; `None` without `SECRET_KEY`.
    ///
    /// # Errors
    /// Returns [`Settings`](crate::ErrorKind::Settings) if there is a `SECRET_KEY_FALLBACK` without a
    /// `SECRET_KEY`.
    pub fn signer(&self) -> Result<Option<Signer>> {
        match (&self.secret_key, &self.secret_key_fallback) {
            (Some(current), None) => Signer::new(current.expose()).map(Some),
            (Some(current), Some(other)) => Signer::new(current.expose())?.previous(other.expose()).map(Some),
            (None, None) => Ok(None),
            (None, Some(_)) => {
                let text = "`SECRET_KEY_FALLBACK` is set, and `SECRET_KEY`, which signs, is not";
                Err(Error::new(ErrorKind::Settings, text))
            }
        }
    }
}

static CURRENT: RwLock<Option<Arc<Settings>>> = RwLock::new(None);

/// Returns the current settings: those of the most recently built [`App`](crate::registry::App), otherwise
/// those of the environment, which is read at the first use.
///
/// If the environment is malformed, returns the defaults. Fields do not work with them: their storage reports
/// the error, and so does [`try_settings`].
pub fn settings() -> Arc<Settings> {
    try_settings().unwrap_or_default()
}

/// Like [`settings`].
///
/// # Errors
/// The errors of [`Settings::from_env`]; the next call tries again.
pub fn try_settings() -> Result<Arc<Settings>> {
    if let Some(settings) = &*CURRENT.read().unwrap_or_else(PoisonError::into_inner) {
        return Ok(settings.clone());
    }
    let mut current = CURRENT.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(settings) = &*current {
        return Ok(settings.clone());
    }
    let settings = Arc::new(Settings::from_env()?);
    Ok(current.insert(settings).clone())
}

/// Makes these the current settings.
pub(crate) fn install(settings: Arc<Settings>) {
    *CURRENT.write().unwrap_or_else(PoisonError::into_inner) = Some(settings);
}

/// Returns the time used to render `upload_to`: now, in `TIME_ZONE`.
pub fn now() -> DateTime {
    jiff::Timestamp::now().to_zoned(settings().time_zone()).datetime()
}

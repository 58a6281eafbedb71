//! Settings from code, the environment and TOML.

use super::Settings;
use super::keys::{Layer, names};
use super::mangled::meant_variable;
use super::toml::{entries, position};
use super::value::{Entry, Parsed, Problem, Value, Zone};
use crate::content::Timeouts;
use crate::{Error, ErrorKind, Result};
use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// The prefix of environment variables.
const PREFIX: &str = "FILEFIELD_";

/// The variable that names a TOML file.
const CONFIG: &str = "CONFIG";

/// Builds [`Settings`]; created by [`Settings::builder`].
///
/// Code overrides the environment, and the environment overrides TOML, regardless of the order of the calls.
/// Storages are merged by alias. `DEFAULT_FILE_STORAGE` and the alias `default` replace each other: the
/// source with the higher priority wins.
///
/// ```
/// use filefield::settings::Settings;
/// let settings = Settings::builder()
///     .toml("MEDIA_ROOT = '/srv/media'\nMEDIA_URL = '/media/'\n[STORAGES]\nphotos = 'file:///srv/photos'")
///     .variables([("FILEFIELD_MEDIA_URL", "https://cdn.example.com")])
///     .debug(true)
///     .build()?;
/// assert_eq!(settings.media_url(), Some("https://cdn.example.com/"));
/// # Ok::<(), filefield::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct SettingsBuilder {
    code: Layer,
    environment: Layer,
    toml: Layer,
    problems: Vec<String>,
}

impl SettingsBuilder {
    /// Sets `MEDIA_ROOT`. A relative path is resolved now, against the working directory.
    pub fn media_root(mut self, path: impl AsRef<Path>) -> Self {
        let read = Value::from(path.as_ref().as_os_str().to_owned()).path();
        self.code.media_root = self.take("MEDIA_ROOT", read).flatten();
        self
    }

    /// Sets `MEDIA_URL`.
    pub fn media_url(mut self, url: &str) -> Self {
        self.code.media_url = self.take("MEDIA_URL", Value::from(url).base_url()).flatten();
        self
    }

    /// Sets `DEBUG`.
    pub fn debug(mut self, debug: bool) -> Self {
        self.code.debug = Some(debug);
        self
    }

    /// Sets `DEFAULT_FILE_STORAGE`: an alias or a URL.
    pub fn default_file_storage(self, alias_or_url: &str) -> Self {
        self.set("DEFAULT_FILE_STORAGE", alias_or_url.into())
    }

    /// Adds an entry of `STORAGES`: an alias, and a URL such as `file:///srv/photos?base_url=/photos/`.
    pub fn storage(mut self, alias: &str, url: &str) -> Self {
        // A repeated call replaces the earlier value, like the other setters.
        self.code.storages.remove(alias);
        let set = self.code.set_storage(alias, url.into(), None);
        self.problems.extend(set.err().map(|problem| problem.text));
        self
    }

    /// Sets `FILE_UPLOAD_PERMISSIONS`: read and write bits, such as `0o640`.
    pub fn file_upload_permissions(self, mode: u32) -> Self {
        self.set("FILE_UPLOAD_PERMISSIONS", Value::Integer { digits: format!("{mode:o}"), radix: 8 })
    }

    /// Sets `FILE_UPLOAD_DIRECTORY_PERMISSIONS`, such as `0o750`.
    pub fn file_upload_directory_permissions(self, mode: u32) -> Self {
        self.set(
            "FILE_UPLOAD_DIRECTORY_PERMISSIONS",
            Value::Integer { digits: format!("{mode:o}"), radix: 8 },
        )
    }

    /// Sets `FILE_UPLOAD_IDLE_TIMEOUT`: the maximum wait for the next byte of a reader or a stream; `None`
    /// for no limit.
    pub fn file_upload_idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.code.file_upload_idle_timeout = Some(limit.into());
        self
    }

    /// Sets `FILE_UPLOAD_TIMEOUT`: the maximum total time of a reader or a stream; `None` for no limit.
    pub fn file_upload_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.code.file_upload_timeout = Some(limit.into());
        self
    }

    /// Sets `TIME_ZONE`: `local`, `UTC`, a name such as `Europe/Vienna`, or an offset such as `+02:00`.
    pub fn time_zone(mut self, zone: &str) -> Self {
        self.code.time_zone = self.take::<Zone>("TIME_ZONE", Value::from(zone).zone());
        self
    }

    /// Sets `DELETE_AFTER`: how long a file is kept after its row has released it, in whole seconds. The
    /// default is 7 days.
    pub fn delete_after(mut self, grace: Duration) -> Self {
        self.code.delete_after = Some(grace);
        self
    }

    /// Sets `SECRET_KEY`, which signs URLs: at least 32 bytes.
    pub fn secret_key(self, secret: &str) -> Self {
        self.set("SECRET_KEY", secret.into())
    }

    /// Sets `SECRET_KEY_FALLBACK`: the previous or the next key.
    pub fn secret_key_fallback(self, secret: &str) -> Self {
        self.set("SECRET_KEY_FALLBACK", secret.into())
    }

    /// Reads the environment variables with the prefix `FILEFIELD_`, and the TOML file named by
    /// `FILEFIELD_CONFIG`.
    pub fn environment(self) -> Self {
        self.variables(std::env::vars_os())
    }

    /// Like [`environment`](Self::environment), with the given variables. An empty variable counts as
    /// missing. Variables with another prefix are ignored. A name that differs from a setting only in case or
    /// in the separators of its words, such as `filefield_media_root`, is an error.
    pub fn variables<K: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let mut layer = Layer::default();
        // Sorted, so that problems are reported in a fixed order.
        let mut found: Vec<(String, OsString)> = variables
            .into_iter()
            .map(|(name, value)| (name.into().to_string_lossy().into_owned(), value.into()))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        found.sort();
        for (name, value) in found {
            let Some(name) = name.strip_prefix(PREFIX) else {
                if let Some(meant) = meant_variable(PREFIX, &name, names().chain([CONFIG])) {
                    let name = name.escape_debug();
                    self.problems.push(format!("the variable `{name}` is not read; did you mean `{meant}`?"));
                }
                continue;
            };
            if name == CONFIG {
                if let Some(path) =
                    self.take(&format!("{PREFIX}{CONFIG}"), Value::from(value).path()).flatten()
                {
                    self = self.file(path);
                }
            } else {
                let set = layer.set_variable(PREFIX, name, value.into());
                self.problems.extend(set.err().map(|problem| problem.text));
            }
        }
        self.check(&layer, "the environment");
        self.environment = layer.over(self.environment);
        self
    }

    /// Reads a TOML document. Keys are upper-case as in Django, or lower-case. A later document overrides an
    /// earlier one.
    pub fn toml(self, text: &str) -> Self {
        self.document(text, "")
    }

    /// Reads a TOML file.
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        // Errors contain only the file name.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match std::fs::read_to_string(path) {
            Ok(text) => self.document(&text, &format!("{}, ", name.escape_debug())),
            Err(error) => {
                self.problems.push(format!("{} cannot be read: {error}", name.escape_debug()));
                self
            }
        }
    }

    fn document(mut self, text: &str, source: &str) -> Self {
        let mut layer = Layer::default();
        let problems = match entries(text) {
            Ok(entries) => {
                let mut seen = Vec::new();
                let mut problems = Vec::new();
                for entry in entries {
                    let (key, at) = (entry.key.to_ascii_uppercase(), entry.at);
                    if seen.contains(&key) {
                        problems
                            .push(Problem { text: format!("`{}` is given twice", key.escape_debug()), at });
                    } else {
                        problems.extend(layer.set_entry(entry));
                        seen.push(key);
                    }
                }
                problems
            }
            Err(problem) => vec![problem],
        };
        self.problems.extend(problems.into_iter().map(|problem| match problem.at {
            Some(at) => {
                let (line, column) = position(text, at);
                format!("{source}line {line}, column {column}: {}", problem.text)
            }
            None => format!("{source}{}", problem.text),
        }));
        self.check(&layer, if source.is_empty() { "TOML" } else { source.trim_end_matches(", ") });
        self.toml = layer.over(self.toml);
        self
    }

    /// Builds the settings.
    ///
    /// # Errors
    /// Returns [`Settings`](ErrorKind::Settings) with all problems, one per line: unknown keys, with the
    /// known ones; malformed values; a file that cannot be read. Contains neither paths nor the values of
    /// storages.
    pub fn build(mut self) -> Result<Settings> {
        let code = self.code.clone();
        self.check(&code, "the code");
        if !self.problems.is_empty() {
            return Err(Error::new(ErrorKind::Settings, self.problems.join("\n")));
        }
        let timeouts = Timeouts::default();
        let all = self.code.over(self.environment.over(self.toml));
        all.check_aliases().map_err(|problem| Error::new(ErrorKind::Settings, problem.text))?;
        Ok(Settings {
            media_root: all.media_root,
            media_url: all.media_url,
            debug: all.debug.unwrap_or(false),
            default_file_storage: all.default_file_storage,
            storages: all.storages,
            file_upload_permissions: all.file_upload_permissions.unwrap_or(0o644),
            file_upload_directory_permissions: all.file_upload_directory_permissions,
            upload_timeouts: Timeouts {
                idle: all.file_upload_idle_timeout.unwrap_or(timeouts.idle),
                total: all.file_upload_timeout.unwrap_or(timeouts.total),
            },
            time_zone: all.time_zone.unwrap_or(Zone::Local),
            delete_after: all.delete_after,
            secret_key: all.secret_key,
            secret_key_fallback: all.secret_key_fallback,
        })
    }

    fn set(mut self, key: &str, value: Value) -> Self {
        let problems = self.code.set_entry(Entry::new(key, value));
        self.problems.extend(problems.into_iter().map(|problem| problem.text));
        self
    }

    fn take<T>(&mut self, key: &str, read: Parsed<T>) -> Option<T> {
        read.map_err(|problem| self.problems.push(problem.within(key, None).text)).ok()
    }

    fn check(&mut self, layer: &Layer, source: &str) {
        self.problems.extend(layer.check().err().map(|problem| format!("{source}: {}", problem.text)));
    }
}

// As with the settings, paths and URLs must not appear in logs.
impl fmt::Debug for SettingsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsBuilder").field("problems", &self.problems).finish_non_exhaustive()
    }
}

//! Settings from code, environment and TOML.

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

/// What the names of environment variables begin with.
const PREFIX: &str = "FILEFIELD_";

/// The variable that names a TOML file.
const CONFIG: &str = "CONFIG";

/// Puts [`Settings`] together; made by [`Settings::builder`].
///
/// What is set in code wins over the environment, and that over TOML, whatever the order of the calls. Storages are
/// merged by alias. `DEFAULT_FILE_STORAGE` and the alias `default` replace each other: the stronger source decides.
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
    /// `MEDIA_ROOT`. A relative path is taken from the working directory of this moment.
    pub fn media_root(mut self, path: impl AsRef<Path>) -> Self {
        let read = Value::from(path.as_ref().as_os_str().to_owned()).path();
        self.code.media_root = self.take("MEDIA_ROOT", read).flatten();
        self
    }

    /// `MEDIA_URL`.
    pub fn media_url(mut self, url: &str) -> Self {
        self.code.media_url = self.take("MEDIA_URL", Value::from(url).base_url()).flatten();
        self
    }

    /// `DEBUG`.
    pub fn debug(mut self, debug: bool) -> Self {
        self.code.debug = Some(debug);
        self
    }

    /// `DEFAULT_FILE_STORAGE`: an alias or a URL.
    pub fn default_file_storage(self, alias_or_url: &str) -> Self {
        self.set("DEFAULT_FILE_STORAGE", alias_or_url.into())
    }

    /// One of `STORAGES`: an alias, and a URL such as `file:///srv/photos?base_url=/photos/`.
    pub fn storage(mut self, alias: &str, url: &str) -> Self {
        // Said again, it replaces what was said before, as the other setters do.
        self.code.storages.remove(alias);
        let set = self.code.set_storage(alias, url.into(), None);
        self.problems.extend(set.err().map(|problem| problem.text));
        self
    }

    /// `FILE_UPLOAD_PERMISSIONS`: read and write bits, such as `0o640`.
    pub fn file_upload_permissions(self, mode: u32) -> Self {
        self.set("FILE_UPLOAD_PERMISSIONS", Value::Integer { digits: format!("{mode:o}"), radix: 8 })
    }

    /// `FILE_UPLOAD_DIRECTORY_PERMISSIONS`, such as `0o750`.
    pub fn file_upload_directory_permissions(self, mode: u32) -> Self {
        self.set(
            "FILE_UPLOAD_DIRECTORY_PERMISSIONS",
            Value::Integer { digits: format!("{mode:o}"), radix: 8 },
        )
    }

    /// `FILE_UPLOAD_IDLE_TIMEOUT`: the longest wait for the next byte of a reader or a stream; `None` for no limit.
    pub fn file_upload_idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.code.file_upload_idle_timeout = Some(limit.into());
        self
    }

    /// `FILE_UPLOAD_TIMEOUT`: the longest time that the whole of a reader or a stream takes; `None` for no limit.
    pub fn file_upload_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.code.file_upload_timeout = Some(limit.into());
        self
    }

    /// `TIME_ZONE`: `local`, `UTC`, a name such as `Europe/Vienna`, or an offset such as `+02:00`.
    pub fn time_zone(mut self, zone: &str) -> Self {
        self.code.time_zone = self.take::<Zone>("TIME_ZONE", Value::from(zone).zone());
        self
    }

    /// `DELETE_AFTER`: how long a file stays after a row let go of it, in whole seconds. The default is 7 days.
    pub fn delete_after(mut self, grace: Duration) -> Self {
        self.code.delete_after = Some(grace);
        self
    }

    /// `SECRET_KEY`, which signs URLs: 32 bytes or more.
    pub fn secret_key(self, secret: &str) -> Self {
        self.set("SECRET_KEY", secret.into())
    }

    /// `SECRET_KEY_FALLBACK`: the key before, or the one to come.
    pub fn secret_key_fallback(self, secret: &str) -> Self {
        self.set("SECRET_KEY_FALLBACK", secret.into())
    }

    /// The variables of the environment that begin with `FILEFIELD_`, and the TOML file that `FILEFIELD_CONFIG` names.
    pub fn environment(self) -> Self {
        self.variables(std::env::vars_os())
    }

    /// As [`environment`](Self::environment), with these variables. An empty one counts as missing. Those with another
    /// prefix are ignored, unless their name is one of the settings' but for its case or the characters between its
    /// words, such as `filefield_media_root`: that is an error.
    pub fn variables<K: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let mut layer = Layer::default();
        // Sorted, so that problems have an order.
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

    /// A TOML document. Keys are upper-case as in Django, or lower-case. A later document wins over an earlier one.
    pub fn toml(self, text: &str) -> Self {
        self.document(text, "")
    }

    /// A file with a TOML document.
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        // The path itself stays out of errors.
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

    /// The settings.
    ///
    /// # Errors
    /// [`Settings`](ErrorKind::Settings) with everything that is wrong, one problem a line: unknown keys, with the
    /// known ones; malformed values; a file that cannot be read. Paths and the values of storages are not in it.
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

// As with the settings themselves, no path and no URL gets into a log.
impl fmt::Debug for SettingsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsBuilder").field("problems", &self.problems).finish_non_exhaustive()
    }
}

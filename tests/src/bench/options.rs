//! The command line: `COMMAND [WORD] --key value --switch`.

use super::Result;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tokio::runtime::{Builder, Runtime};

const SWITCHES: [&str; 9] =
    ["unjournaled", "sync", "move", "baseline", "hop", "hash", "temp", "quick", "serve"];
const KEYS: [&str; 15] = [
    "url",
    "db",
    "n",
    "dir",
    "jobs",
    "src",
    "op",
    "via",
    "hops",
    "chunk",
    "size",
    "rounds",
    "only",
    "images",
    "durability",
];

pub(crate) struct Options {
    pub(crate) command: String,
    /// The second word, such as `race` in `names race`.
    pub(crate) word: Option<String>,
    values: HashMap<String, String>,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
        let command = arguments.next().unwrap_or_default();
        let mut options = Options { command, word: None, values: HashMap::new() };
        while let Some(argument) = arguments.next() {
            let Some(key) = argument.strip_prefix("--") else {
                options.word = Some(argument);
                continue;
            };
            let value = match key {
                key if SWITCHES.contains(&key) => String::new(),
                key if KEYS.contains(&key) => {
                    arguments.next().ok_or_else(|| format!("--{key} needs a value"))?
                }
                _ => return Err(format!("there is no option --{key}").into()),
            };
            options.values.insert(key.to_owned(), value);
        }
        Ok(options)
    }

    pub(crate) fn is_set(&self, switch: &str) -> bool {
        self.values.contains_key(switch)
    }

    /// Whether to run the baseline with plain system calls and the standard library.
    pub(crate) fn is_baseline(&self) -> bool {
        self.is_set("baseline")
    }

    pub(crate) fn text<'a>(&'a self, key: &str, default: &'a str) -> &'a str {
        self.values.get(key).map_or(default, String::as_str)
    }

    pub(crate) fn number(&self, key: &str, default: usize) -> Result<usize> {
        match self.values.get(key) {
            None => Ok(default),
            Some(value) => value.parse().map_err(|_| format!("--{key} needs a number, not `{value}`").into()),
        }
    }

    pub(crate) fn path(&self, key: &str) -> Result<PathBuf> {
        self.values.get(key).map(PathBuf::from).ok_or_else(|| format!("--{key} is missing").into())
    }

    /// The directory of the run, created if missing.
    pub(crate) fn dir(&self) -> Result<PathBuf> {
        let dir = self.path("dir")?;
        std::fs::create_dir_all(&dir)?;
        Ok(dir)
    }
}

/// The directory and the name of the file at `path`.
pub(crate) fn split(path: &Path) -> Result<(&Path, &str)> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or("--src is no file")?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    Ok((dir.unwrap_or(Path::new(".")), name))
}

/// The runtime of a small server: two workers.
pub(crate) fn runtime() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use super::split;
    use std::path::Path;

    #[test]
    fn a_file_without_a_directory_is_here() {
        assert_eq!(split(Path::new("src.bin")).ok(), Some((Path::new("."), "src.bin")));
        assert_eq!(split(Path::new("a/src.bin")).ok(), Some((Path::new("a"), "src.bin")));
        assert!(split(Path::new("..")).is_err());
    }
}

//! Scripts of storage operations.

use super::{Answer, Failure, SUSPICIOUS, files, shape};
use filefield::storage::{Durability, FileSystemStorage, Listing, MemoryStorage};
use filefield::{Content, ErrorKind, FileName, SaveOptions, SharedStorage, StorageExt};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tokio::runtime::Runtime;

#[derive(Debug, Deserialize)]
pub(super) struct Script {
    backend: String,
    #[serde(default)]
    allow_overwrite: bool,
    max_length: Option<u32>,
    steps: Vec<Vec<String>>,
}

fn runtime() -> Result<&'static Runtime, Failure> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let runtime =
        RUNTIME.get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().ok());
    runtime.as_ref().ok_or(Failure { error: "Probe", kind: "no_runtime" })
}

fn listing(found: Listing, rename: impl Fn(&str) -> String) -> Value {
    let mut files: Vec<String> = found.files.iter().map(|name| rename(name)).collect();
    files.sort();
    json!({"dirs": found.dirs, "files": files})
}

/// `path` listed beneath `root`, or by itself.
pub(super) fn listdir(path: &str, root: Option<&str>) -> Answer {
    let (location, directory) = match root {
        Some(root) => (root, path),
        None => (path, ""),
    };
    let storage = FileSystemStorage::new(location)?;
    let found = runtime()?.block_on(filefield::Storage::list(&storage, directory)).map_err(outside)?;
    Ok(listing(found, str::to_owned))
}

/// Outside `save`, the oracle uses another word for a name that leaves the root.
fn outside(error: filefield::Error) -> Failure {
    match error.kind() {
        ErrorKind::Traversal => Failure { error: SUSPICIOUS, kind: "outside_base" },
        _ => error.into(),
    }
}

struct Run {
    storage: SharedStorage,
    root: PathBuf,
    options: SaveOptions,
    replaces: bool,
    /// Random parts used so far, as the oracle counts them.
    count: u32,
    /// The oracle's names for the random parts that filefield chose.
    aliases: Vec<(String, String)>,
}

pub(super) fn script(script: &Script) -> Answer {
    let root = tempfile::tempdir().map_err(filefield::Error::from_io)?;
    let storage: SharedStorage = if script.backend == "memory" {
        Arc::new(MemoryStorage::builder().base_url("/m/").allow_overwrite(script.allow_overwrite).build()?)
    } else {
        let builder =
            FileSystemStorage::builder(root.path()).base_url("/m/").allow_overwrite(script.allow_overwrite);
        Arc::new(builder.durability(Durability::None).build()?)
    };
    let options = SaveOptions { max_length: script.max_length, ..SaveOptions::default() };
    let mut run = Run {
        storage,
        root: root.path().to_owned(),
        options,
        replaces: script.allow_overwrite,
        count: 0,
        aliases: Vec::new(),
    };
    let runtime = runtime()?;
    let answers = script.steps.iter().map(|step| match runtime.block_on(run.step(step)) {
        Ok(ok) => json!({ "ok": ok }),
        Err(Failure { error, kind }) => json!({"error": error, "kind": kind}),
    });
    Ok(answers.collect())
}

impl Run {
    async fn step(&mut self, step: &[String]) -> Answer {
        let words: Vec<&str> = step.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["save", name, data] => self.save(name, files::decode(data)?).await,
            ["save_text", name, text] => self.save(name, text.as_bytes().to_vec()).await,
            ["mkdir", name] => {
                std::fs::create_dir_all(self.root.join(name)).map_err(filefield::Error::from_io)?;
                Ok(Value::Null)
            }
            ["symlink", target, name] => {
                std::os::unix::fs::symlink(target, self.root.join(name))
                    .map_err(filefield::Error::from_io)?;
                Ok(Value::Null)
            }
            ["listdir", directory] => {
                let found = self.storage.list(directory).await.map_err(outside)?;
                Ok(listing(found, |name| self.to_alias(name)))
            }
            [what, name] => {
                let actual = self.to_actual(name);
                let file = FileName::new(&actual).map_err(outside)?;
                self.ask(what, file).await.map_err(outside)
            }
            _ => Err(Failure { error: "KeyError", kind: "" }),
        }
    }

    async fn ask(&self, what: &str, file: FileName<'_>) -> filefield::Result<Value> {
        let storage = &self.storage;
        Ok(match what {
            "read" => files::encode(&storage.open(file).await?.read_all(1 << 20).await?),
            "exists" => json!(storage.exists(file).await?),
            "size" => json!(storage.size(file).await?),
            "delete" => {
                storage.delete(file).await?;
                Value::Null
            }
            "rel" => {
                let path = storage.path(file)?;
                let relative = path.strip_prefix(&self.root).unwrap_or(Path::new("outside"));
                json!(self.to_alias(&relative.to_string_lossy()))
            }
            _ => Value::Null,
        })
    }

    async fn save(&mut self, name: &str, bytes: Vec<u8>) -> Answer {
        // Django draws a random part for the full stem first, and another one if that name is too long.
        let wanted = FileName::new(name)?;
        let limit = self.options.max_length.map(|limit| limit as usize);
        let saved = self.storage.save(wanted, Content::from(bytes), &self.options).await;
        let full = name.chars().count() + 8;
        let drawn = if self.replaces { 0 } else { 1 + u32::from(limit.is_some_and(|limit| full > limit)) };
        match saved {
            Ok(saved) if saved.name == name || self.replaces => Ok(json!(saved.name)),
            Ok(saved) => {
                self.count += drawn;
                let extension = extension(name, &saved.name);
                let at = saved.name.len().checked_sub(extension.len() + 7);
                let random = at.and_then(|at| saved.name.get(at..at + 7)).unwrap_or("");
                shape::varied(&saved.name, extension, None)?;
                self.aliases.push((random.to_owned(), format!("R{:06}", self.count)));
                Ok(json!(self.to_alias(&saved.name)))
            }
            Err(error) => {
                if error.kind() == ErrorKind::NoAvailableName {
                    self.count += drawn.min(1);
                }
                Err(error.into())
            }
        }
    }

    fn to_alias(&self, name: &str) -> String {
        self.aliases.iter().fold(name.to_owned(), |name, (random, alias)| name.replace(random, alias))
    }

    fn to_actual(&self, name: &str) -> String {
        self.aliases.iter().fold(name.to_owned(), |name, (random, alias)| name.replace(alias, random))
    }
}

/// The part of the wanted name that follows the random part of the saved one: the longest end that leaves a
/// random part before it.
fn extension<'a>(wanted: &'a str, saved: &str) -> &'a str {
    let (_, file_name) = shape::split(wanted);
    let ends = file_name
        .match_indices('.')
        .map(|(at, _)| &file_name[at..])
        .filter(|end| end.len() < file_name.len());
    let mut fitting = ends.filter(|end| shape::varied(saved, end, None).is_ok());
    fitting.next().unwrap_or("")
}

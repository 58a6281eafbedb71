//! The kinds of storage that settings can name, and how they are built.

use super::Settings;
use super::cloud;
use super::mangled::check_place;
use super::option::{Kind, Setting};
use super::suggest::help;
use super::url::StorageUrl;
use super::value::{Entry, Parsed, Problem, Value};
use crate::storage::{Durability, FileSystemStorage, MemoryStorage};
use crate::{Error, ErrorKind, Result, SharedStorage};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A kind of storage. To add one, add an entry to [`BACKENDS`].
pub(super) struct Backend {
    pub(super) scheme: &'static str,
    /// Class names in Django's `BACKEND`, and the type name here.
    pub(super) classes: &'static [&'static str],
    /// The crate feature it needs, if that feature is off.
    pub(super) missing: Option<&'static str>,
    pub(super) place: Place,
    pub(super) options: &'static [(&'static str, Kind)],
    pub(super) build: fn(&Definition, &Settings) -> Result<SharedStorage>,
}

/// The part between the scheme and the options.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// An absolute path. If a table omits it, `MEDIA_ROOT` applies.
    Directory,
    Nothing,
    /// The bucket, which is the option with this name, and the option `prefix`.
    Bucket(&'static str),
}

static BACKENDS: [Backend; 5] = [
    Backend {
        scheme: "file",
        classes: &["FileSystemStorage"],
        missing: None,
        place: Place::Directory,
        options: &[
            ("base_url", Kind::BaseUrl),
            ("permissions", Kind::FileMode),
            ("directory_permissions", Kind::DirectoryMode),
            ("durability", Kind::Choice(&["full", "file", "none"])),
            ("allow_overwrite", Kind::Flag),
        ],
        build: file,
    },
    Backend {
        scheme: "memory",
        classes: &["MemoryStorage", "InMemoryStorage"],
        missing: None,
        place: Place::Nothing,
        options: &[("base_url", Kind::BaseUrl), ("allow_overwrite", Kind::Flag)],
        build: memory,
    },
    cloud::S3,
    cloud::GCS,
    cloud::AZURE,
];

/// Option names of Django and of its bucket storages.
const DJANGO: [(&str, &str); 7] = [
    ("file_permissions_mode", "permissions"),
    ("directory_permissions_mode", "directory_permissions"),
    ("bucket_name", "bucket"),
    ("azure_container", "container"),
    ("account_name", "account"),
    ("endpoint_url", "endpoint"),
    ("region_name", "region"),
];

fn file(definition: &Definition, settings: &Settings) -> Result<SharedStorage> {
    let (location, base_url) = match &definition.path {
        Some(path) => (path.as_path(), None),
        // `MEDIA_URL` serves only the files of `MEDIA_ROOT`.
        None => (settings.needed_media_root()?, settings.media_url()),
    };
    let mut builder = FileSystemStorage::builder(location)
        .file_permissions_mode(definition.mode("permissions").unwrap_or(settings.file_upload_permissions()))
        .allow_overwrite(definition.flag("allow_overwrite"))
        .durability(match definition.text("durability") {
            Some("none") => Durability::None,
            Some("file") => Durability::File,
            _ => Durability::Full,
        });
    let directory_mode = definition.mode("directory_permissions");
    if let Some(mode) = directory_mode.or(settings.file_upload_directory_permissions()) {
        builder = builder.directory_permissions_mode(mode);
    }
    if let Some(base_url) = definition.text("base_url").or(base_url) {
        builder = builder.base_url(base_url);
    }
    if let Some(signer) = settings.signer()? {
        builder = builder.signer(signer);
    }
    Ok(Arc::new(builder.build()?))
}

fn memory(definition: &Definition, settings: &Settings) -> Result<SharedStorage> {
    let mut builder = MemoryStorage::builder().allow_overwrite(definition.flag("allow_overwrite"));
    if let Some(base_url) = definition.text("base_url") {
        builder = builder.base_url(base_url);
    }
    if let Some(signer) = settings.signer()? {
        builder = builder.signer(signer);
    }
    Ok(Arc::new(builder.build()?))
}

/// A checked description of a storage that is not built yet.
#[derive(Clone)]
pub(crate) struct Definition {
    backend: &'static Backend,
    path: Option<PathBuf>,
    options: BTreeMap<&'static str, Setting>,
}

impl Definition {
    /// The storage given by `MEDIA_ROOT` and `MEDIA_URL`.
    pub(crate) fn media() -> Self {
        Definition { backend: &BACKENDS[0], path: None, options: BTreeMap::new() }
    }

    /// Parses a storage URL.
    pub(crate) fn of_url(url: &str) -> Result<Self> {
        Self::from_url(url).map_err(|problem| Error::new(ErrorKind::Settings, problem.text))
    }

    /// Builds the storage.
    pub(crate) fn build(&self, settings: &Settings) -> Result<SharedStorage> {
        (self.backend.build)(self, settings)
    }

    /// Parses a storage URL, or a table with `url` or `backend`, `options`, and further options.
    pub(super) fn parse(value: Value) -> Parsed<Self> {
        match value {
            Value::Table(entries) => Self::from_table(entries),
            other => Self::from_url(&other.text()?),
        }
    }

    fn from_url(text: &str) -> Parsed<Self> {
        let url = StorageUrl::parse(text)?;
        let Some(backend) = BACKENDS.iter().find(|backend| backend.scheme == url.scheme) else {
            let known = BACKENDS.iter().map(|backend| backend.scheme);
            return Err(format!("unknown storage `{}:`; {}", url.scheme, help(&url.scheme, known)).into());
        };
        let mut made = Self::of_backend(backend)?;
        match backend.place {
            Place::Directory
                if !matches!(url.authority.as_str(), "" | "localhost") || !url.path.is_absolute() =>
            {
                return Err("the path is absolute and follows three slashes: `file:///srv/media`".into());
            }
            Place::Directory => {
                check_place(&url.path)?;
                made.path = Some(url.path);
            }
            Place::Nothing if !url.authority.is_empty() || !url.path.as_os_str().is_empty() => {
                return Err(
                    format!("nothing follows the slashes of `{}://` but options", backend.scheme).into()
                );
            }
            Place::Nothing => {}
            Place::Bucket(bucket) => {
                if url.authority.contains(['@', '%']) {
                    return Err(
                        format!("nothing but the {bucket} follows the slashes; {}", cloud::SECRETS).into()
                    );
                }
                if url.authority.is_empty() {
                    let scheme = backend.scheme;
                    return Err(
                        format!("the {bucket} follows two slashes: `{scheme}://{bucket}/prefix`").into()
                    );
                }
                made.set_all(vec![Entry::new(bucket, Value::Text(url.authority))])?;
                let prefix = url.path.into_os_string().into_string();
                let prefix = prefix.map_err(|_| "the prefix is not UTF-8")?;
                let prefix = prefix.trim_matches('/');
                if !prefix.is_empty() {
                    made.set_all(vec![Entry::new("prefix", prefix.into())])?;
                }
            }
        }
        made.set_all(url.options)?;
        Ok(made)
    }

    fn of_backend(backend: &'static Backend) -> Parsed<Self> {
        match backend.missing {
            Some(feature) => {
                Err(format!("`{}:` needs the feature `{feature}` of the crate `filefield`", backend.scheme)
                    .into())
            }
            None => Ok(Definition { backend, path: None, options: BTreeMap::new() }),
        }
    }

    fn from_table(entries: Vec<Entry>) -> Parsed<Self> {
        let (mut url, mut class, mut location, mut options) = (None, None, None, Vec::new());
        for Entry { key, value, at } in entries {
            let key = key.to_ascii_lowercase();
            let slot = match key.as_str() {
                "url" => &mut url,
                "backend" => &mut class,
                "location" => &mut location,
                "options" => {
                    let inner = value.table().map_err(|problem| problem.within(".options", at))?;
                    for Entry { key, value, at } in inner {
                        let key = key.to_ascii_lowercase();
                        match key.as_str() {
                            "location" => twice(location.replace((value, at)).is_some(), &key, at)?,
                            _ => options.push(Entry { key, value, at }),
                        }
                    }
                    continue;
                }
                _ => {
                    options.push(Entry { key, value, at });
                    continue;
                }
            };
            twice(slot.replace((value, at)).is_some(), &key, at)?;
        }
        let mut made = match (url, class) {
            (Some((url, at)), None) => url
                .text()
                .and_then(|url| Self::from_url(&url))
                .map_err(|problem| problem.within(".url", at))?,
            (None, Some((class, at))) => class
                .text()
                .and_then(|class| Self::from_class(&class))
                .map_err(|problem| problem.within(".backend", at))?,
            (Some(_), Some((_, at))) => {
                return Err(Problem { text: "has both `url` and `backend`; keep one".to_owned(), at });
            }
            (None, None) => {
                return Err("has no `url`, such as `url = \"file:///srv/media\"`".into());
            }
        };
        if let Some((value, at)) = location {
            let within = |problem: Problem| problem.within(".location", at);
            match made.backend.place {
                Place::Directory if made.path.is_none() => made.path = value.path().map_err(within)?,
                Place::Directory => return Err(within("the URL has one already".into())),
                Place::Nothing => return Err(within("this storage has none".into())),
                Place::Bucket(_) => {
                    let prefix = Kind::Prefix.read(value).map_err(within)?;
                    twice(made.options.insert("prefix", prefix).is_some(), "prefix", at)?;
                }
            }
        }
        made.set_all(options)?;
        match made.backend.place {
            Place::Bucket(bucket) if made.text(bucket).is_none() => Err(format!("has no `{bucket}`").into()),
            _ => Ok(made),
        }
    }

    /// Finds a back end by Django's `BACKEND`: the last word of a dotted path, or a scheme.
    pub(super) fn from_class(class: &str) -> Parsed<Self> {
        let name = class.rsplit(['.', ':']).next().unwrap_or(class);
        let matches = |backend: &&Backend| backend.scheme == name || backend.classes.contains(&name);
        match BACKENDS.iter().find(matches) {
            Some(backend) => Self::of_backend(backend),
            None => {
                let known = BACKENDS.iter().flat_map(|backend| [backend.scheme, backend.classes[0]]);
                Err(format!("unknown storage `{}`; {}", name.escape_debug(), help(name, known)).into())
            }
        }
    }

    fn set_all(&mut self, options: Vec<Entry>) -> Parsed<()> {
        options.into_iter().try_for_each(|Entry { key, value, at }| {
            let key = DJANGO.iter().find(|(django, _)| *django == key).map_or(key.as_str(), |(_, ours)| ours);
            let Some((name, kind)) = self.backend.options.iter().find(|(name, _)| *name == key) else {
                if cloud::is_secret(key) && matches!(self.backend.place, Place::Bucket(_)) {
                    return Err(Problem {
                        text: format!("`{}`: {}", key.escape_debug(), cloud::SECRETS),
                        at,
                    });
                }
                let known = self.backend.options.iter().map(|(name, _)| *name);
                let text = format!("unknown option `{}`; {}", key.escape_debug(), help(key, known));
                return Err(Problem { text, at });
            };
            let setting =
                kind.read(value).map_err(|problem| problem.within(&format!("option `{name}`"), at))?;
            twice(self.options.insert(name, setting).is_some(), name, at)
        })
    }

    pub(super) fn text(&self, option: &str) -> Option<&str> {
        match self.options.get(option) {
            Some(Setting::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn mode(&self, option: &str) -> Option<u32> {
        match self.options.get(option) {
            Some(Setting::Mode(mode)) => Some(*mode),
            _ => None,
        }
    }

    pub(super) fn flag(&self, option: &str) -> bool {
        matches!(self.options.get(option), Some(Setting::Flag(true)))
    }

    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(super) fn number(&self, option: &str) -> Option<u64> {
        match self.options.get(option) {
            Some(Setting::Number(number)) => Some(*number),
            _ => None,
        }
    }
}

fn twice(is: bool, key: &str, at: Option<usize>) -> Parsed<()> {
    if is { Err(Problem { text: format!("`{key}` is given twice"), at }) } else { Ok(()) }
}

impl PartialEq for Definition {
    fn eq(&self, other: &Self) -> bool {
        self.backend.scheme == other.backend.scheme
            && self.path == other.path
            && self.options == other.options
    }
}

// Paths and option values, which may be secrets, must not appear in logs.
impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:[redacted]", self.backend.scheme)?;
        for (at, option) in self.options.keys().enumerate() {
            write!(f, "{}{option}", if at == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl Settings {
    fn needed_media_root(&self) -> Result<&Path> {
        self.media_root().ok_or_else(|| {
            Error::new(
                ErrorKind::Settings,
                "`MEDIA_ROOT` is not set, and the working directory is no place for files: set `FILEFIELD_MEDIA_ROOT` \
                 in the environment, `MEDIA_ROOT` in the TOML file, or \
                 `App::builder().settings(Settings::builder().media_root(..).build()?)`",
            )
        })
    }
}

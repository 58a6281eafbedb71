//! filefield behind the interface of a Django oracle: one JSON question, one JSON answer.
//!
//! The questions and the form of the answers are those of the oracle program that made the vectors (see
//! `tests/vectors/generate.py`). [`differences`] lists where filefield differs on purpose.

pub mod differences;
mod files;
mod names;
mod shape;
mod storages;
mod urls;

use filefield::{Error, ErrorKind};
use serde::Deserialize;
use serde_json::{Value, json};

/// A question, with the arguments of its operation.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Question {
    GetValidName {
        name: String,
    },
    GetAvailableName(names::Available),
    GetAlternativeName {
        root: String,
        ext: String,
    },
    GenerateFilename {
        upload_to: String,
        now: String,
        filename: String,
    },
    GenerateFilenameCallable {
        template: String,
        filename: String,
    },
    StorageGenerateFilename {
        filename: String,
    },
    ValidateFileName {
        name: String,
        #[serde(default)]
        allow_relative_path: bool,
    },
    UploadedName {
        name: Option<String>,
    },
    CheckExtension {
        name: String,
        allowed: Option<Vec<String>>,
    },
    SafeJoin {
        base: String,
        paths: Vec<String>,
    },
    FilepathToUri {
        path: Option<String>,
    },
    Url(urls::Url),
    Chunks {
        size: usize,
        chunk_size: Option<usize>,
        #[serde(default)]
        kind: files::Kind,
    },
    Lines(files::Text),
    ImageDimensions {
        path: Option<String>,
        data_b64: Option<String>,
    },
    Listdir {
        path: String,
        root: Option<String>,
    },
    StorageScript(storages::Script),
    WasModifiedSince {
        header: Option<String>,
        mtime: f64,
    },
}

/// A failure in the oracle's format.
#[derive(Debug)]
struct Failure {
    error: &'static str,
    kind: &'static str,
}

type Answer = Result<Value, Failure>;

/// The exception that Django raises for a suspicious name.
const SUSPICIOUS: &str = "SuspiciousFileOperation";

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (error, kind) = match error.kind() {
            ErrorKind::NoFileName => (SUSPICIOUS, "no_file_name"),
            ErrorKind::Traversal => (SUSPICIOUS, "traversal"),
            ErrorKind::PathElements => (SUSPICIOUS, "path_elements"),
            ErrorKind::NoAvailableName => (SUSPICIOUS, "no_available_name"),
            // Kinds that Django does not have.
            ErrorKind::InvalidName => (SUSPICIOUS, "invalid_name"),
            ErrorKind::NameTooLong => (SUSPICIOUS, "name_too_long"),
            ErrorKind::Usage => ("ValueError", "usage"),
            ErrorKind::Settings => ("ValueError", "settings"),
            ErrorKind::NotFound => ("FileNotFoundError", ""),
            ErrorKind::IsADirectory => ("IsADirectoryError", ""),
            ErrorKind::NotADirectory => ("NotADirectoryError", ""),
            ErrorKind::AlreadyExists => ("FileExistsError", ""),
            ErrorKind::NotAFile => ("OSError", "not_a_file"),
            ErrorKind::Unsupported => ("NotImplementedError", "unsupported"),
            _ => ("OSError", ""),
        };
        Failure { error, kind }
    }
}

/// Answers one line. An unreadable or unknown question gives `BadInput`.
pub fn answer(line: &str) -> String {
    let (answer, id) = match serde_json::from_str::<Value>(line) {
        Ok(question) => (answer_value(&question), question.get("id").cloned()),
        Err(_) => (json!({"error": "BadInput", "kind": "JSONDecodeError"}), None),
    };
    let mut answer = answer;
    if let (Some(id), Some(fields)) = (id, answer.as_object_mut()) {
        fields.insert("id".to_owned(), id);
    }
    answer.to_string()
}

/// Answers one question.
pub fn answer_value(question: &Value) -> Value {
    match Question::deserialize(question) {
        Ok(question) => match ask(question) {
            Ok(ok) => json!({ "ok": ok }),
            Err(Failure { error, kind }) => json!({"error": error, "kind": kind}),
        },
        Err(_) => json!({"error": "BadInput", "kind": "KeyError"}),
    }
}

fn ask(question: Question) -> Answer {
    use filefield::name;
    match question {
        Question::GetValidName { name } => Ok(json!(name::valid_name(&name)?)),
        Question::GetAvailableName(question) => names::available(&question),
        Question::GetAlternativeName { root, ext } => names::alternative(&root, &ext),
        Question::GenerateFilename { upload_to, now, filename } => {
            names::generate(&upload_to, &now, &filename)
        }
        Question::GenerateFilenameCallable { template, filename } => {
            let returned = template.replace("{filename}", &filename);
            Ok(json!(filefield::upload_to::callable_filename(&returned, name::valid_name)?))
        }
        Question::StorageGenerateFilename { filename } => {
            Ok(json!(name::generate_filename(&filename, name::valid_name)?))
        }
        Question::ValidateFileName { name, allow_relative_path: true } => {
            name::validate_relative_name(&name)?;
            Ok(json!(name))
        }
        Question::ValidateFileName { name, allow_relative_path: false } => {
            name::validate_base_name(&name)?;
            Ok(json!(name))
        }
        Question::UploadedName { name } => {
            Ok(json!(name.map(|name| name::uploaded_name(&name)).transpose()?))
        }
        Question::CheckExtension { name, allowed } => {
            let allowed: Option<Vec<&str>> =
                allowed.as_ref().map(|allowed| allowed.iter().map(String::as_str).collect());
            if name::check_extension(&name, allowed.as_deref()) {
                Ok(json!(true))
            } else {
                Err(Failure { error: "ValidationError", kind: "invalid_extension" })
            }
        }
        Question::SafeJoin { base, paths } => {
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            name::safe_join(&base, &paths).map(|path| json!(path)).map_err(|error| match error.kind() {
                ErrorKind::Traversal => Failure { error: SUSPICIOUS, kind: "outside_base" },
                _ => error.into(),
            })
        }
        Question::FilepathToUri { path } => Ok(json!(path.map(|path| name::filepath_to_uri(&path)))),
        Question::Url(question) => urls::url(&question),
        Question::Chunks { size, chunk_size, kind } => files::chunks(size, chunk_size, &kind),
        Question::Lines(question) => files::lines(&question),
        Question::ImageDimensions { path, data_b64 } => {
            files::image_dimensions(path.as_deref(), data_b64.as_deref())
        }
        Question::Listdir { path, root } => storages::listdir(&path, root.as_deref()),
        Question::StorageScript(question) => storages::script(&question),
        Question::WasModifiedSince { header, mtime } => urls::was_modified_since(header.as_deref(), mtime),
    }
}

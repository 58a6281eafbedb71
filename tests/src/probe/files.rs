//! Chunks, lines and images.

use super::{Answer, Failure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use filefield::content::TempFile;
use filefield::file::{ContentFile, DEFAULT_CHUNK_SIZE, File};
use filefield::image;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::Cursor;
use std::num::NonZeroUsize;

/// The source of the bytes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    #[default]
    Content,
    File,
    Memory,
    Temp,
}

pub(super) fn decode(text: &str) -> Result<Vec<u8>, Failure> {
    BASE64_STANDARD.decode(text).map_err(|_| Failure { error: "ValueError", kind: "base64" })
}

pub(super) fn encode(bytes: &[u8]) -> Value {
    json!(BASE64_STANDARD.encode(bytes))
}

/// No size, and the size 0, mean the default.
fn chunk_size(size: Option<usize>) -> NonZeroUsize {
    size.and_then(NonZeroUsize::new).unwrap_or(DEFAULT_CHUNK_SIZE)
}

pub(super) fn chunks(size: usize, chunk: Option<usize>, kind: &Kind) -> Answer {
    let bytes = vec![b'x'; size];
    let chunk = chunk_size(chunk);
    let (lengths, multiple): (filefield::Result<Vec<usize>>, bool) = match kind {
        Kind::Content | Kind::Memory => {
            let mut file = ContentFile::new(bytes);
            let multiple = file.multiple_chunks(chunk);
            (file.chunks_of(chunk).map(|chunk| Ok(chunk?.len())).collect(), multiple)
        }
        Kind::File | Kind::Temp => {
            let temp: TempFile;
            let mut file = if let Kind::Temp = kind {
                let mut writer = TempFile::create_in(std::env::temp_dir())?;
                writer.write_all(&bytes)?;
                temp = writer.finish()?;
                File::open(temp.path())?
            } else {
                File::new(Cursor::new(bytes))
            };
            let multiple = file.multiple_chunks(chunk)?;
            (file.chunks_of(chunk).map(|chunk| Ok(chunk?.len())).collect(), multiple)
        }
    };
    Ok(json!({"lengths": lengths?, "multiple": multiple}))
}

#[derive(Debug, Deserialize)]
pub(super) struct Text {
    text: Option<String>,
    data_b64: Option<String>,
    chunk_size: Option<usize>,
}

pub(super) fn lines(question: &Text) -> Answer {
    let size = chunk_size(question.chunk_size);
    if let Some(text) = &question.text {
        let mut file = ContentFile::new(text.clone());
        let lines: filefield::Result<Vec<Value>> =
            file.lines_by(size).map(|line| Ok(json!(String::from_utf8_lossy(&line?)))).collect();
        return Ok(json!(lines?));
    }
    let bytes = decode(question.data_b64.as_deref().unwrap_or(""))?;
    let mut file = File::new(Cursor::new(bytes));
    let lines: filefield::Result<Vec<Value>> = file.lines_by(size).map(|line| Ok(encode(&line?))).collect();
    Ok(json!(lines?))
}

pub(super) fn image_dimensions(path: Option<&str>, data: Option<&str>) -> Answer {
    let found = match (path, data) {
        (_, Some(data)) => image::dimensions(&decode(data)?),
        (Some(path), None) => match std::fs::File::open(path) {
            Ok(file) => image::file_dimensions(&file)?,
            // A missing file has no dimensions.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(filefield::Error::from_io(error).into()),
        },
        (None, None) => return Err(Failure { error: "KeyError", kind: "" }),
    };
    Ok(match found {
        Some(found) => json!([found.width, found.height]),
        None => json!([null, null]),
    })
}

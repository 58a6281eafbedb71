//! `FileField`, `ImageField` and `FileMeta` as columns of rows that sqlx reads.

use super::meta_of;
use crate::backend::sqlx::{DbRow, Read, ReadError};
use crate::{FileField, FileMeta, ImageField};

macro_rules! files {
    ($($file:ty),*) => {$(
        impl Read for $file {
            fn read_or_null(row: &DbRow, column: &str) -> Result<Option<Self>, ReadError> {
                Ok(String::read_or_null(row, column)?.map(<$file>::stored))
            }
        }
    )*};
}
files!(FileField, ImageField);

impl Read for FileMeta {
    fn read_or_null(row: &DbRow, column: &str) -> Result<Option<Self>, ReadError> {
        let json = match serde_json::Value::read_or_null(row, column) {
            // Some databases accept empty text as JSON. It is read as an empty value.
            Err(_) if String::read(row, column).is_ok_and(|text| text.trim().is_empty()) => {
                return Ok(Some(FileMeta::default()));
            }
            json => json?,
        };
        // The error of serde is dropped because it contains values of the row.
        let text = "the JSON is not what is kept of a file: it is no object, or a key of it has another type";
        json.map(meta_of).transpose().map_err(|_| ReadError::Other(text.to_owned()))
    }
}

//! `FileField`, `ImageField` and `FileMeta` as columns of sea-orm 2.
//!
//! sea-orm's conversion of values into parameters cannot fail, so a pending file panics there rather than
//! becoming a name that does not exist. filefield's own `save` never gets that far: it has stored the file by
//! then, and refuses a file column that is not a file field. If you write rows through an `ActiveModel`, you
//! can get an error instead of the panic, because [`Error`] converts into a `DbErr`:
//!
//! ```ignore
//! impl ActiveModelBehavior for ActiveModel {
//!     async fn before_save<C: ConnectionTrait>(self, _: &C, _: bool) -> Result<Self, DbErr> {
//!         if let Some(photo) = self.photo.try_as_ref() {
//!             photo.column_str()?;
//!         }
//!         Ok(self)
//!     }
//! }
//! ```

use crate::field::Trusted;
use crate::{Error, FileField, FileMeta, ImageField};
use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, StringLen, Value, ValueType, ValueTypeErr};
use sea_orm::{ActiveValue, ColIdx, IntoActiveValue, QueryResult, TryGetError, TryGetable};

/// For `?` in code called by sea-orm. The kind is only in the text.
impl From<Error> for sea_orm::DbErr {
    fn from(error: Error) -> Self {
        sea_orm::DbErr::Custom(error.to_string())
    }
}

macro_rules! file_column {
    ($ty:ident) => {
        impl From<$ty> for Value {
            fn from(file: $ty) -> Self {
                match file.column_str() {
                    Ok(name) => Value::String(Some(name.to_owned())),
                    Err(error) => panic!("a {} in a row that sea-orm writes: {error}", stringify!($ty)),
                }
            }
        }

        impl ValueType for $ty {
            fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
                match value {
                    Value::String(name) => Ok($ty::stored(name.unwrap_or_default())),
                    _ => Err(ValueTypeErr),
                }
            }
            fn type_name() -> String {
                stringify!($ty).to_owned()
            }
            fn array_type() -> ArrayType {
                ArrayType::String
            }
            fn column_type() -> ColumnType {
                ColumnType::String(StringLen::N(255))
            }
        }

        impl Nullable for $ty {
            fn null() -> Value {
                Value::String(None)
            }
        }

        impl TryGetable for $ty {
            fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
                String::try_get_by(row, index).map($ty::stored)
            }
        }

        impl IntoActiveValue<$ty> for $ty {
            fn into_active_value(self) -> ActiveValue<$ty> {
                ActiveValue::Set(self)
            }
        }
    };
}

file_column!(FileField);
file_column!(ImageField);

/// Reads a JSON column. `null` is an empty value. Rows are trusted.
fn meta_of(json: serde_json::Value) -> serde_json::Result<FileMeta> {
    FileMeta::deserialize_trusted(json)
}

impl From<FileMeta> for Value {
    fn from(meta: FileMeta) -> Self {
        // Cannot fail: strings and integers only.
        Value::Json(serde_json::to_value(meta).ok().map(Box::new))
    }
}

impl ValueType for FileMeta {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        match value {
            Value::Json(Some(json)) => meta_of(*json).map_err(|_| ValueTypeErr),
            _ => Err(ValueTypeErr),
        }
    }
    fn type_name() -> String {
        "FileMeta".to_owned()
    }
    fn array_type() -> ArrayType {
        ArrayType::Json
    }
    fn column_type() -> ColumnType {
        ColumnType::Json
    }
}

impl Nullable for FileMeta {
    fn null() -> Value {
        Value::Json(None)
    }
}

impl TryGetable for FileMeta {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        let json = match serde_json::Value::try_get_by(row, index) {
            // Some databases accept empty text as JSON. It is an empty value too.
            Err(_) if String::try_get_by(row, index).is_ok_and(|text| text.trim().is_empty()) => {
                return Ok(FileMeta::default());
            }
            json => json?,
        };
        // The error of serde is dropped because it contains values of the row.
        meta_of(json).map_err(|_| {
            let text =
                "the JSON is not what is kept of a file: it is no object, or a key of it has another type";
            TryGetError::DbErr(sea_orm::DbErr::Json(text.to_owned()))
        })
    }
}

impl IntoActiveValue<FileMeta> for FileMeta {
    fn into_active_value(self) -> ActiveValue<FileMeta> {
        ActiveValue::Set(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::content::Pending;
    use std::io::Read;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// sea-orm requests a value and accepts no error, so the panic must say what was forgotten.
    #[test]
    fn pending_content_as_a_value_says_what_is_to_be_called_first() {
        let file = FileField::new("chevy.jpg", "photo");
        let panicked = catch_unwind(AssertUnwindSafe(|| Value::from(file))).unwrap_err();
        let text = panicked.downcast_ref::<String>().unwrap();
        for words in ["FileField", "chevy.jpg", "`save` or `stage`", "photo_mut().save"] {
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn before_a_row_is_written_it_is_an_error() {
        let asked = |file: &FileField| -> Result<(), sea_orm::DbErr> {
            file.column_str()?;
            Ok(())
        };
        let error = asked(&FileField::new("chevy.jpg", "photo")).unwrap_err();
        assert!(error.to_string().contains("chevy.jpg"), "{error}");
        let read = Pending::new("chevy.jpg", crate::Content::reader(&b"photo"[..]));
        read.content().unwrap().blocking().read_exact(&mut [0]).unwrap();
        let error = asked(&FileField::pending(read)).unwrap_err();
        assert!(error.to_string().contains("assign the content again"), "{error}");
        asked(&FileField::stored("cars/chevy.jpg")).unwrap();
    }
}

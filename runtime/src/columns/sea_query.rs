//! `FileField`, `ImageField` and `FileMeta` as values of sea-query.
//!
//! sea-query's conversion of values into parameters cannot return an error, so the conversion of a pending file panics.
//! Otherwise the row would name a file that does not exist. `save` stores the file before that conversion, and refuses a
//! file column that is not a file field.

use crate::field::Trusted;
use crate::{FileField, FileMeta, ImageField};
use sea_query::{ArrayType, ColumnType, Nullable, StringLen, Value, ValueType, ValueTypeErr};

macro_rules! file_column {
    ($ty:ident) => {
        impl From<$ty> for Value {
            fn from(file: $ty) -> Self {
                match file.column_str() {
                    Ok(name) => Value::String(Some(name.to_owned())),
                    Err(error) => panic!("a {} as a parameter of a statement: {error}", stringify!($ty)),
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
    };
}

file_column!(FileField);
file_column!(ImageField);

/// Reads a JSON column. `null` is read as an empty value. The content of rows is trusted.
pub(crate) fn meta_of(json: serde_json::Value) -> serde_json::Result<FileMeta> {
    FileMeta::deserialize_trusted(json)
}

impl From<FileMeta> for Value {
    fn from(meta: FileMeta) -> Self {
        // The conversion cannot fail: the value has only strings and integers.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// sea-query accepts no error here, so the text of the panic must name the missing call.
    #[test]
    fn pending_content_as_a_value_says_what_is_to_be_called_first() {
        let file = FileField::new("chevy.jpg", "photo");
        let panicked = catch_unwind(AssertUnwindSafe(|| Value::from(file))).unwrap_err();
        let text = panicked.downcast_ref::<String>().unwrap();
        for words in ["FileField", "chevy.jpg", "`save` or `stage`", "photo_mut().save"] {
            assert!(text.contains(words), "{text}");
        }
    }
}

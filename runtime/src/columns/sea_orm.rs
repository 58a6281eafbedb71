//! `FileField`, `ImageField` and `FileMeta` as columns of sea-orm 2.
//!
//! Converting a pending file into a parameter of sea-orm panics. If you write rows through an `ActiveModel`, you can return
//! an error instead, because [`Error`] converts into a `DbErr`:
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

use super::meta_of;
use crate::{Error, FileField, FileMeta, ImageField};
use sea_orm::{ActiveValue, ColIdx, IntoActiveValue, QueryResult, TryGetError, TryGetable};

/// For `?` in code called by sea-orm. The kind is only in the text.
impl From<Error> for sea_orm::DbErr {
    fn from(error: Error) -> Self {
        sea_orm::DbErr::Custom(error.to_string())
    }
}

macro_rules! file_column {
    ($ty:ident) => {
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

impl TryGetable for FileMeta {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        let json = match serde_json::Value::try_get_by(row, index) {
            // Some databases accept empty text as JSON. It is read as an empty value.
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

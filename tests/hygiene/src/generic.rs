//! Type and const parameters, with and without bounds.

use ::core::clone::Clone;
use ::ff::{FileField, Model};

/// Its parameter has no bounds but those that the derive asks for.
#[derive(Debug, Model)]
#[model(crate = ::ff)]
pub struct Generic<T, const N: usize = 2> {
    /// Anything.
    pub extra: [T; N],
    #[file(upload_to = Self::name)]
    file: FileField,
}

impl<T: ::core::marker::Send + ::core::marker::Sync + 'static, const N: usize> Generic<T, N> {
    /// A new one.
    #[must_use]
    pub fn new(extra: [T; N]) -> Self {
        Self { extra, file: FileField::empty() }
    }

    fn name(&self, filename: &str) -> ::std::string::String {
        let mut name = ::std::string::ToString::to_string(&self.extra.len());
        name.push_str(filename);
        name
    }
}

/// A table whose column has a generic type.
#[derive(Debug, Clone, Model)]
#[model(crate = ::ff, table = "bounded")]
pub struct Bounded<V>
where
    V: ::ff::db::ColumnValue,
{
    #[model(primary_key)]
    id: i64,
    value: V,
    #[file]
    file: FileField,
}

/// A field whose type is a parameter.
#[derive(Debug, Model)]
#[model(crate = ::ff)]
pub struct Any<F: ::ff::field::FieldValue> {
    #[file]
    file: F,
}

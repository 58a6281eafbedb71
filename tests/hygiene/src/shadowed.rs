//! Names that expansions usually rely on, taken by something else.

use ::ff::{FileField, FileMeta, ImageField};

/// Not the one of `core`.
#[derive(Debug)]
pub struct Option;
/// Not the one of `core`.
#[derive(Debug)]
pub struct Result;
/// Not the one of `alloc`.
#[derive(Debug)]
pub struct Box;
/// Not the one of `alloc`.
#[derive(Debug)]
pub struct String;
/// Not the one of `core`.
#[derive(Debug)]
pub struct Some;
/// Not the one of `core`.
#[derive(Debug)]
pub struct Ok;
/// Not the primitive.
#[derive(Debug)]
pub struct Str;

#[allow(non_camel_case_types, reason = "shadowing primitives is the point")]
mod primitives {
    /// Not the primitive.
    #[derive(Debug)]
    pub(super) struct str;
    /// Not the primitive.
    #[derive(Debug)]
    pub(super) struct usize;
    /// Not the primitive.
    #[derive(Debug)]
    pub(super) struct bool;
}
use primitives::{bool, str, usize};

/// Uses the names, so that they are not dead.
#[must_use]
pub fn names() -> (Option, Result, Box, String, Some, Ok, Str) {
    let _ = (str, usize, bool);
    (Option, Result, Box, String, Some, Ok, Str)
}

mod std {}
mod core {}
mod filefield {}

/// A model in this company.
#[derive(Debug, ::core::clone::Clone, ::ff::Model)]
#[model(crate = ::ff, table = "shadowed")]
pub struct Shadowed {
    #[model(primary_key)]
    id: i64,
    #[model(unique, column = "title")]
    name: ::std::string::String,
    /// A photo.
    #[file(upload_to, storage = photos, width_field = width, height_field = height, max_size = "1 MiB")]
    photo: ::core::option::Option<ImageField>,
    width: ::core::option::Option<u32>,
    height: i32,
    #[file(upload_to = plan_name, accept = ["application/pdf"], naming = "unique", meta_field = meta)]
    plan: FileField,
    meta: FileMeta,
}

fn photos() -> ::core::result::Result<::std::string::String, ::std::env::VarError> {
    ::std::env::var("PHOTOS")
}

fn plan_name(shadowed: &Shadowed, filename: &::core::primitive::str) -> ::std::string::String {
    let mut name = ::core::clone::Clone::clone(&shadowed.name);
    name.push_str(filename);
    name
}

#[allow(non_upper_case_globals, reason = "shadowing is the point")]
mod constants {
    pub(super) const model: i32 = 1;
    pub(super) const row: i32 = 1;
}
use constants::{model, row};

/// Uses the constants, so that they are not dead.
#[must_use]
pub fn sum() -> i32 {
    model + row
}

//! Names of stored files: a validated type, and Django's rules for making and repairing names.
//!
//! A name passes three stages. The file name that comes with content counts as a *client's* name, whoever
//! wrote it: [`from_client`] makes a safe base name from it. `upload_to` adds directories, and
//! [`generate_filename`] cleans the last component with the storage's
//! [`valid_name`](crate::Storage::valid_name), which does not change a name made by [`from_client`]. The
//! storage receives a [`FileName`], which is checked and never repaired, and tries its [`Candidates`]. Names
//! given by *code*, such as the result of an `upload_to` function or the target of a `rename`, are checked
//! and refused if invalid; their directories are never changed.

mod available;
mod chars;
mod client;
mod existing;
mod extension;
mod file_name;
mod join;
pub(crate) mod posix;
mod token;
mod upload;
mod uri;
mod valid;

pub(crate) use available::fitted;
pub use available::{Candidates, MAX_TRIES, alternative_name, available_name, shortened_name};
pub use client::{MAX_CLIENT_BYTES, from_client, from_client_bytes};
pub use existing::cleaned;
pub use extension::check_extension;
pub(crate) use extension::with_extension;
pub use file_name::{FileName, MAX_COMPONENT_BYTES, MAX_NAME_BYTES, RESERVED_COMPONENT, check_directory};
pub use join::safe_join;
pub(crate) use token::NOBODY;
#[cfg(feature = "db")]
pub(crate) use token::token_in;
pub use token::{token, with_token};
pub(crate) use upload::of_part;
#[cfg(feature = "db")]
pub(crate) use upload::of_upload;
#[cfg(any(test, feature = "s3", feature = "gcs", feature = "azure"))]
pub(crate) use uri::unescaped;
#[cfg(feature = "db")]
pub(crate) use uri::uri_to_filepath;
pub use uri::{check_base_url, filepath_to_uri, join_url, resolve_url};
pub(crate) use uri::{decode_path, decode_query, encode_query};
pub use valid::{
    generate_filename, length, uploaded_name, valid_name, validate_base_name, validate_relative_name,
};
pub(crate) use valid::{kept_name, nfc};

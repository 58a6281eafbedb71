//! Names of stored files: a validated type, and Django's rules for making and repairing names.
//!
//! A name goes through three hands. The file name that comes with content is a *client's* name, whoever wrote it:
//! [`from_client`] makes a base name of it, whatever it is. `upload_to` puts directories before it, and
//! [`generate_filename`] cleans its last component with the storage's [`valid_name`](crate::Storage::valid_name), which
//! changes nothing of a client's name. A storage takes it as a [`FileName`], which is checked and never repaired, and
//! tries its [`Candidates`]. Names that *code* gives, such as what an `upload_to` function returns or the name of a
//! `rename`, are checked and refused if they are wrong; no directory of them is ever changed.

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

//! The derive must not rely on any name that a user can take away: the prelude is off, the usual names mean something
//! else, the runtime is renamed, and every lint that a strict crate turns on is an error.
#![no_implicit_prelude]
#![forbid(unexpected_cfgs)]
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    unused_lifetimes,
    non_local_definitions,
    single_use_lifetimes,
    trivial_casts,
    private_bounds,
    private_interfaces,
    deprecated,
    clippy::pedantic
)]

pub mod from_macro;
pub mod generic;
pub mod shadowed;
pub mod visibility;

//! Integration tests. They are one binary, because linking is the main cost.
#![allow(clippy::unwrap_used)]

#[cfg(feature = "db")]
mod bad_input;
#[cfg(feature = "db")]
mod bytes_decide;
#[cfg(feature = "db")]
mod databases;
#[cfg(feature = "db")]
mod derive;
#[cfg(feature = "db")]
mod disks;
mod hostile_images;
mod hostile_names;
#[cfg(feature = "db")]
mod images;
mod layers;
#[cfg(feature = "db")]
mod moving;
#[cfg(feature = "db")]
mod old_names;
mod oracle;
#[cfg(feature = "db")]
mod owners;
#[cfg(feature = "db")]
mod persistence;
#[cfg(feature = "db")]
mod preludes;
#[cfg(feature = "db")]
mod readme;
mod registry;
#[cfg(feature = "db")]
mod review;
#[cfg(feature = "db")]
mod roots;
mod settings;
#[cfg(feature = "db")]
mod support;
mod temp_files;
#[cfg(feature = "db")]
mod testkit;
#[cfg(feature = "db")]
mod together;
#[cfg(feature = "db")]
mod trusted;
#[cfg(feature = "db")]
mod uploads;
#[cfg(feature = "db")]
mod visitors;
#[cfg(feature = "db")]
mod windows;

//! A process that may be killed: the campaign's own binary, which reads one command per line.

mod inside;
mod outside;

pub(crate) use inside::main;
pub(crate) use outside::{Child, End};

use super::world::{Order, Outcome, Settled};
use filefield::storage::Durability;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The sub-command that makes the binary a child.
pub(crate) const NAME: &str = "__child";

/// Where and how a child works.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) folder: PathBuf,
    pub(crate) url: String,
    /// The database that the check of deletions queries, if `url` is broken on purpose.
    pub(crate) judge: Option<String>,
    pub(crate) durable: Durable,
    /// Every kind of work on a separate thread, so that system calls can be counted.
    pub(crate) counted: bool,
}

/// The durability of the child's storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Durable {
    Full,
    File,
    Never,
}

impl From<Durable> for Durability {
    fn from(durable: Durable) -> Durability {
        match durable {
            Durable::Full => Durability::Full,
            Durable::File => Durability::File,
            Durable::Never => Durability::None,
        }
    }
}

/// A command to a child.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Record the steps of the library from here on.
    Record,
    /// Report the recorded steps.
    Steps,
    /// Kill yourself when this step is reached for the `hit`th time from here on, counted from 1.
    Arm {
        step: String,
        hit: u64,
    },
    Do(Order),
    /// Perform random operations in several tasks, without end.
    Load {
        seed: u64,
        tasks: u64,
    },
    Settle,
    /// Report the ids and names of your threads.
    Threads,
}

/// An answer of a child.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The world is open.
    Ready,
    /// An operation begins; or it has ended, and this line acknowledges its end.
    Told(Order, Option<Outcome>),
    /// The operation and all its background work is over.
    Idle,
    Steps(Vec<String>),
    Settled(Settled),
    Threads(Vec<(u32, String)>),
    Panicked(String),
    Failed(String),
}

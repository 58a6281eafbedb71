//! A process that may be killed: the campaign's own binary, told what to do a line at a time.

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

/// Where a child works, and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) folder: PathBuf,
    pub(crate) url: String,
    /// Where the judge of deletions asks, if `url` is broken on purpose.
    pub(crate) judge: Option<String>,
    pub(crate) durable: Durable,
    /// Every kind of work on one thread of its own, so that system calls can be counted.
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

/// What a child is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Note the steps of the library from here on.
    Record,
    /// Tell the steps that were noted.
    Steps,
    /// Kill yourself when this step is reached for the `hit`th time from here on, counted from 1.
    Arm {
        step: String,
        hit: u64,
    },
    Do(Order),
    /// Perform random operations in several tasks, for ever.
    Load {
        seed: u64,
        tasks: u64,
    },
    Settle,
    /// Tell the ids and names of your threads.
    Threads,
}

/// What a child answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The world is open.
    Ready,
    /// An operation begins; or has ended, and its end is acknowledged by this line.
    Told(Order, Option<Outcome>),
    /// The operation and everything that it left to the background is over.
    Idle,
    Steps(Vec<String>),
    Settled(Settled),
    Threads(Vec<(u32, String)>),
    Panicked(String),
    Failed(String),
}

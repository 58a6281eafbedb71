//! The parent process.

use super::{Command, NAME, Reply, Setup};
use crate::campaign::Result;
use crate::campaign::world::{Expected, Order, Outcome, Settled};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// A running child. It is killed on drop.
pub(crate) struct Child {
    process: std::process::Child,
    input: ChildStdin,
    replies: Receiver<Reply>,
    /// Panics that it reported.
    pub(crate) panics: Vec<String>,
    /// How long an answer may take before the child counts as hanging.
    pub(crate) patience: Duration,
}

/// How an operation ended.
pub(crate) enum End {
    Told(Outcome),
    /// The child is dead.
    Killed,
}

impl Child {
    /// Starts a child. Use [`ready`](Self::ready) to wait until it has opened its world.
    pub(crate) fn start(setup: &Setup) -> Result<Child> {
        Child::start_with(setup, &[])
    }

    fn start_with(setup: &Setup, variables: &[(&str, PathBuf)]) -> Result<Child> {
        let mut process = std::process::Command::new(std::env::current_exe()?)
            .args([NAME, &serde_json::to_string(setup)?])
            .env("TMPDIR", setup.folder.join("temp"))
            .envs(variables.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err("the child has no pipes".into());
        };
        let (sender, replies) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
                // Half a line acknowledges nothing.
                let Ok(reply) = serde_json::from_str(&line) else { break };
                if sender.send(reply).is_err() {
                    break;
                }
            }
        });
        Ok(Child { process, input, replies, panics: Vec::new(), patience: PATIENCE })
    }

    /// A child whose world is open.
    pub(crate) fn ready(setup: &Setup) -> Result<Child> {
        let mut child = Child::start(setup)?;
        child.wait_ready()?;
        Ok(child)
    }

    /// Same as [`ready`](Self::ready), with more environment variables.
    pub(crate) fn ready_with(setup: &Setup, variables: &[(&str, PathBuf)]) -> Result<Child> {
        let mut child = Child::start_with(setup, variables)?;
        child.wait_ready()?;
        Ok(child)
    }

    pub(crate) fn wait_ready(&mut self) -> Result {
        match self.reply()? {
            Some(Reply::Ready) => Ok(()),
            other => Err(format!("the child does not start: {other:?}").into()),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a command. A dead child does not receive it, and its missing answer shows that.
    pub(crate) fn send(&mut self, command: &Command) -> Result {
        let mut line = serde_json::to_string(command)?;
        line.push('\n');
        let _ = self.input.write_all(line.as_bytes());
        Ok(())
    }

    /// The next answer, or `None` if the child is dead.
    pub(crate) fn reply(&mut self) -> Result<Option<Reply>> {
        loop {
            match self.replies.recv_timeout(self.patience) {
                Ok(Reply::Panicked(text)) => self.panics.push(text),
                Ok(reply) => return Ok(Some(reply)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("no answer within {} seconds", self.patience.as_secs()).into());
                }
            }
        }
    }

    /// Has one operation performed, and records what the child reports about it.
    pub(crate) fn perform(&mut self, order: &Order, expected: &mut Expected) -> Result<End> {
        self.send(&Command::Do(order.clone()))?;
        self.finish(expected)
    }

    /// Waits for the end of an operation and of its background work.
    pub(crate) fn finish(&mut self, expected: &mut Expected) -> Result<End> {
        let mut ended = None;
        loop {
            match (self.reply()?, ended.take()) {
                (Some(Reply::Told(order, outcome)), _) => {
                    expected.told(&order, outcome.as_ref());
                    ended = outcome;
                }
                (Some(Reply::Idle), Some(outcome)) => return Ok(End::Told(outcome)),
                (None, _) => return Ok(End::Killed),
                (other, _) => return Err(format!("an unexpected answer: {other:?}").into()),
            }
        }
    }

    /// Settles the world. Returns `None` if the child dies first.
    pub(crate) fn settle(&mut self) -> Result<Option<Settled>> {
        self.send(&Command::Settle)?;
        match self.reply()? {
            Some(Reply::Settled(settled)) => Ok(Some(settled)),
            None => Ok(None),
            other => Err(format!("the world does not settle: {other:?}").into()),
        }
    }

    /// Kills the child, and records what it had reported until then.
    pub(crate) fn kill(self, expected: &mut Expected) -> Result {
        self.kill_noting(expected, |_| ())
    }

    /// Same as [`kill`](Self::kill), and passes every end of an operation to a function.
    pub(crate) fn kill_noting<T>(
        mut self,
        expected: &mut Expected,
        mut note: impl FnMut(&Outcome) -> T,
    ) -> Result {
        self.process.kill()?;
        while let Some(reply) = self.reply()? {
            if let Reply::Told(order, outcome) = reply {
                expected.told(&order, outcome.as_ref());
                let _ = outcome.as_ref().map(&mut note);
            }
        }
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

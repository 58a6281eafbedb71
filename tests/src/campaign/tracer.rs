//! System calls of a child's threads, listed and changed by `strace`.
//!
//! Its counters are per thread and per call. It is therefore attached, after the child has started, to one
//! thread of a child whose threads each do one kind of work. It counts the operation and nothing else.

use super::Result;
use super::child::{Child, Command, Reply};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;

/// One system call of an operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Call {
    /// The index of the child's thread, in the order of creation.
    pub(crate) thread: usize,
    pub(crate) name: String,
    /// Its number among the calls of its name on its thread, from 1.
    pub(crate) nth: u64,
    pub(crate) on: On,
}

/// What a system call acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum On {
    Media,
    Database,
    /// Threads, pipes, memory, random bytes.
    Other,
}

/// A running `strace`. It detaches from the child on drop.
pub(crate) struct Tracer {
    process: std::process::Child,
    output: tempfile::NamedTempFile,
}

impl Tracer {
    /// Lists the calls of all threads of `child`.
    pub(crate) fn list(child: &Child) -> Result<Tracer> {
        Tracer::attach(&["-f", "-y", "-s", "0", "-p", &child.id().to_string()])
    }

    /// Changes one call of `child`: `what` is `signal=KILL` or `error=EIO`.
    pub(crate) fn tamper(child: &mut Child, call: &Call, what: &str) -> Result<Tracer> {
        let threads = threads(child)?;
        let (id, _) = threads.get(call.thread).ok_or_else(|| format!("no thread for {call:?}"))?;
        let inject = format!("inject={}:{what}:when={}", call.name, call.nth);
        Tracer::attach(&[
            "-e",
            &format!("trace={}", call.name),
            "-e",
            &inject,
            "-y",
            "-s",
            "0",
            "-p",
            &id.to_string(),
        ])
    }

    fn attach(arguments: &[&str]) -> Result<Tracer> {
        let output = tempfile::NamedTempFile::new()?;
        let mut process = std::process::Command::new("strace")
            .args(["-o".as_ref(), output.path().as_os_str()])
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("`strace` does not start: {error}"))?;
        let mut errors = BufReader::new(process.stderr.take().ok_or("strace has no standard error")?);
        let mut line = String::new();
        errors.read_line(&mut line)?;
        if !line.contains("attached") {
            errors.read_to_string(&mut line)?;
            return Err(format!("`strace` cannot attach: {line}").into());
        }
        // Its later messages do not matter, but must be read.
        std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
        Ok(Tracer { process, output })
    }

    /// Detaches from the child, and returns the output.
    fn finish(mut self) -> Result<String> {
        self.stop();
        let mut bytes = Vec::new();
        self.output.reopen()?.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn stop(&mut self) {
        let id = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let (Ok(None), Some(id)) = (self.process.try_wait(), id) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let _ = self.process.wait();
    }

    /// Detaches from the child. Returns how many calls on files of `folder` were changed, and how many
    /// others.
    pub(crate) fn tampered(self, folder: &Path) -> Result<(u64, u64)> {
        let (lines, folder) = (self.finish()?, folder.display().to_string());
        let tampered = || lines.lines().filter(|line| line.contains("(INJECTED)"));
        let here = tampered().filter(|line| line.contains(&folder)).count();
        Ok((here as u64, (tampered().count() - here) as u64))
    }

    /// Detaches from the child. Returns the output in `strace`'s format.
    pub(crate) fn lines(self) -> Result<String> {
        self.finish()
    }

    /// Detaches from the child. Returns the calls that were seen.
    pub(crate) fn calls(self, child: &mut Child, folder: &Path) -> Result<Vec<Call>> {
        let threads = threads(child)?;
        let lines = self.finish()?;
        let (mut counts, mut calls) = (HashMap::<(usize, String), u64>::new(), Vec::new());
        let (media, database) =
            (format!("{}/media", folder.display()), format!("{}/garage.db", folder.display()));
        for line in lines.lines() {
            let Some((id, call)) = line.split_once(' ') else { continue };
            let Some((name, arguments)) = call.trim_start().split_once('(') else { continue };
            let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let thread = threads.iter().position(|(thread, _)| id.parse() == Ok(*thread));
            let (Some(thread), true) = (thread, is_name) else { continue };
            let nth = counts.entry((thread, name.to_owned())).or_default();
            *nth += 1;
            let on = match arguments {
                arguments if arguments.contains(&database) => On::Database,
                arguments if arguments.contains(&media) => On::Media,
                _ => On::Other,
            };
            calls.push(Call { thread, name: name.to_owned(), nth: *nth, on });
        }
        Ok(calls)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Ids and names of a child's threads.
fn threads(child: &mut Child) -> Result<Vec<(u32, String)>> {
    child.send(&Command::Threads)?;
    match child.reply()? {
        Some(Reply::Threads(threads)) => Ok(threads),
        other => Err(format!("no threads: {other:?}").into()),
    }
}

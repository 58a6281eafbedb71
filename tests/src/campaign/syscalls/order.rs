//! Bytes are synced before their name is visible, and every directory is synced after a name in it was
//! created or removed. Traces show this for every operation, even if current file systems would lose nothing.

use super::super::Result;
use super::super::child::{Child, Durable};
use super::super::options::Options;
use super::super::place::Place;
use super::super::report::Report;
use super::super::scenario;
use super::super::traced::wanted;
use super::super::tracer::Tracer;
use super::super::world::{Change, Expected, Files, Order, Random};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn run(options: &Options) -> Result<Report> {
    let mut report = Report::default();
    for name in wanted(options) {
        let mut random = Random::new(options.seed);
        let place = Place::new(options)?;
        let mut child = Child::ready(&place.setup(Durable::Full, true))?;
        let tracer = Tracer::list(&child)?;
        let mut expected = Expected::default();
        // Creates the directories, which happens only for the first files.
        let first = Order::new("bystander", Change::Create(Files::all(&mut random)));
        child.perform(&first, &mut expected)?;
        for scenario in scenario::some(name, 0, &mut random) {
            for order in scenario.prepare.iter().chain([&scenario.order]) {
                child.perform(order, &mut expected)?;
            }
        }
        let lines = tracer.lines()?;
        let media = format!("{}/media", place.path().display());
        let mut order = Syncs { media, ..Syncs::default() };
        for call in calls(&lines) {
            order.see(&call);
        }
        report.points += 1;
        report.fired += order.seen;
        for early in order.early {
            report.violation("R1", format!("{early} could be seen before its bytes were synced; `{name}`"));
        }
        for (directory, entry) in order.names {
            let invariant = if entry.starts_with("unlinkat") { "R2" } else { "R1" };
            report.violation(invariant, format!("{directory} is not synced after {entry}; `{name}`"));
        }
    }
    Ok(report)
}

/// The calls of all threads, one per line, in the order of their ends.
fn calls(lines: &str) -> Vec<String> {
    let (mut begun, mut calls) = (BTreeMap::<&str, &str>::new(), Vec::new());
    for line in lines.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some((begin, _)) = call.split_once("<unfinished ...>") {
            begun.insert(thread, begin);
        } else if call.starts_with("<... ") {
            let (Some(begin), Some((_, end))) = (begun.remove(thread), call.split_once("resumed>")) else {
                continue;
            };
            calls.push(format!("{begin}{end}"));
        } else {
            calls.push(call.to_owned());
        }
    }
    calls
}

#[derive(Default)]
struct Syncs {
    media: String,
    /// Files with unsynced bytes.
    bytes: BTreeSet<String>,
    /// Directories with unsynced names, each with the call that created or removed one.
    names: BTreeMap<String, String>,
    /// Files whose bytes were not synced when they got their names.
    early: Vec<String>,
    /// Names created and removed.
    seen: u64,
}

impl Syncs {
    fn see(&mut self, call: &str) {
        let Some((name, arguments)) = call.split_once('(') else { return };
        let Some((arguments, result)) = arguments.rsplit_once(" = ") else { return };
        if result.starts_with('-') {
            return;
        }
        // Paths of descriptors, in the format of `strace -y`.
        let paths: Vec<&str> =
            arguments.split('<').skip(1).filter_map(|rest| Some(rest.split_once('>')?.0)).collect();
        let Some(first) = paths.iter().find(|path| path.starts_with(&self.media)) else { return };
        let is_ours = |path: &&str| path.starts_with(&self.media) && !path.contains("/.filefield");
        match name {
            "write" | "pwrite64" | "writev" | "copy_file_range" | "sendfile" => {
                self.bytes.insert((*first).to_owned());
            }
            "fsync" | "fdatasync" => {
                self.bytes.remove(*first);
                self.names.remove(*first);
            }
            "linkat" | "renameat" | "renameat2" | "mkdirat" | "unlinkat" => {
                // The library's own files need not last, and the source of a link is not a directory.
                let changed = if name == "linkat" { &paths[paths.len() - 1..] } else { &paths[..] };
                let directories: Vec<&str> = changed.iter().filter(|path| is_ours(path)).copied().collect();
                let short = format!("{name}({arguments}");
                if directories.is_empty() || short.contains("\".filefield\"") {
                    return;
                }
                self.seen += 1;
                if name == "linkat" || name.starts_with("rename") {
                    self.early.extend(std::mem::take(&mut self.bytes));
                }
                for directory in directories {
                    self.names.insert(directory.to_owned(), short.clone());
                }
            }
            _ => {}
        }
    }
}

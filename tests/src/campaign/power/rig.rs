//! The rig: its requirements, and one run of it.

use super::plan::Plan;
use super::{CHECK, Tally, WORKLOAD, read};
use crate::campaign::Result;
use crate::campaign::options::Options;
use crate::campaign::place::in_memory;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(super) struct Rig {
    path: PathBuf,
    pub(super) fs: String,
    operations: u64,
    subsets: u64,
}

/// What a run of the rig has visited.
pub(super) struct States {
    pub(super) count: u64,
    /// Operations of the workload.
    pub(super) acknowledged: u64,
    /// Findings of the checker, and the number of states of each.
    pub(super) findings: BTreeMap<String, u64>,
    pub(super) tallies: Vec<Tally>,
}

/// The last line of the rig.
#[derive(Deserialize)]
struct Answer {
    states: u64,
    acknowledged: u64,
    findings: BTreeMap<String, u64>,
}

impl Rig {
    pub(super) fn new(options: &Options) -> Result<Rig> {
        let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/hostile/crash_states.py");
        let given = std::env::var("CRASH_STATES").unwrap_or_else(|_| beside.to_owned());
        let path = PathBuf::from(options.text("rig", &given));
        let fs = options.text("fs", "ext4").to_owned();
        let rig = Rig {
            path,
            operations: options.text("operations", "4").parse()?,
            subsets: options.text("subsets", "2").parse()?,
            fs,
        };
        let missing = rig.missing();
        if missing.is_empty() {
            return Ok(rig);
        }
        Err(format!("no power cuts here: {}", missing.join("; ")).into())
    }

    fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if !self.path.is_file() {
            missing.push(format!("there is no rig at {} (see --rig)", self.path.display()));
        }
        if !rustix::process::geteuid().is_root() {
            missing.push("the rig mounts file systems, which takes root".to_owned());
        }
        for device in ["/dev/fuse", "/dev/loop-control"] {
            if !Path::new(device).exists() {
                missing.push(format!("there is no {device}"));
            }
        }
        let make = format!("mkfs.{}", self.fs);
        for program in ["python3", "qemu-storage-daemon", "losetup", "mount", make.as_str()] {
            if !is_installed(program) {
                missing.push(format!("`{program}` is not installed"));
            }
        }
        missing
    }

    /// Runs several at once, each with the arguments of [`run`](Self::run): a state waits more than it works.
    pub(super) fn run_all(&self, runs: Vec<(u64, &str, u64)>) -> Vec<Result<States>> {
        std::thread::scope(|scope| {
            let run = |(seed, planted, most)| scope.spawn(move || self.run(seed, planted, most));
            let running: Vec<_> = runs.into_iter().map(run).collect();
            let ended = running.into_iter().map(std::thread::ScopedJoinHandle::join);
            ended.map(|states| states.unwrap_or_else(|_| Err("a run has panicked".into()))).collect()
        })
    }

    /// Runs a workload, and checks up to `most` of the states that it could have left.
    pub(super) fn run(&self, seed: u64, planted: &str, most: u64) -> Result<States> {
        // Images are copied for every state.
        let folder = in_memory()?;
        let plan = Plan {
            seed,
            tasks: 2,
            operations: self.operations,
            planted: planted.to_owned(),
            tally: folder.path().join("tally"),
        };
        let program = std::env::current_exe()?;
        let (program, plan_text) =
            (quoted(&program.to_string_lossy()), quoted(&serde_json::to_string(&plan)?));
        let output = Command::new("python3")
            .arg(&self.path)
            .arg(folder.path().join("rig"))
            .args(["--fs", &self.fs, "--seed", &seed.to_string()])
            .args(["--subsets", &self.subsets.to_string(), "--max-states", &most.to_string()])
            .args(["--cmd", &format!("{program} {WORKLOAD} {{mnt}} {plan_text}")])
            .args(["--check", &format!("{program} {CHECK} {{mnt}} {{acks}} {plan_text}")])
            .stdin(Stdio::null())
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let answer = text.lines().last().and_then(|line| serde_json::from_str::<Answer>(line).ok());
        let Some(Answer { states, acknowledged, findings }) = answer else {
            let errors = String::from_utf8_lossy(&output.stderr);
            return Err(format!("the rig fails with {}: {text}{errors}", output.status).into());
        };
        Ok(States { count: states, acknowledged, findings, tallies: read(&plan.tally)? })
    }
}

/// Quotes a shell word so that Python's `format` and `shlex` leave it unchanged.
fn quoted(text: &str) -> String {
    let text = text.replace('{', "{{").replace('}', "}}").replace('\'', "'\"'\"'");
    format!("'{text}'")
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).any(|folder| folder.join(program).is_file())
}

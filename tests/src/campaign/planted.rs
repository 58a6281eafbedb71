//! Plants every bug of the library one after the other, and runs the campaign that must find it, in a
//! separate process. A bug that no campaign finds shows that the campaigns are too weak. The exception is a
//! bug that breaks no promise: it is counted as missed and is not a violation.
//!
//! `planted [--bugs no-fsync,no-fence] [--controls yes]`: with controls, every run is repeated without its
//! bug, and must find nothing.
//!
//! The bug in the environment variable `CAMPAIGN_PLANT` is active in any campaign and in its children.

mod cases;

use super::options::Options;
use super::report::Report;
use super::{Error, Result};
use cases::{CASES, Case};
use filefield::testing::failpoints;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

/// The bug that is planted in this process and its children.
const PLANT: &str = "CAMPAIGN_PLANT";

/// How many seconds a campaign may take. If a bug keeps it from ending, it has found nothing that it could
/// name.
const PATIENCE: &str = "600";

/// Findings that say nothing about the library's promises: the campaign could not do its work.
const NO_FINDS: [&str; 9] =
    ["hang or crash", "crash", "hang", "race", "control", "checker", "mount", "model", "C19"];

/// Plants the bug that the environment names.
pub(super) fn plant() -> Result {
    let Ok(bug) = std::env::var(PLANT) else { return Ok(()) };
    if !failpoints::BUGS.contains(&bug.as_str()) {
        return Err(format!("{PLANT}: there is no bug `{bug}` to be planted").into());
    }
    failpoints::cfg(format!("planted:{bug}"), "return").map_err(Error::from)
}

pub(super) fn run(options: &Options) -> Result<Report> {
    let (bugs, controls) = (options.text("bugs", "all"), options.text("controls", "no") == "yes");
    let mut report = Report::default();
    let (mut found, mut missed, mut controlled) = (Map::new(), Vec::new(), BTreeSet::new());
    // A bug that was added without a campaign counts as missed.
    for bug in failpoints::BUGS {
        if !options.wants("bugs", bug) || options.count.is_some_and(|count| report.points >= count) {
            continue;
        }
        report.points += 1;
        let Some(case) = CASES.iter().find(|case| case.bug == *bug) else {
            report.violation("missed", format!("no campaign is meant to find `{bug}`"));
            missed.push(*bug);
            continue;
        };
        let run = run_case(case, options.seed, true)?;
        let finds = run.finds();
        eprintln!("{bug}: `{}` in {} s: {}", case.run, run.seconds, run.verdict());
        if finds.is_empty() {
            missed.push(*bug);
            report.violation("missed", format!("`{bug}` by `{}`: {}", case.run, run.verdict()));
        } else {
            // What was found was also reached.
            report.fired += 1;
            let by = json!({ "by": case.run, "as": finds, "seconds": run.seconds });
            found.insert((*bug).to_owned(), by);
        }
        if controls && controlled.insert(case.run) {
            let control = run_case(case, options.seed, false)?;
            report.add("controls", 1);
            if !control.is_clean() {
                let verdict = control.verdict();
                report.violation("control", format!("`{}` without `{bug}`: {verdict}", case.run));
            }
        }
    }
    if report.points == 0 {
        return Err(format!("there are no such bugs as {bugs}").into());
    }
    report.add("found", found.len() as u64);
    report.more.insert("finds".to_owned(), Value::Object(found));
    report.more.insert("missed".to_owned(), json!(missed));
    Ok(report)
}

/// The result of a campaign.
struct Run {
    violations: Map<String, Value>,
    passed: bool,
    seconds: f64,
    /// The first violation that was printed, or the message that the campaign ended with.
    first: String,
}

impl Run {
    /// The invariants that the campaign found broken.
    fn finds(&self) -> Vec<&str> {
        let names = self.violations.keys().map(String::as_str);
        names.filter(|name| !NO_FINDS.contains(name)).collect()
    }

    fn is_clean(&self) -> bool {
        self.passed && self.violations.is_empty()
    }

    fn verdict(&self) -> String {
        match self.violations.is_empty() {
            false => format!("{}; {}", Value::Object(self.violations.clone()), self.first),
            true if self.passed => "nothing was found".to_owned(),
            true => format!("the campaign failed: {}", self.first),
        }
    }
}

fn run_case(case: &Case, seed: u64, with_bug: bool) -> Result<Run> {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", PATIENCE]).arg(std::env::current_exe()?);
    command.args(case.run.split(' ')).args(["--seed", &seed.to_string()]);
    if with_bug {
        command.env(PLANT, case.bug);
    } else {
        command.env_remove(PLANT);
    }
    let began = std::time::Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let line = text.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
    let violations = line.as_ref().and_then(|line| line["violations"].as_object()).cloned();
    // A campaign that could not continue, for example on a busy machine, has printed what it had found.
    let printed = || {
        let mut printed = Map::new();
        for line in errors.lines().filter_map(|line| line.strip_prefix("violation of ")) {
            let (name, _) = line.split_once(':').unwrap_or((line, ""));
            let count = printed.get(name).and_then(Value::as_u64).unwrap_or(0) + 1;
            printed.insert(name.to_owned(), json!(count));
        }
        printed
    };
    let violations = violations.unwrap_or_else(printed);
    let first = errors.lines().find(|line| line.starts_with("violation of ")).or(errors.lines().last());
    Ok(Run {
        passed: output.status.success(),
        violations,
        seconds: (began.elapsed().as_secs_f64() * 10.0).round() / 10.0,
        first: first.map_or_else(|| output.status.to_string(), |line| line.chars().take(300).collect()),
    })
}

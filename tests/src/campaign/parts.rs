//! Runs a campaign in several processes and adds up their reports.

use super::options::Options;
use super::report::Report;
use super::{Error, Result};
use serde_json::Value;
use std::process::{Command, Stdio};

/// Runs `campaign` with `count` cases in `jobs` processes. `keys` are its own options that are passed on.
pub(super) fn run(campaign: &str, options: &Options, count: u64, jobs: u64, keys: &[&str]) -> Result<Report> {
    let mut parts = Vec::new();
    let mut seed = options.seed;
    for job in 0..jobs {
        let share = count / jobs + u64::from(job < count % jobs);
        let mut part = Command::new(std::env::current_exe()?);
        part.args([campaign, "--jobs", "1", "--db", &options.db.to_string()]);
        part.args(["--count", &share.to_string(), "--seed", &seed.to_string()]);
        for key in keys {
            let value = options.text(key, "");
            if !value.is_empty() {
                part.args([format!("--{key}"), value.to_owned()]);
            }
        }
        parts.push(part.stdout(Stdio::piped()).spawn()?);
        seed += share;
    }
    let mut report = Report::default();
    for part in parts {
        let output = part.wait_with_output()?;
        let text = String::from_utf8(output.stdout)?;
        let last = text.lines().last().ok_or("a part ended without its line")?;
        let Value::Object(mut line) = serde_json::from_str(last)? else {
            return Err(Error::from("a part's line is no object"));
        };
        report.points += line["points"].as_u64().unwrap_or(0);
        report.fired += line["fired"].as_u64().unwrap_or(0);
        for (name, times) in line["violations"].as_object().into_iter().flatten() {
            *report.violations.entry(name.clone()).or_default() += times.as_u64().unwrap_or(0);
        }
        for key in ["campaign", "db", "seed", "points", "fired", "violations", "seconds", "passed"] {
            line.remove(key);
        }
        for (key, value) in line {
            add(report.more.entry(key).or_insert(Value::Null), value);
        }
    }
    Ok(report)
}

/// Plants the library's bug `--plant NAME`. The campaign should find it.
pub(super) fn plant(options: &Options) -> Result {
    match options.text("plant", "") {
        "" => Ok(()),
        bug => filefield::testing::failpoints::cfg(format!("planted:{bug}"), "return").map_err(Error::from),
    }
}

/// Adds up numbers, also inside objects.
fn add(sum: &mut Value, part: Value) {
    match (&mut *sum, part) {
        (Value::Object(sum), Value::Object(part)) => {
            part.into_iter().for_each(|(key, value)| add(sum.entry(key).or_insert(Value::Null), value));
        }
        (Value::Number(number), Value::Number(part)) => {
            *sum = (number.as_u64().unwrap_or(0) + part.as_u64().unwrap_or(0)).into();
        }
        (_, part) => *sum = part,
    }
}

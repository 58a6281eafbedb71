//! A separate program, `schedules`, because its own SQLite cannot be linked beside that of sqlx. This builds and
//! runs it.

use super::Result;
use super::options::Options;
use super::report::Report;
use filefield_tests::databases::Kind;
use serde_json::Value;
use std::process::{Command, Stdio};

pub(super) fn schedules(options: &Options) -> Result<Report> {
    if options.db != Kind::Sqlite {
        return Err("schedules run on SQLite alone".into());
    }
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut program = Command::new(cargo);
    program.args(["run", "--quiet", "--release", "-p", "filefield-tests", "--no-default-features"]);
    program.args(["--features", "schedules", "--bin", "schedules", "--"]);
    program.args(["--count", &options.count.unwrap_or(10_000).to_string()]);
    program.args(["--seed", &options.seed.to_string()]);
    program.args(["--jobs", options.text("jobs", "2"), "--plant", options.text("plant", "all")]);
    let output = program.stdout(Stdio::piped()).spawn()?.wait_with_output()?;
    let text = String::from_utf8(output.stdout)?;
    let line: Value = serde_json::from_str(text.lines().last().ok_or("no line of figures")?)?;
    let number = |key: &str| line[key].as_u64().unwrap_or(0);
    let mut report = Report { points: number("points"), fired: number("fired"), ..Report::default() };
    for (name, times) in line["violations"].as_object().into_iter().flatten() {
        report.violations.insert(name.clone(), times.as_u64().unwrap_or(0));
    }
    for key in ["statements", "faults", "planted"] {
        report.more.insert(key.to_owned(), line[key].clone());
    }
    Ok(report)
}

//! Tests in a separate process, for things that exist once per process: settings, aliases, models, the
//! environment.

#![allow(clippy::unwrap_used, reason = "a test that cannot start its process fails")]

use std::ffi::OsStr;
use std::process::Command;

/// Set in the process that runs a single test.
const MARK: &str = "IT_ISOLATED";

/// Runs `test`, the body of the test function `name` (as `module::function`), in a separate process whose
/// environment has these variables.
///
/// # Panics
/// If the test fails there, or if no test has this name.
pub fn isolated<V: AsRef<OsStr>>(name: &str, variables: &[(&str, V)], test: impl FnOnce()) {
    if std::env::var_os(MARK).is_some() {
        return test();
    }
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", name, "--nocapture", "--include-ignored"]).current_dir(directory.path());
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("FILEFIELD_") {
            child.env_remove(variable);
        }
    }
    // Same as in all other tests; see `.cargo/config.toml`.
    child.env("FILEFIELD_DELETE_AFTER", "0 s");
    for (variable, value) in variables {
        child.env(variable, value);
    }
    let output = child.env(MARK, "1").output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name} failed on its own:\n{out}\n{err}");
    out.lines().filter(|line| line.contains("SKIPPED: ")).for_each(|line| println!("{line}"));
    // A misspelled name would run no test and succeed.
    assert!(out.contains("1 passed"), "{name} is not the name of a test:\n{out}");
}

/// No variables.
pub const NONE: &[(&str, &str)] = &[];

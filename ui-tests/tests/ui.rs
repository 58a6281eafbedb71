//! Checks the error text of the derive for each mistake, on the pinned compiler.
//!
//! `TRYBUILD=overwrite cargo test -p filefield-ui-tests` rewrites the texts. Review all of them afterwards.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The compiler of `rust-toolchain.toml`. Other versions word their errors differently.
const PINNED: &str = "rustc 1.95.0 ";

/// The maximum average number of lines in the text of a mistake.
const LINES: usize = 8;

#[test]
fn mistakes_read_as_reviewed() {
    let version = rustc().arg("--version").output().unwrap().stdout;
    if version.starts_with(PINNED.as_bytes()) {
        trybuild::TestCases::new().compile_fail("fail/**/*.rs");
    } else {
        println!("{}: the texts are not compared", String::from_utf8_lossy(&version).trim());
        refused_by_this_compiler();
    }
}

fn rustc() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// Every case fails to compile, and neither the derive nor the compiler panics.
fn refused_by_this_compiler() {
    let runtime = runtime();
    let mut wrong = Vec::new();
    for case in cases(Path::new("fail")) {
        let (compiled, text) = compile(&case, "2024", &runtime);
        let broken = ["panicked", "internal compiler error", "internal error in"];
        if compiled || broken.iter().any(|word| text.contains(word)) || !text.contains("error") {
            wrong.push(format!("{}:\n{text}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The runtime library that this test was built with. Among the builds with other features, it is the one
/// that the legal inputs compile with.
fn runtime() -> PathBuf {
    let deps = deps();
    let mut found: Vec<_> = std::fs::read_dir(&deps)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("libfilefield-"))
        .filter(|path| path.extension().is_some_and(|extension| extension == "rlib"))
        .collect();
    found.sort_by_key(|path| std::fs::metadata(path).and_then(|data| data.modified()).ok());
    let legal = Path::new("pass/own_types_of_the_same_names.rs");
    let texts =
        || found.iter().map(|runtime| compile(legal, "2024", runtime).1).collect::<Vec<_>>().join("\n");
    let fits = found.iter().rev().find(|runtime| compile(legal, "2024", runtime).0);
    fits.unwrap_or_else(|| panic!("no runtime in {} compiles what is legal:\n{}", deps.display(), texts()))
        .clone()
}

fn deps() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// Uses words that are keywords only in this crate's edition.
#[test]
fn an_older_edition_compiles() {
    let (compiled, text) = compile(Path::new("pass/edition_2021.rs"), "2021", &runtime());
    assert!(compiled, "{text}");
}

/// Compiles `case`. Returns whether that succeeded, and the output of the compiler.
fn compile(case: &Path, edition: &str, runtime: &Path) -> (bool, String) {
    let mut runtime_is = std::ffi::OsString::from("filefield=");
    runtime_is.push(runtime);
    let mut search = std::ffi::OsString::from("dependency=");
    search.push(deps());
    let output = rustc()
        .args(["--edition", edition, "--crate-type=bin", "--crate-name=case", "--emit=metadata", "-o"])
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("case.rmeta"))
        .arg("--extern")
        .arg(runtime_is)
        .arg("-L")
        .arg(search)
        .arg(case)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A case and its text.
struct Read {
    path: PathBuf,
    source: String,
    text: String,
}

fn read() -> Vec<Read> {
    let read = |path: PathBuf| Read {
        source: std::fs::read_to_string(&path).unwrap(),
        text: std::fs::read_to_string(path.with_extension("stderr")).unwrap_or_default(),
        path,
    };
    cases(Path::new("fail")).into_iter().map(read).collect()
}

impl Read {
    fn mistakes(&self) -> usize {
        let first = self.source.lines().next().unwrap();
        first.strip_prefix("// mistakes: ").unwrap().parse().unwrap()
    }
    fn errors(&self) -> usize {
        self.text.lines().filter(|line| line.starts_with("error")).count()
    }
}

/// One mistake is one error, without errors that follow from it.
#[test]
fn one_error_a_mistake() {
    let mut wrong = Vec::new();
    let cases = read();
    assert!(cases.len() >= 90, "{} cases", cases.len());
    for case in &cases {
        if case.errors() != case.mistakes() {
            wrong.push(format!(
                "{}: {} mistakes, {} errors",
                case.path.display(),
                case.mistakes(),
                case.errors()
            ));
        }
        if cases.iter().any(|other| other.path < case.path && other.source == case.source) {
            wrong.push(format!("{}: there already", case.path.display()));
        }
        if case.source.lines().count() > 20 {
            wrong.push(format!("{}: longer than 20 lines", case.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let sum = |of: fn(&Read) -> usize| cases.iter().map(of).sum::<usize>();
    let (mistakes, errors) = (sum(Read::mistakes), sum(Read::errors));
    let lines = sum(|case| case.text.lines().filter(|line| !line.is_empty()).count());
    let average = |count: usize| count as f64 / mistakes as f64;
    println!("{} cases, {mistakes} mistakes", cases.len());
    println!("{:.2} errors a mistake, {:.1} lines a mistake", average(errors), average(lines));
    assert!(lines <= LINES * mistakes, "{:.1} lines a mistake are more than {LINES}", average(lines));
}

/// Errors show the user's code. Of our code they show at most the public item whose bound is not met, with
/// its source line.
#[test]
fn nothing_internal_is_shown() {
    /// Names of the expansion and its parts, and phrases of syn about its own features or without a word of
    /// ours.
    const HIDDEN: &[&str] = &[
        "__private",
        "__ff",
        "__FILES",
        "__field",
        "__number",
        "__upload_to",
        "__model",
        "__row",
        "__ALL",
        "Columns`",
        "Slot<",
        "FieldDef",
        "FieldSpec",
        "ModelDef",
        "enable syn",
        "feature \"full\"",
        "unsupported expression",
        "expected literal",
        "expected identifier",
        "expected parentheses",
        "unexpected end of input",
        "expected one of",
        "unexpected token",
    ];
    let mut wrong = Vec::new();
    for case in read() {
        let mut lines = case.text.lines().peekable();
        while let Some(line) = lines.next() {
            if line.starts_with("note: required by a bound in")
                || line.starts_with("note: function defined here")
            {
                // The location, and the source line with its underline.
                while lines.next_if(|line| !line.is_empty() && !line.contains("^^^")).is_some() {}
                continue;
            }
            // The compiler uses the same words for a keyword, and shows how to escape it.
            let line = line.replace("expected identifier, found keyword", "");
            if let Some(word) = HIDDEN.iter().find(|word| line.contains(**word)) {
                wrong.push(format!("{}: `{word}` in: {line}", case.path.display()));
            }
        }
        let notes = case
            .text
            .lines()
            .filter(|line| line.trim_start_matches([' ', '=']).starts_with("note: required by"))
            .count();
        if notes > case.errors() {
            wrong.push(format!("{}: {notes} times \"required by\"", case.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn cases(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.chain(folders.iter().flat_map(|folder| cases(folder))).collect()
}

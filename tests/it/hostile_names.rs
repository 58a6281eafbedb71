//! The hostile corpus: names that a client may send, and names that a program may pass to a storage.
//!
//! `HOSTILE_CORPUS` names a folder with a corpus. Without it, the generator in the folder `shared` beside the
//! repository runs with python3, for seed 1 and for a random seed.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use filefield::FileName;
use filefield::name::{MAX_CLIENT_BYTES, from_client_bytes, valid_name};
use serde_json::Value;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders with a `names.json`, each with a description. If there are none, the list is empty and the reason
/// is printed.
fn corpora(made: &Path) -> Vec<(String, PathBuf)> {
    if let Some(folder) = std::env::var_os("HOSTILE_CORPUS") {
        return vec![("HOSTILE_CORPUS".to_owned(), PathBuf::from(folder))];
    }
    let generator = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/hostile/make_corpus.py");
    if !generator.is_file() {
        println!("skipped: HOSTILE_CORPUS is not set and there is no ../shared/hostile/make_corpus.py");
        return Vec::new();
    }
    let random = RandomState::new().hash_one(std::process::id()) % 1_000_000;
    let mut found = Vec::new();
    for seed in [1, random] {
        let folder = made.join(seed.to_string());
        let run = Command::new("python3")
            .arg(&generator)
            .arg(&folder)
            .args(["--names-only", "--seed", &seed.to_string()])
            .output();
        match run {
            Ok(run) => {
                assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
                found.push((format!("seed {seed}"), folder));
            }
            Err(error) => {
                println!("skipped: python3 does not start: {error}");
                return Vec::new();
            }
        }
    }
    found
}

fn raw(case: &Value) -> Vec<u8> {
    match case["name"].as_str() {
        Some(name) => name.as_bytes().to_vec(),
        None => BASE64_STANDARD.decode(case["name_b64"].as_str().unwrap()).unwrap(),
    }
}

/// What is wrong with our handling of one case.
fn wrong(case: &Value) -> Option<String> {
    let raw = raw(case);
    let text = std::str::from_utf8(&raw);
    let stored = if text.is_ok_and(|name| FileName::new(name).is_ok()) { "accept" } else { "reject" };
    if case["storage"] != stored {
        return Some(format!("as a storage name: {stored}"));
    }
    let name = from_client_bytes(&raw);
    let verdict = if text == Ok(&name) { "accept" } else { "sanitise" };
    // Nothing usable is left of a name that must be rejected. It gets a new one, which differs from the
    // original.
    let wanted = if case["client"] == "reject" { "sanitise" } else { case["client"].as_str().unwrap() };
    if wanted != verdict {
        return Some(format!("as a client name: {verdict}, {name:?}"));
    }
    if valid_name(&name).ok().is_none_or(|valid| valid != name.replace('+', "")) {
        return Some(format!("{name:?} is changed by the next step"));
    }
    if let Err(error) = FileName::new(&name) {
        return Some(format!("repaired to a name that no storage takes: {error}"));
    }
    if name.contains('/') || name.len() > MAX_CLIENT_BYTES {
        return Some(format!("repaired to {name:?}"));
    }
    if from_client_bytes(name.as_bytes()) != name {
        return Some(format!("{name:?} is repaired again"));
    }
    None
}

/// Whether the random bytes contain a character that python's tables, which made the verdicts, do not know
/// yet. Ours are of Unicode 18.
fn has_new_characters(case: &Value) -> bool {
    let script = "import base64, sys, unicodedata\n\
        text = base64.b64decode(sys.argv[1]).decode('utf-8', 'replace')\n\
        sys.exit(not any(unicodedata.category(c) == 'Cn' for c in text))";
    let asked = Command::new("python3").args(["-c", script, &BASE64_STANDARD.encode(raw(case))]).status();
    case["category"] == "random-bytes" && asked.is_ok_and(|status| status.success())
}

#[test]
fn every_name_gets_its_verdicts() {
    let made = tempfile::tempdir().unwrap();
    for (title, folder) in corpora(made.path()) {
        let names: Value =
            serde_json::from_slice(&std::fs::read(folder.join("names.json")).unwrap()).unwrap();
        let cases = names["cases"].as_array().unwrap();
        assert!(cases.len() > 500, "{title}: only {} cases", cases.len());
        let wrong =
            |case| wrong(case).filter(|_| !has_new_characters(case)).map(|how| format!("{case}\n    {how}"));
        let failures: Vec<String> = cases.iter().filter_map(wrong).collect();
        println!("{title}: {} hostile names, {} failures", cases.len(), failures.len());
        assert!(failures.is_empty(), "{title}:\n{}", failures.join("\n"));
    }
}

//! filefield against Django: always against committed vectors, and against a live Django if there is one.
//!
//! `DJANGO_PYTHON` names a Python with Django (and Pillow). `DJANGO_ORACLE` names the oracle program; the
//! default is the one in the folder `shared` beside the repository.

use filefield_tests::probe::answer_value;
use filefield_tests::probe::differences::{Case, DIFFERENCES, explain};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Few enough to read, enough to see a pattern.
const SHOWN: usize = 20;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The results of one run.
#[derive(Default)]
struct Tally {
    cases: usize,
    equal: usize,
    explained: BTreeMap<&'static str, usize>,
    unexplained: Vec<String>,
}

impl Tally {
    fn judge(&mut self, question: &Value, want: &Value) {
        let got = answer_value(question);
        self.cases += 1;
        if *want == got {
            self.equal += 1;
        } else if let Some(mut differences) = explain(&Case::new(question, want, &got)) {
            // A script may differ in several steps. Each difference counts once per case.
            differences.sort_by_key(|difference| difference.numbers);
            differences.dedup_by_key(|difference| difference.numbers);
            for difference in differences {
                *self.explained.entry(difference.numbers).or_default() += 1;
            }
        } else {
            self.unexplained.push(format!("asked {question}\n   Django    {want}\n   filefield {got}"));
        }
    }

    fn report(&self, title: &str) {
        println!("{title}: {} cases, {} answered alike", self.cases, self.equal);
        for difference in DIFFERENCES {
            if let Some(count) = self.explained.get(difference.numbers) {
                println!("  {count:6} differ by {}: {}", difference.numbers, difference.reason);
            }
        }
        for case in self.unexplained.iter().take(SHOWN) {
            println!("  unexplained: {case}");
        }
        assert!(self.unexplained.is_empty(), "{title}: {} cases differ unexplained", self.unexplained.len());
    }
}

#[test]
fn committed_vectors() {
    let mut all = Tally::default();
    let mut files: Vec<PathBuf> = std::fs::read_dir(root().join("tests/vectors"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "gz"))
        .collect();
    files.sort();
    for path in files {
        let mut tally = Tally::default();
        for line in BufReader::new(GzDecoder::new(File::open(&path).unwrap())).lines() {
            let vector: Value = serde_json::from_str(&line.unwrap()).unwrap();
            tally.judge(&vector["req"], &vector["want"]);
        }
        all.cases += tally.cases;
        for (numbers, count) in &tally.explained {
            *all.explained.entry(numbers).or_default() += count;
        }
        tally.report(&path.file_name().unwrap().to_string_lossy());
    }
    assert!(all.cases >= 20_000, "only {} cases", all.cases);
    // A difference that is no longer needed could hide a mistake.
    for difference in DIFFERENCES {
        assert!(all.explained.contains_key(difference.numbers), "no case needs {}", difference.numbers);
    }
}

#[test]
fn living_django() {
    let Some(python) = std::env::var_os("DJANGO_PYTHON") else {
        println!("skipped: DJANGO_PYTHON is not set");
        return;
    };
    let oracle = std::env::var_os("DJANGO_ORACLE")
        .map_or_else(|| root().join("../shared/oracle/django_oracle.py"), PathBuf::from);
    if !oracle.is_file() {
        println!("skipped: there is no oracle at DJANGO_ORACLE or ../shared/oracle/django_oracle.py");
        return;
    }
    // Each run has a new seed. It is printed, so a failure can be reproduced.
    let seed = match std::env::var("DJANGO_SEED") {
        Ok(seed) => seed,
        Err(_) => (RandomState::new().hash_one(std::process::id()) % 1_000_000).to_string(),
    };
    println!("DJANGO_SEED={seed}");
    let generator = root().join("tests/vectors/generate.py");
    let scale = std::env::var("DJANGO_SCALE").unwrap_or_else(|_| "0.3".to_owned());
    let made = Command::new(&python)
        .arg(generator)
        .args(["--questions", "--seeds", &seed, "--scale", &scale])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut questions = String::from_utf8(made.stdout).unwrap();
    // Only a live oracle can look at a folder.
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("d/e")).unwrap();
    for file in ["b.txt", "A.txt", "é.txt", "d/c"] {
        std::fs::write(folder.path().join(file), file).unwrap();
    }
    for path in ["", "d", "d/e", "missing", "b.txt", "b.txt/x", "missing/x"] {
        let question = json!({"op": "listdir", "root": folder.path(), "path": path});
        questions.push_str(&format!("{question}\n"));
    }
    questions.push_str(&format!("{}\n", json!({"op": "listdir", "path": folder.path()})));

    let mut django =
        Command::new(&python).arg(oracle).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = django.stdin.take().unwrap();
    let asked = questions.clone();
    // Questions are sent from another thread, so that neither side waits for the other with a full pipe.
    let asking = std::thread::spawn(move || stdin.write_all(asked.as_bytes()));
    let answers: Vec<String> =
        BufReader::new(django.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    asking.join().unwrap().unwrap();
    assert!(django.wait().unwrap().success());

    let questions: Vec<&str> = questions.lines().collect();
    assert_eq!(questions.len(), answers.len());
    let mut tally = Tally::default();
    for (question, answer) in questions.iter().zip(&answers) {
        tally.judge(&serde_json::from_str(question).unwrap(), &serde_json::from_str(answer).unwrap());
    }
    tally.report("living Django");
}

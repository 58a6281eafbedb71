//! Runs header reading and inspection on the hostile corpus.
//!
//! The corpus comes from the directory `HOSTILE_CORPUS`, or from `../shared/hostile/make_corpus.py` with
//! Python and Pillow (`DJANGO_PYTHON` names another interpreter). If neither is available, the test says so
//! and passes.

#![allow(clippy::unwrap_used)]

use filefield::image::{self, ImageInfo};
use filefield::inspect::{Inspection, Inspector, Rules, sniff};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

#[derive(serde::Deserialize)]
struct Index {
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    file: PathBuf,
    verdict: String,
    format: String,
    width: Option<u32>,
    height: Option<u32>,
    orientation: Option<u8>,
    oriented_width: Option<u32>,
    oriented_height: Option<u32>,
}

/// The corpus, and the directory to keep while it is used; or the reason why there is none.
fn corpus() -> Result<(PathBuf, Option<tempfile::TempDir>), String> {
    if let Some(path) = std::env::var_os("HOSTILE_CORPUS") {
        return Ok((path.into(), None));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(1).unwrap();
    let script = root.join("../shared/hostile/make_corpus.py");
    if !script.is_file() {
        return Err("HOSTILE_CORPUS is not set, and there is no script to make a corpus".into());
    }
    let python = std::env::var_os("DJANGO_PYTHON").unwrap_or_else(|| "python3".into());
    let dir = tempfile::tempdir().unwrap();
    match Command::new(python).arg(script).arg(dir.path()).args(["--seed", "1"]).output() {
        Ok(output) if output.status.success() => Ok((dir.path().to_owned(), Some(dir))),
        Ok(output) => {
            Err(String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("no output").to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// The result of an inspector for `bytes` in chunks of `size`.
fn inspect(bytes: &[u8], size: usize) -> Inspection {
    let (mut inspector, result) = Inspector::new(Rules { dimensions: true, ..Rules::default() });
    bytes.chunks(size).for_each(|chunk| inspector.update(chunk).unwrap());
    inspector.finish().unwrap();
    result.get().unwrap().clone()
}

/// The shortest of several runs, because the machine may be busy.
fn shortest(run: impl Fn() -> Option<ImageInfo>) -> Duration {
    let time = || {
        let start = Instant::now();
        std::hint::black_box(run());
        start.elapsed()
    };
    (0..5).map(|_| time()).min().unwrap()
}

#[test]
fn hostile_images() {
    let (dir, _kept) = match corpus() {
        Ok(corpus) => corpus,
        Err(reason) => {
            eprintln!("skipped: no corpus of hostile images: {reason}");
            return;
        }
    };
    let index: Index = serde_json::from_slice(&fs::read(dir.join("images.json")).unwrap()).unwrap();
    assert!(index.cases.len() >= 200, "the corpus is incomplete");
    for case in &index.cases {
        let path = dir.join("images").join(&case.file);
        let bytes = fs::read(&path).unwrap();
        let name = case.file.display();
        let info = image::probe(&bytes);

        assert_eq!(info, image::probe_file(&File::open(&path).unwrap()).unwrap(), "{name} from a file");
        for size in [1, 100, 10_000] {
            let seen = inspect(&bytes, size);
            assert_eq!(seen.dimensions, info.map(|info| info.dimensions), "{name} in chunks of {size}");
            assert_eq!(seen.orientation, info.map(|info| info.orientation), "{name} in chunks of {size}");
            assert_eq!(seen.content_type, sniff(&bytes), "{name} in chunks of {size}");
        }
        let time = shortest(|| image::probe(&bytes));
        assert!(time < Duration::from_millis(1), "{name} took {time:?}");

        // A truncated file gives the same result or none. If the dimensions come before the defect of a
        // broken file, a file that is cut between the two does not show the defect.
        let sides_first = matches!(case.format.as_str(), "gif" | "bmp" | "webp");
        for cut in (0..bytes.len().min(600)).chain([bytes.len() / 2, bytes.len().saturating_sub(1)]) {
            let cut_dimensions = image::dimensions(&bytes[..cut.min(bytes.len())]);
            assert!(
                cut_dimensions.is_none()
                    || cut_dimensions == info.map(|info| info.dimensions)
                    || (info.is_none() && sides_first),
                "{name} cut to {cut} bytes"
            );
        }
        judge(case, info, sniff(&bytes));
    }
}

fn judge(case: &Case, info: Option<ImageInfo>, content_type: Option<&str>) {
    let name = case.file.display();
    if let Some(info) = info {
        assert!(info.dimensions.width > 0 && info.dimensions.height > 0, "{name}");
        assert_eq!(Some(info.format.content_type()), content_type, "{name}");
    }
    if case.verdict == "accept" {
        let info = info.unwrap_or_else(|| panic!("{name} is an image"));
        assert_eq!(
            (Some(info.dimensions.width), Some(info.dimensions.height)),
            (case.width, case.height),
            "{name}"
        );
        assert_eq!(info.orientation, case.orientation.unwrap_or(1), "{name}");
        if let (Some(width), Some(height)) = (case.oriented_width, case.oriented_height) {
            assert_eq!(info.oriented_dimensions(), image::Dimensions { width, height }, "{name}");
        }
        let expected = match case.format.as_str() {
            "ico" => "image/vnd.microsoft.icon".to_owned(),
            format => format!("image/{format}"),
        };
        assert_eq!(content_type, Some(expected.as_str()), "{name}");
    }
    if case.verdict == "reject" {
        // A refused file may show dimensions only if it is of an image format, because then a later step can
        // refuse it.
        let image = ["png", "jpeg", "gif", "webp", "bmp", "tiff", "ico"].contains(&case.format.as_str());
        assert!(image || info.is_none(), "{name} is no image");
    }
    let expected = match case.format.as_str() {
        "svg" => "image/svg+xml",
        "pdf" => "application/pdf",
        "eps" => "application/postscript",
        _ => return,
    };
    assert_eq!(content_type, Some(expected), "{name}");
}

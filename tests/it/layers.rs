//! The modules of the runtime import only from layers below their own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Lowest layer first. Modules of one layer may import from each other.
const LAYERS: &[&[&str]] = &[
    &["error"],
    &["threads", "failpoints", "blocking"],
    &["name", "upload_to", "http_date"],
    &["image"],
    &["inspect"],
    &["content", "file"],
    &["storage"],
    &["settings"],
    &["model", "field", "registry"],
    &["journal"],
    &["backend"],
    &["columns", "serde"],
    &["db"],
    &["ops"],
    &["testing"],
];

/// What the crate's root exports, and the module that it is in.
const EXPORTS: &[(&str, &str)] = &[
    ("Error", "error"),
    ("ErrorKind", "error"),
    ("Result", "error"),
    ("FileName", "name"),
    ("Content", "content"),
    ("TempFile", "content"),
    ("FileField", "field"),
    ("ImageField", "field"),
    ("FileMeta", "field"),
    ("App", "registry"),
    ("SweepReport", "journal"),
    ("Sweeper", "journal"),
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The first names behind `crate::` in the code of a file, without its comments and tests.
fn imports(text: &str) -> BTreeSet<String> {
    let text = text.split("mod tests {").next().unwrap_or_default();
    let code: Vec<_> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join(" ");
    let first = |path: &str| -> String {
        path.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
    };
    let mut names = BTreeSet::new();
    for part in code.split("crate::").skip(1) {
        let Some(group) = part.strip_prefix('{') else {
            names.insert(first(part));
            continue;
        };
        let mut depth = 0;
        let items = group.split_inclusive([',', '{', '}']).take_while(|item| {
            let is_inside = depth >= 0;
            depth += i32::from(item.ends_with('{')) - i32::from(item.ends_with('}'));
            is_inside
        });
        let mut inner = 0;
        for item in items {
            if inner == 0 {
                names.insert(first(item));
            }
            inner += i32::from(item.ends_with('{')) - i32::from(item.ends_with('}'));
        }
    }
    names.remove("");
    names
}

#[test]
fn modules_import_from_lower_layers_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src");
    let layer = |module: &str| LAYERS.iter().position(|layer| layer.contains(&module));
    let mut all = Vec::new();
    files(&source, &mut all);
    assert!(all.len() > 100, "{} files", all.len());
    let (mut upwards, mut seen) = (Vec::new(), BTreeSet::new());
    for file in all {
        let path = file.strip_prefix(&source).unwrap();
        let is_test = path.components().any(|part| part.as_os_str().to_string_lossy().contains("tests"));
        let module = path.iter().next().unwrap().to_string_lossy().replace(".rs", "");
        let Some(own) = layer(&module).filter(|_| !is_test) else { continue };
        seen.insert(own);
        for name in imports(&std::fs::read_to_string(&file).unwrap()) {
            let module =
                EXPORTS.iter().find(|(export, _)| *export == name).map_or(&*name, |(_, module)| module);
            if layer(module).is_some_and(|other| other > own) {
                upwards.push(format!("{} imports {name}", path.display()));
            }
        }
    }
    assert_eq!(seen.len(), LAYERS.len(), "a layer has no files");
    assert!(upwards.is_empty(), "{upwards:#?}");
}

#[test]
fn imports_are_found() {
    let text = "use crate::name::valid;\nuse crate::{Error, inspect::{hex, Rules}, settings as s}; // crate::db\n\
                fn f() { crate::registry::enter() }\nmod tests { use crate::testing; }";
    let found: Vec<_> = imports(text).into_iter().collect();
    assert_eq!(found, ["Error", "inspect", "name", "registry", "settings"]);
}

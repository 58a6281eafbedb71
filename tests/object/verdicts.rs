//! The same verdicts everywhere: one table for disk, memory and every service.

use crate::name;
use crate::reserving::Reserving;
use filefield::storage::{FileSystemStorage, MemoryStorage, PrefixStorage};
use filefield::{Content, Error, Result, SaveOptions, Saved, SharedStorage, Storage, StorageExt};
use filefield_tests::buckets::provider::Provider;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

/// What is done, and what every storage answers.
const TABLE: &[(&str, &str)] = &[
    ("a free name", "cars/a.txt of 5"),
    ("a taken name", "a variant of 6"),
    ("the first is as it was", "first"),
    ("exactly a taken name", "AlreadyExists"),
    ("exactly a free name", "cars/b.txt of 1"),
    ("a name over max_length", "19"),
    ("an empty file", "cars/empty of 0"),
    ("a content that ends early", "Io"),
    ("nothing of it is left", "false"),
    ("a range", "\"ir\""),
    ("a range over the end", "\"st\""),
    ("a range behind the end", "\"\""),
    ("a range far behind the end", "\"\""),
    ("an empty range", "\"\""),
    ("a range of an empty file", "\"\""),
    ("a range of a missing file", "NotFound"),
    ("an empty range of a missing file", "NotFound"),
    ("open a missing file", "NotFound"),
    ("open a folder", "IsADirectory"),
    ("metadata of a missing file", "NotFound"),
    ("size", "5"),
    ("does a file exist", "true"),
    ("does a missing file exist", "false"),
    ("does a folder exist", "false"),
    ("does a part of a name exist", "false"),
    ("owner of a missing file", "NotFound"),
    ("a file with an owner", "owned of 1"),
    ("its owner", "Some(\"token-1\")"),
    ("a list is in the order of bytes", "a sub | 10 9 B a b+c%20#d a.txt b é"),
    ("a list of a missing folder", "NotFound"),
    ("a list of a part of a folder's name", "NotFound"),
    ("an odd name", "list/a b+c%20#d"),
    ("a name as long as one can be", "255"),
    ("a copy", "copies/a.txt of 5"),
    ("its text", "first"),
    ("a copy onto a taken name", "a variant of 5"),
    ("a copy onto exactly a taken name", "AlreadyExists"),
    ("a copy of a missing file", "NotFound"),
    ("rename", "done"),
    ("the old name", "false"),
    ("rename onto a taken name", "AlreadyExists"),
    ("both are as they were", "b first"),
    ("rename a missing file", "NotFound"),
    ("delete", "done"),
    ("delete it again", "done"),
    ("delete a name below a file", "done"),
    ("what is left in its folder", " | "),
    ("a deleted name is free", "copies/c.txt of 5"),
    ("a name below a file", "NotADirectory"),
    ("the name of a folder", "AlreadyExists"),
];

/// Who answers otherwise, to what, and how.
///
/// A bucket has no folders, so there a name can be that of a file and the beginning of others, and the list of a
/// folder that is not there is empty. `s3s-fs` keeps objects as files: it answers 500 to a name below or above that of
/// another object, and its own files have names longer than those of the objects.
const EXCEPTIONS: &[(&[&str], &str, &str)] = &[
    (&["s3", "look-alike"], "open a folder", "Io, may be retried"),
    (&["gcs", "azure"], "open a folder", "NotFound"),
    (&["s3", "look-alike"], "does a folder exist", "Io, may be retried"),
    (&["s3", "look-alike", "gcs", "azure"], "a list of a missing folder", " | "),
    (&["s3", "look-alike", "gcs", "azure"], "a list of a part of a folder's name", " | "),
    (&["s3"], "a name as long as one can be", "AlreadyExists, uncertain"),
    (&["look-alike"], "a name as long as one can be", "Io, may be retried, uncertain"),
    (&["s3", "look-alike"], "a name below a file", "Io, may be retried, uncertain"),
    (&["gcs", "azure"], "a name below a file", "cars/a.txt/x of 1"),
    (&["look-alike"], "the name of a folder", "Io, may be retried"),
    (&["gcs", "azure"], "the name of a folder", "cars of 1"),
];

/// An answer, in words.
fn said(result: Result<impl Display>) -> String {
    match result {
        Ok(value) => value.to_string(),
        Err(error) => refusal(&error),
    }
}

fn refusal(error: &Error) -> String {
    let retry = if error.is_retryable() { ", may be retried" } else { "" };
    let uncertain = if error.is_uncertain() { ", uncertain" } else { "" };
    format!("{:?}{retry}{uncertain}", error.kind())
}

fn exact() -> SaveOptions {
    SaveOptions { exact: true, ..SaveOptions::default() }
}

async fn save(
    s: &dyn Storage,
    wanted: &str,
    content: impl Into<Content>,
    options: SaveOptions,
) -> Result<Saved> {
    s.save(name(wanted), content.into(), &options).await
}

async fn text(s: &dyn Storage, stored: &str) -> Result<String> {
    let bytes = s.open(name(stored)).await?.read_all(1 << 20).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn part(s: &dyn Storage, stored: &str, range: std::ops::Range<u64>) -> Result<String> {
    let bytes = s.open_range(name(stored), range).await?.read_all(1 << 20).await?;
    Ok(format!("{:?}", String::from_utf8_lossy(&bytes)))
}

/// A name, with what is random in it left out.
fn shape(wanted: &str, result: Result<Saved>) -> String {
    let (stem, extension) = wanted.split_once('.').unwrap_or((wanted, ""));
    said(result.map(|saved| match saved.name == wanted {
        true => format!("{wanted} of {}", saved.size),
        false
            if saved.name.len() == wanted.len() + 8
                && saved.name.starts_with(&format!("{stem}_"))
                && saved.name.ends_with(extension) =>
        {
            format!("a variant of {}", saved.size)
        }
        false => format!("another name of {}", saved.size),
    }))
}

async fn listed(s: &dyn Storage, directory: &str) -> String {
    said(s.list(directory).await.map(|list| format!("{} | {}", list.dirs.join(" "), list.files.join(" "))))
}

/// Every case in turn, on one storage.
async fn verdicts(s: &dyn Storage) -> Vec<(&'static str, String)> {
    let plain = SaveOptions::default;
    let mut all = Vec::new();
    let mut say = |case, verdict: String| all.push((case, verdict));

    say("a free name", shape("cars/a.txt", save(s, "cars/a.txt", "first", plain()).await));
    say("a taken name", shape("cars/a.txt", save(s, "cars/a.txt", "second", plain()).await));
    say("the first is as it was", said(text(s, "cars/a.txt").await));
    say("exactly a taken name", shape("cars/a.txt", save(s, "cars/a.txt", "third", exact()).await));
    say("exactly a free name", shape("cars/b.txt", save(s, "cars/b.txt", "b", exact()).await));
    let short = SaveOptions { max_length: Some(19), ..plain() };
    say(
        "a name over max_length",
        said(save(s, "cars/abcdefghijk.txt", "x", short).await.map(|saved| saved.name.chars().count())),
    );
    say("an empty file", shape("cars/empty", save(s, "cars/empty", "", plain()).await));
    let short_content = Content::from("abc").with_len(4);
    say(
        "a content that ends early",
        shape("cars/short", save(s, "cars/short", short_content, plain()).await),
    );
    say("nothing of it is left", said(s.exists(name("cars/short")).await));

    for (case, stored, range) in [
        ("a range", "cars/a.txt", 1..3),
        ("a range over the end", "cars/a.txt", 3..99),
        ("a range behind the end", "cars/a.txt", 5..9),
        ("a range far behind the end", "cars/a.txt", 50..u64::MAX),
        ("an empty range", "cars/a.txt", 2..2),
        ("a range of an empty file", "cars/empty", 0..5),
        ("a range of a missing file", "cars/none", 0..5),
        ("an empty range of a missing file", "cars/none", 2..2),
    ] {
        say(case, said(part(s, stored, range).await));
    }

    say("open a missing file", said(text(s, "cars/none").await));
    say("open a folder", said(text(s, "cars").await));
    say("metadata of a missing file", said(s.metadata(name("cars/none")).await.map(|found| found.size)));
    say("size", said(s.size(name("cars/a.txt")).await));
    say("does a file exist", said(s.exists(name("cars/a.txt")).await));
    say("does a missing file exist", said(s.exists(name("cars/none")).await));
    say("does a folder exist", said(s.exists(name("cars")).await));
    say("does a part of a name exist", said(s.exists(name("cars/a.tx")).await));
    say("owner of a missing file", said(s.owner(name("cars/none")).await.map(|owner| format!("{owner:?}"))));
    let owned = SaveOptions { owner: Some("token-1".into()), ..exact() };
    say("a file with an owner", shape("owned", save(s, "owned", "x", owned).await));
    say("its owner", said(s.owner(name("owned")).await.map(|owner| format!("{owner:?}"))));

    for file in [
        "list/b",
        "list/B",
        "list/a.txt",
        "list/é",
        "list/10",
        "list/9",
        "list/sub/x",
        "list/a/y",
        "list/a b+c%20#d",
    ] {
        let _ = save(s, file, file.to_owned(), plain()).await;
    }
    say("a list is in the order of bytes", listed(s, "list").await);
    say("a list of a missing folder", listed(s, "none").await);
    say("a list of a part of a folder's name", listed(s, "li").await);
    say("an odd name", said(text(s, "list/a b+c%20#d").await));
    say(
        "a name as long as one can be",
        said(save(s, &"x".repeat(255), "x", plain()).await.map(|saved| saved.name.len())),
    );

    say("a copy", shape("copies/a.txt", s.copy(name("cars/a.txt"), name("copies/a.txt"), &plain()).await));
    say("its text", said(text(s, "copies/a.txt").await));
    say(
        "a copy onto a taken name",
        shape("cars/b.txt", s.copy(name("cars/a.txt"), name("cars/b.txt"), &plain()).await),
    );
    say(
        "a copy onto exactly a taken name",
        shape("cars/b.txt", s.copy(name("cars/a.txt"), name("cars/b.txt"), &exact()).await),
    );
    say(
        "a copy of a missing file",
        shape("copies/b", s.copy(name("cars/none"), name("copies/b"), &plain()).await),
    );
    let done = |()| "done";
    say("rename", said(s.rename(name("copies/a.txt"), name("copies/c.txt")).await.map(done)));
    say("the old name", said(s.exists(name("copies/a.txt")).await));
    say("rename onto a taken name", said(s.rename(name("copies/c.txt"), name("cars/b.txt")).await.map(done)));
    say(
        "both are as they were",
        said(text(s, "cars/b.txt").await) + " " + &said(text(s, "copies/c.txt").await),
    );
    say("rename a missing file", said(s.rename(name("cars/none"), name("copies/d")).await.map(done)));

    say("delete", said(s.delete(name("copies/c.txt")).await.map(done)));
    say("delete it again", said(s.delete(name("copies/c.txt")).await.map(done)));
    say("delete a name below a file", said(s.delete(name("cars/a.txt/x")).await.map(done)));
    say("what is left in its folder", listed(s, "copies").await);
    say("a deleted name is free", shape("copies/c.txt", save(s, "copies/c.txt", "again", plain()).await));
    say("a name below a file", shape("cars/a.txt/x", save(s, "cars/a.txt/x", "x", exact()).await));
    say("the name of a folder", shape("cars", save(s, "cars", "x", exact()).await));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn all_storages_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let memory: SharedStorage = Arc::new(MemoryStorage::new());
    let mut storages: Vec<(String, SharedStorage)> = vec![
        ("local".into(), Arc::new(FileSystemStorage::new(folder.path()).unwrap())),
        ("memory".into(), Arc::new(MemoryStorage::new())),
        ("prefix".into(), Arc::new(PrefixStorage::new(memory, "tenants/7").unwrap())),
    ];
    let providers = Provider::all().await;
    for provider in &providers {
        for prefix in ["", "tenants/é 7"] {
            let built = Arc::new(provider.fresh().await.prefix(prefix).build().unwrap());
            let storage: SharedStorage = match provider {
                Provider::LookAlike(_) => Arc::new(Reserving::new(built)),
                _ => built,
            };
            storages.push((provider.name().to_owned(), storage));
        }
    }
    let wanted: BTreeMap<_, _> = TABLE.iter().copied().collect();
    let mut differences = Vec::new();
    for (of, storage) in &storages {
        let verdicts = verdicts(&**storage).await;
        assert_eq!(
            verdicts.iter().map(|(case, _)| *case).collect::<Vec<_>>(),
            TABLE.iter().map(|(case, _)| *case).collect::<Vec<_>>()
        );
        for (case, verdict) in verdicts {
            let known = EXCEPTIONS.iter().find(|(who, what, _)| who.contains(&of.as_str()) && *what == case);
            let expected = known.map_or(wanted[case], |(_, _, how)| how);
            if verdict != expected {
                differences.push(format!("(\"{of}\", \"{case}\", \"{verdict}\"), not {expected}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

//! Names, limits, listings, URLs and the builder.

use super::*;

#[test]
fn limits_count_for_every_try() {
    // Limits also apply to variants of a taken name, and are also checked in bytes.
    let media = Media::new();
    let options = SaveOptions { max_length: Some(16), ..SaveOptions::default() };
    for _ in 0..20 {
        let saved = media.save_with("d/abcdef.txt", "x", &options).unwrap();
        assert!(saved.name.chars().count() <= 16, "{}", saved.name);
    }
    let long = format!("{}.jpg", "é".repeat(120));
    for _ in 0..3 {
        let saved = media.save(&long, "x").unwrap();
        assert!(saved.name.len() <= 255);
        assert_eq!(media.read(&saved.name).unwrap(), b"x");
    }
    let short = SaveOptions { max_length: Some(11), ..SaveOptions::default() };
    let error = media.save_with("longname.txt", "x", &short).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoAvailableName);
    let exact = SaveOptions { exact: true, ..short };
    assert_eq!(media.save_with("longname.txt", "x", &exact).unwrap_err().kind(), ErrorKind::NameTooLong);
    assert!(!media.files().iter().any(|file| file.starts_with("longname")));
}

#[test]
fn overwriting_cuts_without_a_random_part() {
    let media = Media::with(|builder| builder.allow_overwrite(true));
    for (wanted, max, expected) in [
        ("test_long_file_name.txt", 10, Ok("test_l.txt")),
        ("file_name.longext", 5, Err(ErrorKind::NoAvailableName)),
        ("d/abcdef.txt", 8, Ok("d/ab.txt")),
        ("short.txt", 10, Ok("short.txt")),
    ] {
        let options = SaveOptions { max_length: Some(max), ..SaveOptions::default() };
        for _ in 0..2 {
            let saved = media.save_with(wanted, "x", &options);
            assert_eq!(
                saved.map(|saved| saved.name).map_err(|error| error.kind()),
                expected.map(str::to_owned)
            );
        }
    }
}

#[test]
fn names_the_file_system_refuses_are_their_own_error() {
    // The location is so deep that a valid name exceeds the kernel's limit for paths, but not ours.
    let media = Media::new();
    let deep = ["n".repeat(255), "n".repeat(255), "n".repeat(255), "n".repeat(200)].join("/");
    media.save(&deep, "x").unwrap();
    assert_eq!(media.read(&deep).unwrap(), b"x");
    let location = media.dir.path().join("l".repeat(256));
    let storage = FileSystemStorage::new(location).unwrap();
    let error = run(storage.save(name("f"), Content::from("x"), &SaveOptions::default())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NameTooLong);
}

#[test]
fn odd_names_are_only_names() {
    let media = Media::with(|builder| builder.base_url("/media/"));
    let odd = ["%2e%2e", "a b", "[x]", "$(x)", "-rf", "~", "é", "'", "a%"];
    for file in odd {
        let file = format!("d/{file}");
        assert_eq!(media.save(&file, file.clone()).unwrap().name, file);
        assert_eq!(media.read(&file).unwrap(), file.as_bytes());
    }
    let mut expected = odd.map(str::to_owned);
    expected.sort();
    assert_eq!(run(media.storage.list("d")).unwrap().files, expected);
    assert_eq!(media.storage.url(name("d/%2e%2e")).unwrap(), "/media/d/%252e%252e");
}

#[test]
fn listings_are_one_level_and_sorted() {
    let media = Media::new();
    for file in ["b", "a/x", "a/y/z", "B", "é"] {
        media.save(file, "x").unwrap();
    }
    fs::create_dir_all(media.at(".filefield/tmp")).unwrap();
    let root = run(media.storage.list("")).unwrap();
    assert_eq!((root.dirs, root.files), (vec!["a".to_owned()], ["B", "b", "é"].map(str::to_owned).to_vec()));
    let below = run(media.storage.list("a")).unwrap();
    assert_eq!((below.dirs, below.files), (vec!["y".to_owned()], vec!["x".to_owned()]));
    for bad in ["..", "a/..", "/a", "a//y", ".", "a/", ".filefield/tmp"] {
        let error = run(media.storage.list(bad)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Traversal | ErrorKind::InvalidName), "{bad}: {error:?}");
        assert_eq!(error.operation(), Some("list"));
    }
}

#[test]
fn the_builder_checks() {
    let build = |configure: fn(FileSystemBuilder) -> FileSystemBuilder| {
        configure(FileSystemStorage::builder("somewhere")).build().map_err(|error| error.kind())
    };
    assert_eq!(FileSystemStorage::new("").unwrap_err().kind(), ErrorKind::Settings);
    for bad in ["", "/media/?x", "/media/#x", "/a b/", "/a/../b/"] {
        let error = FileSystemStorage::builder("somewhere").base_url(bad).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Settings, "{bad:?}");
    }
    assert_eq!(build(|b| b.file_permissions_mode(0o755)).unwrap_err(), ErrorKind::Settings);
    assert_eq!(build(|b| b.directory_permissions_mode(0o600)).unwrap_err(), ErrorKind::Settings);
    let storage = build(|b| b.base_url("https://cdn.example.com/m")).unwrap();
    assert!(storage.location().is_absolute() && !storage.location().exists());
    assert_eq!(storage.url(name("a b/é'.jpg")).unwrap(), "https://cdn.example.com/m/a%20b/%C3%A9'.jpg");
    assert_eq!(storage.path(name("a/b")).unwrap(), storage.location().join("a/b"));
    let none = build(|b| b).unwrap().url(name("a")).unwrap_err();
    assert_eq!((none.kind(), none.operation()), (ErrorKind::Unsupported, Some("url")));
}

#[test]
fn copies_and_renames_follow_the_rules_of_saves() {
    let media = Media::with(|builder| builder);
    media.save("a/from", "bytes").unwrap();
    let storage = &media.storage;
    let copied = run(storage.copy(name("a/from"), name("b/to"), &SaveOptions::default())).unwrap();
    assert_eq!(copied, Saved::new("b/to", 5));
    let again = run(storage.copy(name("a/from"), name("b/to"), &SaveOptions::default())).unwrap();
    assert_ne!(again.name, "b/to");
    run(storage.rename(name("a/from"), name("c/d/to"))).unwrap();
    assert_eq!(media.read("c/d/to").unwrap(), b"bytes");
    let missing = run(storage.rename(name("a/from"), name("new/dir/to"))).unwrap_err();
    assert_eq!((missing.kind(), missing.operation()), (ErrorKind::NotFound, Some("rename")));
    assert!(!media.at("new").exists());
    for onto in ["b/to", "c/d/to"] {
        let taken = run(storage.rename(name("c/d/to"), name(onto))).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
    }
    assert_eq!(media.files().len(), 3);
}

#[tokio::test]
async fn exact_never_replaces_even_where_overwriting_is_allowed() {
    let root = tempfile::tempdir().unwrap();
    let storage = FileSystemStorage::builder(root.path()).allow_overwrite(true).build().unwrap();
    let name = FileName::new("a.txt").unwrap();
    let exact = SaveOptions { exact: true, ..SaveOptions::default() };
    storage.save(name, "first".into(), &exact).await.unwrap();
    let error = storage.save(name, "second".into(), &exact).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(storage.open(name).await.unwrap().read_all(u64::MAX).await.unwrap(), "first");
}

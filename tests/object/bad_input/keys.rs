//! Keys with odd characters.

use crate::name;
use filefield::{SaveOptions, Storage, StorageExt};
use filefield_tests::buckets::provider::Provider;

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_come_back() {
    let long = "x".repeat(120);
    let odd = [
        "a b#%.x",
        "x#y",
        "100%25",
        "é ü/日本.txt",
        "~!()'@$&+=;,.x",
        "😀.png",
        "%2e%2e",
        "a+b",
        "a%zz",
        &long,
    ];
    for provider in Provider::honest().await {
        let (of, storage) = (provider.name(), provider.fresh().await.build().unwrap());
        for text in odd {
            let saved =
                storage.save(name(text), text.to_owned().into(), &SaveOptions::default()).await.unwrap();
            assert_eq!(saved.name, text);
            let got = storage.open(name(text)).await.unwrap().read_all(1 << 10).await.unwrap();
            assert_eq!(got, text, "{of}");
            let copied = storage.copy(name(text), name(text), &SaveOptions::default()).await.unwrap();
            let got = storage.open(name(&copied.name)).await.unwrap().read_all(1 << 10).await.unwrap();
            assert_eq!(got, text, "{of}");
            storage.delete(name(&copied.name)).await.unwrap();
        }
        let mut wanted: Vec<_> = odd.iter().filter(|text| !text.contains('/')).copied().collect();
        wanted.sort_unstable();
        assert_eq!(storage.list("").await.unwrap().files, wanted, "{of}");
        assert_eq!(storage.list("é ü").await.unwrap().files, ["日本.txt"], "{of}");
        for text in odd {
            storage.delete(name(text)).await.unwrap();
            assert!(!storage.exists(name(text)).await.unwrap(), "{of}: {text}");
        }
    }
}

/// Puts objects of another program into a bucket, where the server takes any key.
async fn with_foreign(keys: &[&str]) -> Vec<(&'static str, filefield::storage::ObjectStorage)> {
    let mut storages = Vec::new();
    for provider in Provider::honest().await {
        let bucket = provider.bucket().await;
        match &provider {
            Provider::Gcs(server) => keys.iter().for_each(|key| server.put_foreign(&bucket, key)),
            Provider::Azure(server) => {
                for key in keys {
                    server.put_foreign(&bucket, key).await;
                }
            }
            // `s3s-fs` keeps objects as files.
            _ => continue,
        }
        let storage = provider.storage(&bucket).build().unwrap();
        storages.push((provider.name(), storage));
        // The double ends with its provider.
        std::mem::forget(provider);
    }
    storages
}

#[tokio::test(flavor = "multi_thread")]
async fn the_marker_of_a_folder_is_no_file() {
    for (of, storage) in with_foreign(&["odd/folder/", "odd/", "odd/folder/in/", "odd/file"]).await {
        storage.save(name("odd/folder/a.txt"), "x".into(), &SaveOptions::default()).await.unwrap();
        for (folder, dirs, files) in [
            ("", &["odd"][..], &[][..]),
            ("odd", &["folder"], &["file"]),
            ("odd/folder", &["in"], &["a.txt"]),
            ("odd/folder/in", &[], &[]),
        ] {
            let listed = storage.list(folder).await.unwrap();
            assert_eq!(
                (&listed.dirs[..], &listed.files[..]),
                (&strings(dirs)[..], &strings(files)[..]),
                "{of}: {folder}"
            );
        }
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// What is no name is left out, and all else is there, on every page.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_no_names_hide_nothing() {
    let server = filefield_tests::buckets::gcs::Server::start().await;
    let bucket = server.bucket();
    let storage = server.storage(&bucket).prefix("p").build().unwrap();
    let mut wanted = Vec::new();
    for n in 0..2500 {
        server.put_foreign(&bucket, &format!("p/d/{n:04}.txt"));
        wanted.push(format!("{n:04}.txt"));
    }
    for odd in [
        "p/d/\u{1}",
        "p/d/./x",
        "p/d/../x",
        "p/d/../y/z",
        "p/d//x",
        "p/d/0500.txt\u{7f}",
        "p/d/1000\u{2}b",
        "p/d/zz\n",
        "p/d/e/../x",
        "p/../q",
        "/p",
        "p//d",
        "./p",
        "\u{3}",
    ] {
        server.put_foreign(&bucket, odd);
    }
    let listed = storage.list("d").await.unwrap();
    assert_eq!((listed.dirs, listed.files), (strings(&["e"]), wanted));
    assert_eq!(storage.list("").await.unwrap().dirs, ["d"]);
    assert_eq!(storage.list("d/e").await.unwrap(), Default::default());
    let whole = server.storage(&bucket).build().unwrap();
    assert_eq!(whole.list("").await.unwrap().dirs, ["p"]);
    // A folder of nothing else.
    for n in 0..50 {
        server.put_foreign(&bucket, &format!("odd/\u{1}{n}"));
    }
    assert_eq!(whole.list("odd").await.unwrap(), Default::default());
}

//! Keys with odd characters.

use crate::name;
use filefield::{SaveOptions, Storage};
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

//! How many requests an operation costs, seen where the client makes them.

use crate::name;
use filefield::{SaveOptions, Storage, StorageExt};
use filefield_tests::buckets::count::Counter;
use filefield_tests::buckets::provider::Provider;

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_few() {
    for provider in Provider::honest().await {
        let (of, bucket, counter) = (provider.name(), provider.bucket().await, Counter::default());
        let builder = provider.connected(&bucket, counter.clone());
        let storage = builder.base_url("https://cdn.example.com/").part_size(5 << 20).build().unwrap();
        storage.check().await.unwrap();
        assert_eq!(counter.requests(), ["PUT", "PUT"], "{of}");

        let save = async |wanted: &str, size: usize, options: &SaveOptions| {
            storage.save(name(wanted), vec![b'x'; size].into(), options).await.unwrap().name
        };
        assert_eq!(save("cars/a.txt", 4096, &SaveOptions::default()).await, "cars/a.txt");
        assert_eq!(counter.requests(), ["PUT"], "{of}: a save");
        let owned = SaveOptions { exact: true, owner: Some("token".into()), ..SaveOptions::default() };
        assert_eq!(save("cars/owned.txt", 4096, &owned).await, "cars/owned.txt");
        assert_eq!(counter.requests(), ["PUT"], "{of}: a save of a reserved name");
        storage.url(name("cars/a.txt")).unwrap();
        assert_eq!(counter.requests(), [""; 0], "{of}: a URL");
        assert!(storage.exists(name("cars/a.txt")).await.unwrap());
        assert!(!storage.exists(name("cars/none.txt")).await.unwrap());
        assert_eq!(counter.requests(), ["HEAD", "HEAD"], "{of}: two questions");
        assert_eq!(
            storage.open(name("cars/a.txt")).await.unwrap().read_all(1 << 20).await.unwrap().len(),
            4096
        );
        assert_eq!(
            storage.open_range(name("cars/a.txt"), 5..9).await.unwrap().read_all(9).await.unwrap(),
            "xxxx"
        );
        assert_eq!(counter.requests(), ["GET", "GET"], "{of}: two reads");
        storage.metadata(name("cars/a.txt")).await.unwrap();
        storage.size(name("cars/a.txt")).await.unwrap();
        storage.owner(name("cars/a.txt")).await.unwrap();
        assert_eq!(counter.requests(), ["HEAD", "HEAD", "HEAD"], "{of}: three questions");
        assert_ne!(save("cars/a.txt", 4096, &SaveOptions::default()).await, "cars/a.txt");
        assert_eq!(counter.requests(), ["PUT", "HEAD", "PUT"], "{of}: a name that is taken");
        storage.copy(name("cars/a.txt"), name("cars/b.txt"), &SaveOptions::default()).await.unwrap();
        storage.rename(name("cars/b.txt"), name("cars/c.txt")).await.unwrap();
        save("cars/large.bin", 12 << 20, &SaveOptions::default()).await;
        let seen = counter.requests();
        assert!(seen.len() > 8 && seen.iter().all(|request| !is_list(request)), "{of}: {seen:?}");
        storage.delete(name("cars/a.txt")).await.unwrap();
        storage.delete(name("cars/none.txt")).await.unwrap();
        let seen = counter.requests();
        assert_eq!(seen.len(), 2, "{of}: {seen:?}");
        assert_eq!(storage.list("cars").await.unwrap().files.len(), 4, "{of}");
        let seen = counter.requests();
        assert!(seen.len() == 1 && is_list(&seen[0]), "{of}: {seen:?}");
    }
}

fn is_list(request: &str) -> bool {
    request.starts_with("GET") && (request.contains("list-type") || request.contains("comp=list"))
}

/// The journal asks for a name before it reserves it, and after; then there is one request for the bytes.
#[cfg(feature = "db")]
fn ensure_one_put(of: &str, seen: &[String]) {
    let (last, questions) = seen.split_last().unwrap();
    assert_eq!(last, "PUT", "{of}: {seen:?}");
    assert!(questions.len() <= 2 && questions.iter().all(|request| request == "HEAD"), "{of}: {seen:?}");
}

/// A row costs what its file costs, and no sweep lists a bucket.
#[cfg(feature = "db")]
#[tokio::test(flavor = "multi_thread")]
async fn rows_list_nothing() {
    use crate::rows::{Ferry, database, swept};
    use filefield::db::Table;
    use filefield::prelude::*;
    use filefield::testing::with_storage;
    use filefield::{FileField, SharedStorage};
    use std::sync::Arc;
    for provider in Provider::honest().await {
        let (of, bucket, counter) = (provider.name(), provider.bucket().await, Counter::default());
        let builder = provider.connected(&bucket, counter.clone()).base_url("/m/").trust_create_only();
        let storage: SharedStorage = Arc::new(builder.build().unwrap());
        let (_folder, db) = database().await;
        with_storage(storage, async {
            let mut one = Ferry::default();
            one.photo = FileField::new("a.txt", vec![b'x'; 4096]);
            one.save(&db).await.unwrap();
            ensure_one_put(of, &counter.requests());
            let mut two = Ferry::default();
            two.name = "two".into();
            two.plan = FileField::new("plan.bin", vec![b'x'; 4096]);
            two.save(&db).await.unwrap();
            ensure_one_put(of, &counter.requests());
            let read = Ferry::objects(&db).all().await.unwrap();
            read[0].photo().url().unwrap();
            assert_eq!(counter.requests(), [""; 0], "{of}: reading a row and its URL");
            one.photo = FileField::new("b.txt", "second");
            one.save(&db).await.unwrap();
            one.delete(&db).await.unwrap();
            two.delete(&db).await.unwrap();
            swept(&db).await;
            let seen = counter.requests();
            let puts = seen.iter().filter(|request| request.starts_with("PUT")).count();
            assert_eq!(puts, 1, "{of}: {seen:?}");
            // Each of the three files is asked for its owner, and deleted.
            assert!(seen.len() >= 7 && seen.iter().all(|request| !is_list(request)), "{of}: {seen:?}");
        })
        .await;
        assert_eq!(
            provider.storage(&bucket).build().unwrap().list("ferries").await.unwrap().files,
            [""; 0],
            "{of}"
        );
    }
}

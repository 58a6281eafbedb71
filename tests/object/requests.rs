//! How many requests an operation costs, seen where the client makes them.

use crate::name;
use filefield::{SaveOptions, Storage};
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

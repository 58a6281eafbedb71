//! Names that are taken by something else.

use super::*;
use filefield::content::Pending;
use filefield::{Content, ErrorKind, FileName, Metadata, Reader, Result, SaveOptions, Saved, Storage};

#[tokio::test]
async fn a_directory_or_a_link_in_the_way_is_a_taken_name() {
    Garage::run::<Lot, _>(|garage| async move {
        std::fs::create_dir_all(garage.media().join("lots/lot.jpg")).unwrap();
        let mut first = lot("first");
        first.save(&garage.db).await.unwrap();
        let name = first.photo.name().unwrap();
        assert!(name.starts_with("lots/lot_") && name.ends_with(".jpg"), "{name}");

        std::fs::remove_dir(garage.media().join("lots/lot.jpg")).unwrap();
        std::os::unix::fs::symlink("nowhere", garage.media().join("lots/lot.jpg")).unwrap();
        let mut second = lot("second");
        second.save(&garage.db).await.unwrap();
        assert_eq!(read(&second).await, "second");
        assert_eq!(garage.journal().await, 0);
    })
    .await;
}

/// A storage that answers a question in the middle of a reservation with an error.
#[derive(Debug)]
struct Fails(SharedStorage, std::sync::atomic::AtomicUsize);

#[filefield::async_trait]
impl Storage for Fails {
    async fn save(&self, name: FileName<'_>, content: Content, options: &SaveOptions) -> Result<Saved> {
        self.0.save(name, content, options).await
    }
    async fn open(&self, name: FileName<'_>) -> Result<Reader> {
        self.0.open(name).await
    }
    async fn delete(&self, name: FileName<'_>) -> Result<()> {
        self.0.delete(name).await
    }
    async fn metadata(&self, name: FileName<'_>) -> Result<Metadata> {
        if self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1 {
            return Err(filefield::Error::new(ErrorKind::PermissionDenied, "not now"));
        }
        self.0.metadata(name).await
    }
    fn url(&self, name: FileName<'_>) -> Result<String> {
        self.0.url(name)
    }
    fn kind(&self) -> &'static str {
        "fails"
    }
}

#[tokio::test]
async fn a_reservation_that_fails_half_way_reserves_nothing() {
    Garage::run::<Lot, _>(|garage| async move {
        let storage = Arc::new(Fails(garage.storage.clone(), Default::default()));
        // What can be read once is not tried under a name that may be taken, so the storage is asked.
        let mut once = lot("x");
        once.photo = ImageField::pending(Pending::from_reader("lot.jpg", &b"x"[..]));
        let error = with_storage(storage, async { once.save(&garage.db).await }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert_eq!(garage.journal().await, 0, "R4");
    })
    .await;
}

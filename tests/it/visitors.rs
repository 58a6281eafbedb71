//! What a web handler can answer if a file is refused.

use crate::support::Garage;
use filefield::db::{Table, UploadClaim};
use filefield::prelude::*;
use filefield::storage::{MemoryStorage, SignedRequest, Signer};
use filefield::{Error, ErrorKind};

#[derive(Debug, Clone, Default, Model)]
#[model(table = "visited_cars")]
struct Car {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    plate: String,
    #[file(upload_to = "private", accept = ["image/gif"], max_size = "2 KiB")]
    photo: ImageField,
}

const GIF: &[u8] = b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02\x4c\x01\0;";

/// Kind, status and text. None of them reveals internals.
fn answer(error: &Error) -> (ErrorKind, u16, &str) {
    let text = error.message();
    for inner in ["Car", "photo", "private", "plate", "W-4711", "memory", "default", "visited", "/"] {
        // Media types may be shown to the visitor.
        assert!(!text.replace("image/gif", "").contains(inner), "{text}");
    }
    (error.kind(), error.status(), text)
}

#[tokio::test]
async fn an_error_says_what_to_tell_a_visitor() {
    Garage::run::<Car, _>(async |garage: std::sync::Arc<Garage>| {
        let db = &garage.db;
        let car = |plate: &str, name: &str, bytes: &[u8]| Car {
            plate: plate.into(),
            photo: ImageField::new(name, bytes.to_vec()),
            ..Car::default()
        };
        let error = car("W-4711", "a.gif", &[GIF, &[0; 4000][..]].concat()).save(db).await.unwrap_err();
        assert_eq!(answer(&error), (ErrorKind::TooLarge, 413, "The file is larger than 2 KiB."));
        assert_eq!(error.field(), Some("photo"));
        assert!(error.to_string().starts_with("Car.photo: "), "the log has it all: {error}");
        let error = car("W-4711", "a.gif", b"not a picture").save(db).await.unwrap_err();
        let text = "Files of this type are not accepted. Accepted types: image/gif.";
        assert_eq!(answer(&error), (ErrorKind::NotAccepted, 415, text));
        let error = car("W-4711", "a.gif", b"").save(db).await.unwrap_err();
        assert_eq!(answer(&error), (ErrorKind::NotAccepted, 415, "The file is empty."));

        car("W-4711", "a.gif", GIF).save(db).await.unwrap();
        let error = car("W-4711", "b.gif", GIF).save(db).await.unwrap_err();
        let text = "There is an entry with these values already.";
        assert_eq!(answer(&error), (ErrorKind::UniqueViolation, 409, text));
        let error = Car::objects(db).get(Car::columns().plate.eq("none")).await.unwrap_err();
        assert_eq!(answer(&error), (ErrorKind::DoesNotExist, 404, "The entry does not exist."));

        let read = Car::objects(db).get(Car::columns().plate.eq("W-4711")).await.unwrap();
        std::fs::remove_file(read.photo().path().unwrap()).unwrap();
        let error = read.photo().read().await.unwrap_err();
        assert_eq!(answer(&error), (ErrorKind::NotFound, 404, "The file does not exist."));
        let error = Car::default().photo().url().unwrap_err();
        assert_eq!(answer(&error), (ErrorKind::NoFile, 404, "There is no file."));
    })
    .await;
}

#[tokio::test]
async fn a_refused_link_is_forbidden_and_a_refused_disk_is_no_fault_of_the_visitor() {
    let signer = Signer::new("a secret of the tests, of 32 bytes or more").unwrap();
    let storage = MemoryStorage::builder().base_url("/m/").signer(signer).build().unwrap();
    let error = storage.verify_signed_url(&SignedRequest::new("GET", "/m/a.txt?expires=1")).unwrap_err();
    let want = (ErrorKind::PermissionDenied, 403, "The link is invalid or has expired.");
    assert_eq!(answer(&error), want);
    let error = Error::from(std::io::Error::from(std::io::ErrorKind::PermissionDenied));
    assert_eq!(error.status(), 500);
}

#[test]
fn a_refused_ticket_is_forbidden() {
    let key = "a secret of the tests, of 32 bytes or more";
    let test = "visitors::a_refused_ticket_is_forbidden";
    filefield_tests::isolated::isolated(test, &[("FILEFIELD_SECRET_KEY", key)], || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(Garage::run::<Car, _>(async |garage: std::sync::Arc<Garage>| {
            let db = &garage.db;
            let mut car = Car::default();
            let error = car.photo_mut().claim(&UploadClaim::new("00.00"), db).await.unwrap_err();
            let text = "The upload ticket is invalid or has expired. Please send the file again.";
            assert_eq!((error.status(), error.message()), (403, text));
            let error = Car::photo_upload("a.gif", 4096).ticket(db).await.unwrap_err();
            assert_eq!((error.status(), error.message()), (413, "The file is larger than 2 KiB."));
            let upload = Car::photo_upload("a.gif", 100).content_type("text/html");
            assert_eq!(upload.ticket(db).await.unwrap_err().status(), 415);
        }));
    });
}

//! Content of a save that failed, where the files are objects: it is there for the next one.

use crate::rows::{Ferry, database, files, swept};
use filefield::content::Pending;
use filefield::db::{Table, stage_all};
use filefield::prelude::*;
use filefield::testing::with_storage;
use filefield::{Content, ErrorKind, SaveOptions, SharedStorage, TempFile};
use filefield_tests::buckets::provider::Provider;
use futures_util::stream;
use std::path::Path;
use std::sync::Arc;

const SOURCES: [&str; 4] = ["bytes", "temporary file", "reader", "stream"];

fn content(source: &str, folder: &Path, text: &'static str) -> FileField {
    match source {
        "bytes" => FileField::new("ferry.txt", text),
        "temporary file" => {
            let mut writer = TempFile::create_in(folder).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
            FileField::new("ferry.txt", writer.finish().unwrap())
        }
        "reader" => FileField::pending(Pending::new("ferry.txt", Content::reader(text.as_bytes()))),
        _ => {
            let pieces = text.as_bytes().chunks(3).map(|piece| Ok(piece.into()));
            FileField::pending(Pending::new("ferry.txt", Content::stream(stream::iter(pieces))))
        }
    }
}

fn ferry(name: &str, photo: FileField) -> Ferry {
    let mut ferry = Ferry::default();
    ferry.name = name.into();
    ferry.photo = photo;
    ferry
}

async fn retried(storage: SharedStorage, source: &str) {
    let (folder, db) = database().await;
    ferry("one", FileField::default()).save(&db).await.unwrap();

    let mut two = ferry("one", content(source, folder.path(), "cars"));
    assert_eq!(two.save(&db).await.unwrap_err().kind(), ErrorKind::UniqueViolation, "{source}");
    two.name = "two".into();
    two.save(&db).await.unwrap();
    assert_eq!(two.photo().read().await.unwrap(), "cars", "{source}");

    // Of several, the first one finds its name taken by an object that nobody here knows of.
    let taken = crate::name("ferries/bytes.txt");
    storage.save(taken, "another's".into(), &SaveOptions::default()).await.unwrap();
    let mut three = ferry("three", FileField::new("bytes.txt", "first"));
    three.plan = content(source, folder.path(), "second");
    let mut four = ferry("four", content(source, folder.path(), "third"));
    stage_all(&db, &mut [&mut three, &mut four]).await.unwrap();
    three.save(&db).await.unwrap();
    four.save(&db).await.unwrap();
    for (file, text) in [(three.photo(), "first"), (three.plan(), "second"), (four.photo(), "third")] {
        assert_eq!(file.read().await.unwrap(), text, "{source}");
    }

    // One that is given up is swept.
    let mut five = ferry("one", content(source, folder.path(), "cars"));
    five.save(&db).await.unwrap_err();
    drop(five);
    swept(&db).await;
    assert_eq!(files(&storage).await.len(), 5, "{source}");
}

#[tokio::test(flavor = "multi_thread")]
async fn content_outlives_a_save_that_failed() {
    for provider in Provider::all().await {
        for source in SOURCES {
            let storage: SharedStorage = Arc::new(provider.fresh().await.build().unwrap());
            with_storage(storage.clone(), retried(storage, source)).await;
        }
    }
}

//! Faults found by the campaign `store`: answers that do not mean what they seem to.

use super::*;
use crate::StorageExt;
use crate::inspect::{Inspection, Inspector, Rules};
use object_store::{Attribute, Attributes, PutOptions};

fn owned() -> SaveOptions {
    SaveOptions { owner: Some("mine".into()), ..exact() }
}

/// A retry finds the name taken, and it is unknown whether by the first try.
#[tokio::test]
async fn a_name_that_was_perhaps_taken_by_us_is_uncertain() {
    for options in [exact(), SaveOptions::default()] {
        let store = Double::default();
        let storage = over(&store).trust_create_only().build().unwrap();
        store.fail("put", Fault::TriedAgain);
        store.fail("head", Fault::Fails);
        let error = storage.save(name("a"), "x".into(), &options).await.unwrap_err();
        assert_eq!((error.kind(), error.is_uncertain()), (ErrorKind::AlreadyExists, true));
        // Nothing is left under another name.
        assert_eq!(storage.list("").await.unwrap().files, ["a"]);
    }
}

/// The journal forgets what certainly failed, and nobody would abort the upload.
#[tokio::test]
async fn an_upload_that_stays_open_is_not_certain() {
    for step in ["part", "head"] {
        let store = Double::default();
        let storage = over(&store).trust_create_only().part_size(1024).build().unwrap();
        if step == "head" {
            // The name is free before the upload, and then the check fails.
            store.fail("head", Fault::Pretends);
        }
        store.fail(step, Fault::Fails);
        store.fail("abort", Fault::Fails);
        let error = storage.save(name("a"), vec![7; 3000].into(), &owned()).await.unwrap_err();
        assert_eq!((error.is_uncertain(), store.open_uploads()), (true, 1), "{step}");
        storage.discard_staged("mine").await.unwrap();
        assert_eq!(store.open_uploads(), 0);
    }
}

#[tokio::test]
async fn a_copy_is_looked_at_before_it_counts() {
    let store = Double::default();
    let storage = over(&store).build().unwrap();
    storage.save(name("a"), "x".into(), &owned()).await.unwrap();
    storage.check().await.unwrap();
    storage.copy(name("a"), name("first"), &owned()).await.unwrap();
    // A success with an error in its body.
    store.fail("copy", Fault::Pretends);
    let error = storage.rename(name("a"), name("b")).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable(), error.is_uncertain()), (ErrorKind::Io, true, true));
    assert_eq!(text(&storage, "a").await, "x");
    // A retry finds the copy of the first try.
    for (fault, to) in [(Fault::TriedAgain, "c"), (Fault::AnswerLost, "d")] {
        store.fail("copy", fault);
        assert_eq!(storage.copy(name("a"), name(to), &owned()).await.unwrap().name, to);
        assert_eq!(text(&storage, to).await, "x");
    }
    // Another's file is not a copy.
    save(&storage, "e", "y").await.unwrap();
    store.fail("copy", Fault::Fails);
    let error = storage.copy(name("a"), name("e"), &owned()).await.unwrap_err();
    assert!(error.is_uncertain());
    assert_eq!(text(&storage, "e").await, "y");
}

#[tokio::test]
async fn a_rename_whose_original_stays_is_uncertain() {
    let store = Double::default();
    let storage = over(&store).build().unwrap();
    storage.save(name("a"), "x".into(), &owned()).await.unwrap();
    store.fail("delete", Fault::Fails);
    let error = storage.rename(name("a"), name("b")).await.unwrap_err();
    assert!(error.is_uncertain());
    assert_eq!((text(&storage, "a").await, text(&storage, "b").await), ("x".into(), "x".into()));
}

/// The declared length is that of the body, but not that of the range or the file.
#[tokio::test]
async fn a_body_that_is_too_short_is_not_the_file() {
    let store = Double::default();
    let storage = over(&store).build().unwrap();
    storage.save(name("a"), vec![7; 100_000].into(), &owned()).await.unwrap();
    store.fail("get", Fault::Pretends);
    let read = storage.open_range(name("a"), 10..50_000).await.unwrap().read_all(u64::MAX).await.unwrap();
    assert_eq!(read.len(), 49_990);
}

/// Without its owner, a sweep could not prove that the copy is ours.
#[tokio::test]
async fn a_copy_that_loses_its_owner_is_made_by_hand() {
    let store = Double { copies_bytes: true, ..Double::default() };
    let storage = over(&store).build().unwrap();
    storage.save(name("a"), "x".into(), &owned()).await.unwrap();
    let kept = store.inner.get_opts(&"a".into(), Default::default()).await.unwrap().attributes;
    storage.rename(name("a"), name("b")).await.unwrap();
    assert_eq!(storage.owner(name("b")).await.unwrap().as_deref(), Some("mine"));
    let moved = store.inner.get_opts(&"b".into(), Default::default()).await.unwrap().attributes;
    assert_eq!(moved.get(&Attribute::ContentType), kept.get(&Attribute::ContentType));
    assert_eq!((text(&storage, "b").await.as_str(), storage.list("").await.unwrap().files.len()), ("x", 1));
}

#[tokio::test]
async fn a_copy_in_the_bucket_would_lose_the_storage_class() {
    let store = Double::default();
    let storage = over(&store).storage_class("STANDARD_IA").build().unwrap();
    storage.save(name("a"), "x".into(), &owned()).await.unwrap();
    store.requests();
    storage.copy(name("a"), name("b"), &owned()).await.unwrap();
    assert_eq!(store.requests(), ["head", "get", "put"]);
}

/// Remembers that a bucket cannot do something, but not that it did not answer.
#[tokio::test]
async fn one_lost_answer_says_nothing_of_the_bucket() {
    let store = Double::default();
    let storage = over(&store).build().unwrap();
    storage.save(name("a"), "x".into(), &owned()).await.unwrap();
    store.fail("copy", Fault::Fails);
    let error = storage.copy(name("a"), name("b"), &owned()).await.unwrap_err();
    assert_eq!((error.is_retryable(), error.is_uncertain()), (true, false));
    store.requests();
    storage.copy(name("a"), name("b"), &owned()).await.unwrap();
    assert_eq!(store.requests(), ["head", "copy", "copy", "head"]);
}

/// Adopting files of an older program loses none of their metadata.
#[tokio::test]
async fn an_object_that_is_there_gets_an_owner() {
    let store = Double::default();
    let storage = over(&store).part_size(1024).build().unwrap();
    let old: Attributes = [
        (Attribute::ContentType, "text/csv"),
        (Attribute::CacheControl, "max-age=7"),
        (Attribute::Metadata("theirs".into()), "kept"),
    ]
    .into_iter()
    .collect();
    for (key, bytes) in [("a.csv", vec![7; 1024]), ("large.csv", vec![7; 1025])] {
        let options = PutOptions { attributes: old.clone(), ..PutOptions::default() };
        store.inner.put_opts(&key.into(), bytes.into(), options).await.unwrap();
    }
    for (fault, owner) in [(None, "first"), (None, "second"), (Some(Fault::AnswerLost), "third")] {
        if let Some(fault) = fault {
            store.fail("put", fault);
        }
        storage.set_owner(name("a.csv"), owner).await.unwrap();
        assert_eq!(storage.owner(name("a.csv")).await.unwrap().as_deref(), Some(owner));
    }
    let stored = store.inner.get_opts(&"a.csv".into(), Default::default()).await.unwrap();
    for (attribute, value) in &old {
        assert_eq!(stored.attributes.get(attribute), Some(value));
    }
    assert_eq!(stored.bytes().await.unwrap(), vec![7; 1024]);

    for (file, kind) in [("large.csv", ErrorKind::Unsupported), ("none.csv", ErrorKind::NotFound)] {
        assert_eq!(storage.set_owner(name(file), "mine").await.unwrap_err().kind(), kind, "{file}");
        assert!(!matches!(storage.owner(name(file)).await, Ok(Some(_))), "{file}");
    }
    // A bucket that would replace any version.
    let careless = Double { overwrites: true, ..store.clone() };
    let storage = over(&careless).build().unwrap();
    let error = storage.set_owner(name("large.csv"), "mine").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

const TOKEN: &str = "aaaabbbbccccddddeeeeffff23";
const UPLOAD: &str = ".filefield/uploads/aaaabbbbccccddddeeeeffff23";

/// Promotes what a client sent.
async fn promoted(
    store: &Double,
    content_type: &str,
    encoding: Option<&'static str>,
    bytes: Vec<u8>,
    rules: Rules,
) -> Inspection {
    let storage = over(store).trust_create_only().build().unwrap();
    let upload = FileName::or_upload(UPLOAD).unwrap();
    let mut attributes =
        attributes::of_file(&Defaults::default(), upload, &[], Some(content_type), Some(TOKEN), TOKEN)
            .unwrap();
    if let Some(encoding) = encoding {
        attributes.insert(Attribute::ContentEncoding, encoding.into());
    }
    let options = PutOptions { attributes, ..PutOptions::default() };
    store.inner.put_opts(&UPLOAD.into(), bytes.into(), options).await.unwrap();
    let (inspector, result) = Inspector::new(rules);
    let options = SaveOptions { owner: Some(TOKEN.to_owned()), ..exact() };
    storage.promote(upload, name("a.gif"), inspector, &options).await.unwrap();
    result.get().unwrap().clone()
}

/// The client of an upload may add unsigned headers.
#[tokio::test]
async fn an_upload_with_headers_of_its_own_passes_through_the_process() {
    for (encoding, requests) in [(None, 1), (Some("gzip"), 0)] {
        let store = Double::default();
        let gif = b"GIF89a\x01\0\x01\0\0\0\0".to_vec();
        promoted(&store, "image/gif", encoding, gif, Rules::default()).await;
        let copies = store.requests().iter().filter(|request| **request == "copy").count();
        assert_eq!(copies, requests, "{encoding:?}");
        let stored = store.inner.get_opts(&"a.gif".into(), Default::default()).await.unwrap();
        assert_eq!(stored.attributes.get(&Attribute::ContentEncoding), None);
        assert_eq!(stored.attributes.get(&Attribute::ContentType).unwrap().as_ref(), "image/gif");
    }
}

/// The header of an image is found anywhere in the file, with few requests.
#[tokio::test]
async fn an_upload_in_the_bucket_has_its_dimensions() {
    let directory = |at: u32| {
        let mut file = [&b"II*\0"[..], &at.to_le_bytes(), &vec![0; at as usize - 8], &[2, 0]].concat();
        file.extend(b"\0\x01\x04\0\x01\0\0\0\x07\0\0\0\x01\x01\x04\0\x01\0\0\0\x09\0\0\0\0\0\0\0");
        file
    };
    let thumbnail = [&b"\xff\xe2\xff\xff"[..], &[7; 65_533]].concat();
    let frame = b"\xff\xc0\0\x0b\x08\0\x09\0\x07\x01\x01\x11\0";
    let jpeg = [b"\xff\xd8", &thumbnail[..], frame, &[0; 70_000]].concat();
    let files = [("image/tiff", directory(8)), ("image/tiff", directory(3 << 20)), ("image/jpeg", jpeg)];
    for (content_type, file) in files {
        for checksum in [false, true] {
            let (store, len) = (Double::default(), file.len() as u64);
            let rules = Rules { dimensions: true, checksum, ..Rules::default() };
            let seen = promoted(&store, content_type, None, file.clone(), rules).await;
            assert_eq!((seen.size, seen.content_type), (len, Some(content_type)));
            let sides = seen.dimensions.unwrap();
            assert_eq!((sides.width, sides.height), (7, 9), "{content_type} of {len} bytes");
            let requests = store.requests();
            assert!(requests.contains(&"copy"), "{requests:?}");
            assert!(requests.iter().filter(|request| **request == "get").count() <= 4, "{requests:?}");
        }
    }
}

/// A service may show an object before its attributes.
#[tokio::test]
async fn an_object_that_nobody_has_signed_may_be_ours() {
    for (there, uncertain) in [("x", true), ("other", false)] {
        let store = Double::default();
        let storage = over(&store).trust_create_only().build().unwrap();
        store.inner.put_opts(&"a".into(), there.into(), PutOptions::default()).await.unwrap();
        store.fail("put", Fault::Fails);
        let saved = storage.save(name("a"), "x".into(), &exact()).await.unwrap_err();
        assert_eq!(saved.is_uncertain(), uncertain, "{saved}");
    }
}

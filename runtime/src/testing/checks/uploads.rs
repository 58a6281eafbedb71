//! Uploads that become files.

use super::checks;
use crate::inspect::{Inspector, Rules};
use crate::storage::{SignedRequest, UploadTerms};
use crate::testing::kit::*;
use crate::{Content, ErrorKind, FileName, SaveOptions, SharedStorage, Storage, StorageExt};
use std::time::Duration;

checks![
    an_upload_becomes_a_file,
    an_upload_is_not_listed,
    an_upload_never_replaces_a_file,
    what_the_inspector_refuses_of_an_upload_is_no_file,
    a_missing_upload_makes_no_file,
    an_upload_in_parts_is_finished_twice,
];

/// A token like those of tickets.
const TOKEN: &str = "abcdefghijklmnopqrstuvwx27";
const UPLOAD: &str = ".filefield/uploads/abcdefghijklmnopqrstuvwx27";

fn upload() -> Result<FileName<'static>, Stop> {
    FileName::or_upload(UPLOAD).map_err(|error| Stop::Failed(error.to_string()))
}

fn of_token() -> SaveOptions {
    SaveOptions { exact: true, owner: Some(TOKEN.to_owned()), ..SaveOptions::default() }
}

async fn send(storage: &dyn Storage, content: impl Into<Content>) -> Checked {
    let saved = offered(storage.save(upload()?, content.into(), &of_token()).await)?;
    ensure!(saved.name == UPLOAD, "an upload was stored as {:?}", saved.name);
    Ok(())
}

async fn an_upload_becomes_a_file(s: SharedStorage) -> Checked {
    for (len, checksum) in [(0, true), (1, false), (100_000, false), (300_000, true)] {
        send(&*s, pattern(len)).await?;
        let (inspector, result) = Inspector::new(Rules { checksum, dimensions: true, ..Rules::default() });
        let to = format!("d/{len}");
        let saved = offered(s.promote(upload()?, name(&to)?, inspector, &of_token()).await)?;
        ensure!(saved.name == to && saved.size == len as u64, "the file is {saved:?}");
        ensure_holds(&*s, &to, pattern(len)).await?;
        let found = result.get().ok_or_else(|| Stop::Failed("the inspector has not seen the file".into()))?;
        ensure!(found.size == len as u64, "the inspector saw {} bytes of {len}", found.size);
        match s.owner(name(&to)?).await {
            Err(error) if error.kind() == ErrorKind::Unsupported => {}
            owner => {
                let owner = offered(owner)?;
                ensure!(owner.as_deref() == Some(TOKEN), "the owner is {owner:?}");
            }
        }
        offered(s.delete(upload()?).await)?;
    }
    Ok(())
}

async fn an_upload_is_not_listed(s: SharedStorage) -> Checked {
    send(&*s, "bytes").await?;
    put(&*s, "a", "a").await?;
    let listing = offered(s.list("").await)?;
    ensure!(listing.dirs.is_empty() && listing.files == ["a"], "{listing:?} has more than the file");
    Ok(())
}

async fn an_upload_never_replaces_a_file(s: SharedStorage) -> Checked {
    send(&*s, "upload").await?;
    put(&*s, "a", "a").await?;
    let (inspector, _) = Inspector::new(Rules::default());
    let promoted = s.promote(upload()?, name("a")?, inspector, &of_token()).await;
    ensure_error!(promoted, "promotion to a taken name", AlreadyExists);
    ensure_holds(&*s, "a", "a").await?;
    // The upload is still there, for another name.
    let (inspector, _) = Inspector::new(Rules::default());
    offered(s.promote(upload()?, name("b")?, inspector, &of_token()).await)?;
    ensure_holds(&*s, "b", "upload").await
}

async fn what_the_inspector_refuses_of_an_upload_is_no_file(s: SharedStorage) -> Checked {
    send(&*s, pattern(1000)).await?;
    let (inspector, _) = Inspector::new(Rules { max_size: Some(999), ..Rules::default() });
    let promoted = s.promote(upload()?, name("a")?, inspector, &of_token()).await;
    ensure_error!(promoted, "promotion of a large upload", TooLarge);
    ensure_nothing(&*s, "a").await
}

async fn a_missing_upload_makes_no_file(s: SharedStorage) -> Checked {
    let (inspector, _) = Inspector::new(Rules::default());
    let promoted = s.promote(upload()?, name("a")?, inspector, &of_token()).await;
    ensure_error!(promoted, "promotion of a missing upload", NotFound);
    ensure_nothing(&*s, "a").await
}

/// Whether parts of an upload are files of the storage. Parts that are sent to a service are not.
async fn parts_are_files(storage: &dyn Storage) -> Checked<bool> {
    let terms =
        UploadTerms { part_size: Some(5 << 20), ..UploadTerms::new(6 << 20, Duration::from_secs(60)) };
    let sent = offered(storage.direct_upload(upload()?, &terms).await)?;
    let Some(request) = sent.requests.first() else { return Ok(false) };
    let verified = storage.verify_signed_url(&SignedRequest::new(request.method, &request.url));
    let are_files = !verified.is_err_and(|error| error.kind() == ErrorKind::Unsupported);
    if let Some(id) = sent.id.filter(|_| !are_files) {
        storage.abort_upload(upload()?, &id).await?;
    }
    Ok(are_files)
}

async fn an_upload_in_parts_is_finished_twice(s: SharedStorage) -> Checked {
    if !parts_are_files(&*s).await? {
        return Err(Stop::Skipped("a service puts the parts together".to_owned()));
    }
    ensure_error!(s.finish_upload(upload()?, "2", &[]).await, "parts that were not sent", NotFound);
    let bytes = pattern(100_000);
    let parts = [format!("{UPLOAD}.1"), format!("{UPLOAD}.2")];
    for (part, bytes) in parts.iter().zip([bytes.slice(..70_000), bytes.slice(70_000..)]) {
        let saved = s.save(FileName::or_upload(part)?, bytes.into(), &of_token()).await;
        offered(saved)?;
    }
    for _ in 0..3 {
        s.finish_upload(upload()?, "2", &[]).await?;
    }
    for part in &parts {
        ensure!(!s.exists(FileName::or_upload(part)?).await?, "the part {part:?} is left");
    }
    let (inspector, _) = Inspector::new(Rules::default());
    offered(s.promote(upload()?, name("a")?, inspector, &of_token()).await)?;
    ensure_holds(&*s, "a", bytes).await
}

//! Save, open, delete, list, times, URLs.

use super::checks;
use crate::name::check_directory;
use crate::testing::kit::*;
use crate::{SharedStorage, StorageExt};
use std::time::{Duration, SystemTime};

checks![
    what_is_saved_can_be_read,
    an_empty_file_is_a_file,
    a_missing_file_is_not_found,
    deleting_a_missing_file_is_a_success,
    a_deleted_name_is_free_again,
    deleting_leaves_other_files,
    a_part_of_a_name_is_no_file,
    metadata_agrees_with_size,
    modified_is_the_time_of_the_save,
    modified_of_a_missing_file_is_not_found,
    list_is_sorted_and_one_level_deep,
    list_of_a_missing_directory_has_nothing,
    list_of_a_file_is_an_error,
    list_takes_no_traversal,
    url_needs_no_file_and_encodes,
    path_leads_to_the_bytes,
    the_kind_is_a_word,
    a_valid_name_is_left_alone,
];

async fn what_is_saved_can_be_read(s: SharedStorage) -> Checked {
    let saved = save(&*s, "path/to/file", "new content").await?;
    ensure!(saved.name == "path/to/file", "saved as {:?}", saved.name);
    ensure!(saved.size == 11, "the save reports {} bytes, not 11", saved.size);
    ensure!(s.exists(name("path/to/file")?).await?, "a saved file does not exist");
    ensure_holds(&*s, "path/to/file", "new content").await?;
    ensure_files(&*s, &["path/to/file"]).await?;
    s.delete(name("path/to/file")?).await?;
    ensure_nothing(&*s, "path/to/file").await
}

async fn an_empty_file_is_a_file(s: SharedStorage) -> Checked {
    for (source, content) in every_source(&pattern(0))? {
        let wanted = format!("empty {source}");
        put(&*s, &wanted, content).await?;
        ensure!(s.exists(name(&wanted)?).await?, "an empty file from {source} does not exist");
        ensure_holds(&*s, &wanted, "").await?;
    }
    Ok(())
}

async fn a_missing_file_is_not_found(s: SharedStorage) -> Checked {
    for missing in ["missing", "missing/below"] {
        ensure_error!(s.open(name(missing)?).await, "open", NotFound);
        ensure_error!(s.open_range(name(missing)?, 0..1).await, "open_range", NotFound);
        ensure_error!(s.metadata(name(missing)?).await, "metadata", NotFound);
        ensure_error!(s.size(name(missing)?).await, "size", NotFound);
        ensure!(!s.exists(name(missing)?).await?, "a missing file exists");
    }
    Ok(())
}

async fn deleting_a_missing_file_is_a_success(s: SharedStorage) -> Checked {
    s.delete(name("missing")?).await?;
    s.delete(name("missing/below")?).await?;
    put(&*s, "a", "a").await?;
    s.delete(name("a")?).await?;
    s.delete(name("a")?).await?;
    Ok(())
}

async fn a_deleted_name_is_free_again(s: SharedStorage) -> Checked {
    for text in ["one", "two", "three"] {
        put(&*s, "d/a.txt", text).await?;
        ensure_holds(&*s, "d/a.txt", text).await?;
        s.delete(name("d/a.txt")?).await?;
    }
    Ok(())
}

async fn deleting_leaves_other_files(s: SharedStorage) -> Checked {
    for other in ["a", "a.txt", "ab", "d/a", "d/a.txt"] {
        put(&*s, other, other).await?;
    }
    s.delete(name("a")?).await?;
    s.delete(name("d/a")?).await?;
    for other in ["a.txt", "ab", "d/a.txt"] {
        ensure_holds(&*s, other, other).await?;
    }
    ensure_files(&*s, &["a.txt", "ab", "d/a.txt"]).await
}

async fn a_part_of_a_name_is_no_file(s: SharedStorage) -> Checked {
    put(&*s, "dir/photo.jpg", "x").await?;
    for part in
        ["di", "dir/photo", "dir/photo.jp", "dir/photo.jpg_", "photo.jpg", "dir/photo%", "dir/[p]hoto.jpg"]
    {
        ensure!(!s.exists(name(part)?).await?, "{part:?} exists, but only dir/photo.jpg was saved");
    }
    Ok(())
}

async fn metadata_agrees_with_size(s: SharedStorage) -> Checked {
    put(&*s, "a", pattern(1234)).await?;
    let metadata = s.metadata(name("a")?).await?;
    let size = s.size(name("a")?).await?;
    ensure!(metadata.size == 1234 && size == 1234, "metadata says {}, size says {size}", metadata.size);
    Ok(())
}

async fn modified_is_the_time_of_the_save(s: SharedStorage) -> Checked {
    // Clocks of file systems have a coarse resolution, and clocks of services differ from ours.
    let slack = Duration::from_secs(600);
    let before = SystemTime::now() - slack;
    put(&*s, "a", "a").await?;
    let modified = offered(s.modified(name("a")?).await)?;
    ensure!(modified > before, "modified long before the save: {modified:?}");
    ensure!(modified < SystemTime::now() + slack, "modified in the future: {modified:?}");
    let again = s.modified(name("a")?).await?;
    ensure!(modified == again, "modified went from {modified:?} to {again:?} without a change");
    let metadata = s.metadata(name("a")?).await?;
    ensure!(metadata.modified == Some(modified), "metadata has another time than modified");
    Ok(())
}

async fn modified_of_a_missing_file_is_not_found(s: SharedStorage) -> Checked {
    put(&*s, "a", "a").await?;
    offered(s.modified(name("a")?).await)?;
    ensure_error!(s.modified(name("b")?).await, "modified", NotFound);
    Ok(())
}

async fn list_is_sorted_and_one_level_deep(s: SharedStorage) -> Checked {
    for file in ["b", "a", "é", "Z", "a.b", "sub/x", "sub/deep/y", "sub2/x", "a b"] {
        put(&*s, file, file).await?;
    }
    let root = offered(s.list("").await)?;
    ensure!(root.files == ["Z", "a", "a b", "a.b", "b", "é"], "the root has the files {:?}", root.files);
    ensure!(root.dirs == ["sub", "sub2"], "the root has the directories {:?}", root.dirs);
    let sub = s.list("sub").await?;
    ensure!(sub.files == ["x"] && sub.dirs == ["deep"], "sub has {sub:?}");
    let deep = s.list("sub/deep").await?;
    ensure!(deep.files == ["y"] && deep.dirs.is_empty(), "sub/deep has {deep:?}");
    Ok(())
}

/// Storages without directories cannot distinguish a missing directory from an empty one.
async fn list_of_a_missing_directory_has_nothing(s: SharedStorage) -> Checked {
    put(&*s, "dirt/x", "x").await?;
    offered(s.list("dirt").await)?;
    for missing in ["dir", "dirt/y", "missing/below"] {
        match s.list(missing).await {
            Ok(listing) if listing == Default::default() => {}
            result => ensure_error!(result, format!("list {missing:?}"), NotFound),
        }
    }
    Ok(())
}

async fn list_of_a_file_is_an_error(s: SharedStorage) -> Checked {
    put(&*s, "a", "a").await?;
    offered(s.list("").await)?;
    match s.list("a").await {
        Ok(listing) if listing == Default::default() => {}
        result => ensure_error!(result, "list of a file", NotADirectory | NotFound),
    }
    Ok(())
}

async fn list_takes_no_traversal(s: SharedStorage) -> Checked {
    put(&*s, "a", "a").await?;
    offered(s.list("").await)?;
    for bad in ["..", "a/../..", "/", "/etc", ".", "a/", "a//b", "a\\..\\b", ".filefield"] {
        let wanted = check_directory(bad).err().map(|error| error.kind());
        let result = s.list(bad).await;
        let kind = result.as_ref().err().map(|error| error.kind());
        ensure!(kind == wanted, "list {bad:?} should fail with {wanted:?} and gave {result:?}");
    }
    Ok(())
}

async fn url_needs_no_file_and_encodes(s: SharedStorage) -> Checked {
    let plain = offered(s.url(name("cars/chevy.jpg")?))?;
    ensure!(plain.contains("cars/chevy.jpg"), "the URL of cars/chevy.jpg is {plain}");
    for (odd, encoded) in [
        ("a b#%.x", "a%20b%23%25.x"),
        ("é/~!()'@$&+=;,.x", "%C3%A9/~!()'%40%24%26%2B%3D%3B%2C.x"),
        ("100%25", "100%2525"),
    ] {
        let url = s.url(name(odd)?)?;
        ensure!(url.contains(encoded), "the URL of {odd:?} is {url} and does not have {encoded}");
    }
    Ok(())
}

async fn path_leads_to_the_bytes(s: SharedStorage) -> Checked {
    put(&*s, "d/a.txt", "on disk").await?;
    let path = offered(s.path(name("d/a.txt")?))?;
    ensure!(path.is_absolute(), "the path {path:?} is not absolute");
    let bytes =
        std::fs::read(&path).map_err(|error| Stop::Failed(format!("cannot read the path: {error}")))?;
    ensure!(bytes == b"on disk", "the file at the path holds other bytes");
    Ok(())
}

async fn the_kind_is_a_word(s: SharedStorage) -> Checked {
    let kind = s.kind();
    ensure!(!kind.is_empty() && !kind.contains(char::is_whitespace), "the kind is {kind:?}");
    Ok(())
}

async fn a_valid_name_is_left_alone(s: SharedStorage) -> Checked {
    for good in ["chevy.jpg", "a-b_c.tar.gz"] {
        let valid = s.valid_name(good)?;
        ensure!(valid == good, "valid_name makes {valid:?} of {good:?}");
    }
    for odd in [" a  b$.txt ", "é è.txt", "a/b.txt"] {
        let valid = s.valid_name(odd)?;
        ensure!(name(&valid).is_ok() && !valid.contains('/'), "valid_name makes {valid:?} of {odd:?}");
    }
    Ok(())
}

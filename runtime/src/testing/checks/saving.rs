//! Free names, limits and races between savers.

use super::checks;
use crate::testing::kit::*;
use crate::{Bytes, Content, ErrorKind, SaveOptions, SharedStorage, StorageExt};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

checks![
    a_taken_name_is_never_overwritten,
    a_variant_keeps_directory_stem_and_extension,
    fifty_saves_of_one_name_are_fifty_files,
    savers_at_once_lose_nothing,
    savers_of_temporary_files_at_once_lose_nothing,
    exact_takes_a_free_name,
    exact_refuses_a_taken_name,
    exact_at_once_has_one_winner,
    exact_refuses_a_name_over_max_length,
    a_name_over_max_length_is_cut,
    a_taken_name_keeps_to_max_length,
    no_fitting_name_leaves_nothing,
    a_directory_is_not_replaced_by_a_file,
    a_path_through_a_file_harms_nothing,
    savers_of_one_directory_at_once_all_succeed,
];

async fn a_taken_name_is_never_overwritten(s: SharedStorage) -> Checked {
    put(&*s, "d/a.txt", "first, and longer").await?;
    let second = save(&*s, "d/a.txt", "second").await?;
    ensure!(second.name != "d/a.txt", "the second save reports the name of the first");
    ensure_holds(&*s, "d/a.txt", "first, and longer").await?;
    ensure_holds(&*s, &second.name, "second").await
}

async fn a_variant_keeps_directory_stem_and_extension(s: SharedStorage) -> Checked {
    for (wanted, start, end) in [
        ("dotted.path/test", "dotted.path/test", ""),
        ("dir/photo.jpg", "dir/photo", ".jpg"),
        ("a.tar.gz", "a", ".gz"),
        ("-a b.c d.txt", "-a b", ".txt"),
        ("é.txt", "é", ".txt"),
    ] {
        put(&*s, wanted, "1").await?;
        let variant = save(&*s, wanted, "2").await?.name;
        let fits = variant.starts_with(start) && variant.ends_with(end) && name(&variant).is_ok();
        let slashes = |text: &str| text.matches('/').count();
        ensure!(fits && slashes(&variant) == slashes(wanted), "{variant:?} is no variant of {wanted:?}");
    }
    Ok(())
}

async fn fifty_saves_of_one_name_are_fifty_files(s: SharedStorage) -> Checked {
    let mut saved = BTreeMap::new();
    for n in 0..50 {
        saved.insert(save(&*s, "d/a.txt", n.to_string()).await?.name, n.to_string());
    }
    ensure_all_there(&s, saved, 50).await
}

async fn ensure_all_there(s: &SharedStorage, saved: BTreeMap<String, String>, count: usize) -> Checked {
    ensure!(saved.len() == count, "{count} saves gave {} names", saved.len());
    for (stored, text) in &saved {
        ensure_holds(&**s, stored, text).await?;
    }
    if let Some(found) = files(&**s).await? {
        let wanted: Vec<_> = saved.into_keys().collect();
        ensure!(found == wanted, "the storage lists {found:?}, not {wanted:?}");
    }
    Ok(())
}

/// Lets `count` tasks save at the same time, and returns the name and content of each.
async fn race(
    s: &SharedStorage,
    count: usize,
    make: fn(&str) -> crate::Result<Content>,
) -> Checked<BTreeMap<String, String>> {
    let mut tasks = JoinSet::new();
    for n in 0..count {
        let s = s.clone();
        tasks.spawn(async move {
            let text = format!("saver {n}");
            let saved = save(&*s, "race/photo.jpg", make(&text)?).await?;
            Ok::<_, crate::Error>((saved.name, text))
        });
    }
    let mut saved = BTreeMap::new();
    while let Some(done) = tasks.join_next().await {
        let (stored, text) = done.map_err(|error| Stop::Failed(error.to_string()))??;
        if let Some(other) = saved.insert(stored.clone(), text) {
            return Err(Stop::Failed(format!("two savers were told the name {stored:?}, one is {other:?}")));
        }
    }
    Ok(saved)
}

async fn savers_at_once_lose_nothing(s: SharedStorage) -> Checked {
    let saved = race(&s, 64, |text| Ok(text.to_owned().into())).await?;
    ensure_all_there(&s, saved, 64).await
}

/// Moving a file must be as exclusive as writing one.
async fn savers_of_temporary_files_at_once_lose_nothing(s: SharedStorage) -> Checked {
    let temp = |text: &str| {
        let mut writer = crate::TempFile::create_in(std::env::temp_dir())?;
        writer.write_all(text.as_bytes())?;
        Ok(writer.finish()?.into())
    };
    let saved = race(&s, 64, temp).await?;
    ensure_all_there(&s, saved, 64).await
}

async fn exact_takes_a_free_name(s: SharedStorage) -> Checked {
    let saved = s.save(name("d/a.txt")?, "exact".into(), &exact()).await?;
    ensure!(saved.name == "d/a.txt", "an exact save used the name {:?}", saved.name);
    ensure_holds(&*s, "d/a.txt", "exact").await
}

async fn exact_refuses_a_taken_name(s: SharedStorage) -> Checked {
    put(&*s, "d/a.txt", "first").await?;
    for (source, content) in every_source(&Bytes::from_static(b"second"))? {
        let result = s.save(name("d/a.txt")?, content, &exact()).await;
        ensure_error!(result, format!("exact save of {source}"), AlreadyExists);
        ensure_holds(&*s, "d/a.txt", "first").await?;
        ensure_files(&*s, &["d/a.txt"]).await?;
    }
    Ok(())
}

async fn exact_at_once_has_one_winner(s: SharedStorage) -> Checked {
    let mut tasks = JoinSet::new();
    for n in 0..16 {
        let s = s.clone();
        tasks.spawn(async move {
            let text = format!("saver {n}");
            s.save(name("a.txt")?, text.clone().into(), &exact()).await.map(|_| text)
        });
    }
    let mut winners = Vec::new();
    while let Some(done) = tasks.join_next().await {
        match done.map_err(|error| Stop::Failed(error.to_string()))? {
            Ok(text) => winners.push(text),
            Err(error) => ensure_error!(Err::<(), _>(error), "an exact save that lost", AlreadyExists),
        }
    }
    ensure!(winners.len() == 1, "{} of 16 exact saves of one name succeeded", winners.len());
    ensure_holds(&*s, "a.txt", &winners[0]).await?;
    ensure_files(&*s, &["a.txt"]).await
}

async fn exact_refuses_a_name_over_max_length(s: SharedStorage) -> Checked {
    let save = async |limit| {
        let options = SaveOptions { exact: true, ..max_length(limit) };
        s.save(name("a_name_longer_than_20")?, "x".into(), &options).await
    };
    // With a limit of 8, no variant would fit either.
    for limit in [8, 20] {
        ensure_error!(save(limit).await, format!("exact save with a limit of {limit}"), NameTooLong);
        ensure_nothing(&*s, "a_name_longer_than_20").await?;
    }
    save(21).await?;
    ensure_holds(&*s, "a_name_longer_than_20", "x").await
}

async fn a_name_over_max_length_is_cut(s: SharedStorage) -> Checked {
    for wanted in ["dir/abcdefghijkl.txt", "dir/éééééééééééé.txt"] {
        let saved = s.save(name(wanted)?, "cut".into(), &max_length(18)).await?;
        let length = saved.name.chars().count();
        ensure!(length <= 18, "{:?} has {length} characters, over the limit of 18", saved.name);
        ensure!(
            saved.name.starts_with("dir/") && saved.name.ends_with(".txt"),
            "{:?} lost a part",
            saved.name
        );
        ensure_holds(&*s, &saved.name, "cut").await?;
    }
    Ok(())
}

async fn a_taken_name_keeps_to_max_length(s: SharedStorage) -> Checked {
    let mut seen = std::collections::BTreeSet::new();
    for n in 0..10 {
        let saved = s.save(name("photo.jpeg")?, n.to_string().into(), &max_length(15)).await?;
        ensure!(saved.name.chars().count() <= 15, "{:?} is over the limit of 15", saved.name);
        ensure_holds(&*s, &saved.name, n.to_string()).await?;
        ensure!(seen.insert(saved.name.clone()), "the name {:?} was given twice", saved.name);
    }
    Ok(())
}

async fn no_fitting_name_leaves_nothing(s: SharedStorage) -> Checked {
    let result = s.save(name("longname.txt")?, "x".into(), &max_length(11)).await;
    ensure_error!(result, "save with a limit that nothing fits", NoAvailableName);
    ensure_nothing(&*s, "longname.txt").await
}

/// Storages without directories keep both under their names.
async fn a_directory_is_not_replaced_by_a_file(s: SharedStorage) -> Checked {
    put(&*s, "d/below.txt", "below").await?;
    let saved = save(&*s, "d", "a file").await?;
    ensure_holds(&*s, &saved.name, "a file").await?;
    ensure_holds(&*s, "d/below.txt", "below").await?;
    if saved.name != "d" {
        ensure!(s.open(name("d")?).await.is_err(), "a directory can be opened");
        ensure_error!(s.delete(name("d")?).await, "delete of a directory", IsADirectory);
        ensure_holds(&*s, "d/below.txt", "below").await?;
    }
    Ok(())
}

/// Storages without directories keep both under their names.
async fn a_path_through_a_file_harms_nothing(s: SharedStorage) -> Checked {
    put(&*s, "a", "a file").await?;
    for below in ["a/b", "a/b/c"] {
        match save(&*s, below, "below").await {
            Ok(saved) => ensure_holds(&*s, &saved.name, "below").await?,
            Err(error) if matches!(error.kind(), ErrorKind::NotADirectory | ErrorKind::AlreadyExists) => {
                ensure_error!(s.open(name(below)?).await, "open through a file", NotFound | NotADirectory);
                ensure!(!s.exists(name(below)?).await?, "a file below a file exists");
                ensure_files(&*s, &["a"]).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    ensure_holds(&*s, "a", "a file").await
}

async fn savers_of_one_directory_at_once_all_succeed(s: SharedStorage) -> Checked {
    let mut tasks = JoinSet::new();
    for n in 0..32 {
        let s = s.clone();
        tasks.spawn(async move { save(&*s, &format!("new/deep/tree/{n}.txt"), n.to_string()).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| Stop::Failed(error.to_string()))??;
    }
    for n in 0..32 {
        ensure_holds(&*s, &format!("new/deep/tree/{n}.txt"), n.to_string()).await?;
    }
    Ok(())
}

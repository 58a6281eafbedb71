//! Copies, renames and owner tokens.

use super::checks;
use crate::testing::kit::*;
use crate::{SaveOptions, SharedStorage, StorageExt};

checks![
    a_copy_leaves_the_original,
    a_copy_takes_a_free_name,
    an_exact_copy_refuses_a_taken_name,
    a_copy_of_a_missing_file_leaves_nothing,
    a_rename_moves_the_bytes,
    a_rename_never_overwrites,
    a_rename_of_a_missing_file_is_not_found,
    an_owner_token_is_kept,
    an_owner_token_moves_along,
];

async fn a_copy_leaves_the_original(s: SharedStorage) -> Checked {
    put(&*s, "a", pattern(100_000)).await?;
    let copied = offered(s.copy(name("a")?, name("d/b")?, &SaveOptions::default()).await)?;
    ensure!(copied.name == "d/b" && copied.size == 100_000, "the copy is {copied:?}");
    ensure_holds(&*s, "a", pattern(100_000)).await?;
    ensure_holds(&*s, "d/b", pattern(100_000)).await?;
    s.delete(name("a")?).await?;
    ensure_holds(&*s, "d/b", pattern(100_000)).await
}

async fn a_copy_takes_a_free_name(s: SharedStorage) -> Checked {
    put(&*s, "a.txt", "a").await?;
    put(&*s, "b.txt", "b").await?;
    for to in ["a.txt", "b.txt"] {
        let copied = offered(s.copy(name("a.txt")?, name(to)?, &max_length(15)).await)?;
        ensure!(copied.name != to, "a copy reports the name of another file");
        ensure!(copied.name.chars().count() <= 15, "{:?} is over the limit", copied.name);
        ensure_holds(&*s, &copied.name, "a").await?;
    }
    ensure_holds(&*s, "a.txt", "a").await?;
    ensure_holds(&*s, "b.txt", "b").await
}

async fn an_exact_copy_refuses_a_taken_name(s: SharedStorage) -> Checked {
    put(&*s, "a", "a").await?;
    put(&*s, "b", "b").await?;
    offered(s.copy(name("a")?, name("c")?, &exact()).await)?;
    ensure_error!(s.copy(name("a")?, name("b")?, &exact()).await, "exact copy", AlreadyExists);
    ensure_error!(s.copy(name("a")?, name("a")?, &exact()).await, "exact copy onto itself", AlreadyExists);
    ensure_holds(&*s, "a", "a").await?;
    ensure_holds(&*s, "b", "b").await
}

async fn a_copy_of_a_missing_file_leaves_nothing(s: SharedStorage) -> Checked {
    let result = s.copy(name("missing")?, name("d/b")?, &SaveOptions::default()).await;
    ensure_error!(result, "copy of a missing file", NotFound | Unsupported);
    ensure_nothing(&*s, "d/b").await
}

async fn a_rename_moves_the_bytes(s: SharedStorage) -> Checked {
    put(&*s, "a", pattern(100_000)).await?;
    offered(s.rename(name("a")?, name("new/dir/b")?).await)?;
    ensure!(!s.exists(name("a")?).await?, "the old name is still there");
    ensure_holds(&*s, "new/dir/b", pattern(100_000)).await?;
    ensure_files(&*s, &["new/dir/b"]).await
}

async fn a_rename_never_overwrites(s: SharedStorage) -> Checked {
    put(&*s, "a", "a").await?;
    put(&*s, "b", "b").await?;
    put(&*s, "c", "c").await?;
    offered(s.rename(name("c")?, name("d")?).await)?;
    ensure_error!(s.rename(name("a")?, name("b")?).await, "rename to a taken name", AlreadyExists);
    ensure_error!(s.rename(name("a")?, name("a")?).await, "rename to its own name", AlreadyExists);
    ensure_holds(&*s, "a", "a").await?;
    ensure_holds(&*s, "b", "b").await?;
    ensure_files(&*s, &["a", "b", "d"]).await
}

async fn a_rename_of_a_missing_file_is_not_found(s: SharedStorage) -> Checked {
    ensure_error!(
        s.rename(name("missing")?, name("d/b")?).await,
        "rename of a missing file",
        NotFound | Unsupported
    );
    ensure_nothing(&*s, "d/b").await
}

fn owned(token: &str) -> SaveOptions {
    SaveOptions { owner: Some(token.to_owned()), ..SaveOptions::default() }
}

async fn an_owner_token_is_kept(s: SharedStorage) -> Checked {
    put(&*s, "foreign", "x").await?;
    let foreign = offered(s.owner(name("foreign")?).await)?;
    ensure!(foreign.is_none(), "a file saved without a token has the token {foreign:?}");
    for (n, (source, content)) in every_source(&pattern(1_000))?.into_iter().enumerate() {
        let token = format!("0123456789abcdef0123456789abcd{n:02}");
        let saved = s.save(name(source)?, content, &owned(&token)).await?;
        let kept = s.owner(name(&saved.name)?).await?;
        ensure!(kept.as_deref() == Some(&token), "{source}: saved with {token:?}, kept {kept:?}");
    }
    // The token belongs to the file, not to the name.
    s.delete(name("bytes")?).await?;
    ensure_error!(s.owner(name("bytes")?).await, "owner of a missing file", NotFound);
    put(&*s, "bytes", "x").await?;
    let kept = s.owner(name("bytes")?).await?;
    ensure!(kept.is_none(), "a new file inherited the token {kept:?}");
    Ok(())
}

async fn an_owner_token_moves_along(s: SharedStorage) -> Checked {
    s.save(name("a")?, "x".into(), &owned("token")).await?;
    offered(s.owner(name("a")?).await)?;
    offered(s.rename(name("a")?, name("b")?).await)?;
    let kept = s.owner(name("b")?).await?;
    ensure!(kept.as_deref() == Some("token"), "after a rename the token is {kept:?}");
    offered(s.copy(name("b")?, name("c")?, &owned("other")).await)?;
    let kept = s.owner(name("c")?).await?;
    ensure!(kept.as_deref() == Some("other"), "a copy made with another token has {kept:?}");
    Ok(())
}

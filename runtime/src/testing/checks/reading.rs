//! Readers: ranges, chunk sizes, independence.

use super::checks;
use crate::testing::kit::*;
use crate::{Bytes, SharedStorage, StorageExt};
use tokio::task::JoinSet;

checks![
    ranges_are_cut_at_the_end,
    ranges_of_a_big_file_are_exact,
    any_chunk_size_gives_the_same_bytes,
    chunks_are_no_longer_than_asked,
    a_reader_knows_its_length,
    reading_stops_at_the_limit,
    two_readers_are_independent,
    many_readers_at_once_read_the_same,
    a_reader_outlives_a_delete_or_says_so,
    a_half_read_file_can_be_saved_on,
];

const BIG: usize = 3 * 65_536 + 1;

async fn range(s: &SharedStorage, stored: &str, range: std::ops::Range<u64>) -> Checked<Bytes> {
    Ok(s.open_range(name(stored)?, range).await?.read_all(u64::MAX).await?)
}

async fn ranges_are_cut_at_the_end(s: SharedStorage) -> Checked {
    put(&*s, "ten", "0123456789").await?;
    put(&*s, "none", "").await?;
    for (start, end, wanted) in [
        (0, 10, "0123456789"),
        (0, 1, "0"),
        (2, 5, "234"),
        (9, 10, "9"),
        (8, 99, "89"),
        (0, u64::MAX, "0123456789"),
        (10, 11, ""),
        (50, 60, ""),
        (5, 5, ""),
        (5, 2, ""),
        (u64::MAX, u64::MAX, ""),
        (u64::MAX - 1, u64::MAX, ""),
    ] {
        let got = range(&s, "ten", start..end).await?;
        ensure!(got == wanted, "the range {start}..{end} of 0123456789 is {got:?}, not {wanted:?}");
        let got = range(&s, "none", start..end).await?;
        ensure!(got.is_empty(), "the range {start}..{end} of an empty file is {got:?}");
    }
    Ok(())
}

async fn ranges_of_a_big_file_are_exact(s: SharedStorage) -> Checked {
    let bytes = pattern(BIG);
    put(&*s, "big", bytes.clone()).await?;
    for start in [0, 1, 65_535, 65_536, 100_000, BIG - 1, BIG] {
        for len in [0, 1, 4_096, 65_536, 65_537, BIG] {
            let end = (start + len).min(BIG);
            let got = range(&s, "big", start as u64..(start + len) as u64).await?;
            ensure!(got == bytes[start..end], "{len} bytes from {start} are wrong: {} came", got.len());
        }
    }
    Ok(())
}

async fn any_chunk_size_gives_the_same_bytes(s: SharedStorage) -> Checked {
    let bytes = pattern(BIG);
    put(&*s, "big", bytes.clone()).await?;
    for size in [1_000, 4_096, 65_535, 65_536, 65_537, 1 << 20, usize::MAX] {
        let mut reader = s.open(name("big")?).await?;
        let mut got = Vec::new();
        while let Some(chunk) = reader.next_chunk(size).await? {
            ensure!(!chunk.is_empty(), "an empty chunk before the end");
            ensure!(chunk.len() <= size, "a chunk of {} bytes, asked for {size}", chunk.len());
            got.extend_from_slice(&chunk);
        }
        ensure!(got == bytes, "chunks of {size} bytes give {} bytes, or other ones", got.len());
        ensure!(reader.next_chunk(size).await?.is_none(), "bytes after the end");
    }
    Ok(())
}

async fn chunks_are_no_longer_than_asked(s: SharedStorage) -> Checked {
    put(&*s, "ten", "0123456789").await?;
    let mut reader = s.open(name("ten")?).await?;
    let mut got = Vec::new();
    for size in [1, 2, 3, 100] {
        if let Some(chunk) = reader.next_chunk(size).await? {
            ensure!(chunk.len() <= size, "a chunk of {} bytes, asked for {size}", chunk.len());
            got.extend_from_slice(&chunk);
        }
    }
    got.extend_from_slice(&reader.read_all(100).await?);
    ensure!(got == b"0123456789", "the chunks together are {got:?}");
    Ok(())
}

async fn a_reader_knows_its_length(s: SharedStorage) -> Checked {
    put(&*s, "big", pattern(BIG)).await?;
    if let Some(len) = s.open(name("big")?).await?.len() {
        ensure!(len == BIG as u64, "the reader says {len}, the file has {BIG}");
    }
    if let Some(len) = s.open_range(name("big")?, 10..20).await?.len() {
        ensure!(len == 10, "the reader of a range of 10 bytes says {len}");
    }
    Ok(())
}

async fn reading_stops_at_the_limit(s: SharedStorage) -> Checked {
    put(&*s, "ten", "0123456789").await?;
    let all = s.open(name("ten")?).await?.read_all(10).await?;
    ensure!(all.len() == 10, "a limit of 10 gave {} bytes", all.len());
    ensure_error!(s.open(name("ten")?).await?.read_all(9).await, "read of 10 bytes, limit 9", TooLarge);
    Ok(())
}

async fn two_readers_are_independent(s: SharedStorage) -> Checked {
    put(&*s, "ten", "0123456789").await?;
    let (mut one, mut two) = (s.open(name("ten")?).await?, s.open(name("ten")?).await?);
    for digit in b"0123456789" {
        for reader in [&mut one, &mut two] {
            let chunk = reader.next_chunk(1).await?;
            ensure!(chunk.as_deref() == Some(&[*digit]), "a reader gave {chunk:?} beside another");
        }
    }
    Ok(())
}

async fn many_readers_at_once_read_the_same(s: SharedStorage) -> Checked {
    let bytes = pattern(BIG);
    put(&*s, "big", bytes.clone()).await?;
    let mut tasks = JoinSet::new();
    for _ in 0..32 {
        let s = s.clone();
        tasks.spawn(async move { read(&*s, "big").await });
    }
    while let Some(done) = tasks.join_next().await {
        let got = done.map_err(|error| Stop::Failed(error.to_string()))??;
        ensure!(got == bytes, "one of 32 readers got {} bytes, or other ones", got.len());
    }
    Ok(())
}

/// The medium either keeps the bytes for open readers, or reports that they are gone.
async fn a_reader_outlives_a_delete_or_says_so(s: SharedStorage) -> Checked {
    let bytes = pattern(BIG);
    put(&*s, "big", bytes.clone()).await?;
    let mut reader = s.open(name("big")?).await?;
    let Some(first) = reader.next_chunk(1_000).await? else {
        return Err(Stop::Failed("no first chunk".into()));
    };
    s.delete(name("big")?).await?;
    put(&*s, "big", "something else").await?;
    match reader.read_all(u64::MAX).await {
        Ok(rest) => {
            let got = [first, rest].concat();
            ensure!(got == bytes, "after a delete the reader gave other bytes ({} in all)", got.len());
        }
        result => ensure_error!(result, "read after a delete", NotFound | Io),
    }
    Ok(())
}

async fn a_half_read_file_can_be_saved_on(s: SharedStorage) -> Checked {
    let bytes = pattern(BIG);
    put(&*s, "big", bytes.clone()).await?;
    let whole = s.open(name("big")?).await?.into_content();
    put(&*s, "whole", whole).await?;
    ensure_holds(&*s, "whole", &bytes).await?;
    let part = s.open_range(name("big")?, 100..70_000).await?.into_content();
    put(&*s, "part", part).await?;
    ensure_holds(&*s, "part", &bytes[100..70_000]).await
}

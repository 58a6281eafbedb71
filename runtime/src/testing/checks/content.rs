//! Every kind of content, complete and broken.

use super::checks;
use crate::inspect::{Inspector, Rules};
use crate::testing::kit::*;
use crate::{Bytes, Content, SharedStorage, StorageExt};
use std::io::{self, Cursor, Read, Seek, SeekFrom};

checks![
    every_source_is_stored_whole,
    a_file_is_stored_from_its_start,
    a_temporary_file_is_gone_after_the_save,
    a_content_error_leaves_nothing,
    a_content_error_at_once_leaves_nothing,
    a_short_content_leaves_nothing,
    a_long_content_leaves_nothing,
    a_panicking_reader_leaves_nothing,
    an_inspector_sees_every_byte,
    content_over_max_size_leaves_nothing,
    content_not_accepted_leaves_nothing,
    empty_pieces_are_no_end,
];

async fn every_source_is_stored_whole(s: SharedStorage) -> Checked {
    for len in [1, 65_536, 3 * 65_536 + 1, 2_000_003] {
        let bytes = pattern(len);
        for (source, content) in every_source(&bytes)? {
            let saved = save(&*s, &format!("{source}/{len}"), content).await?;
            ensure!(saved.size == len as u64, "the save of {len} bytes from {source} reports {}", saved.size);
            ensure_holds(&*s, &saved.name, &bytes).await?;
        }
    }
    Ok(())
}

async fn a_file_is_stored_from_its_start(s: SharedStorage) -> Checked {
    let mut writer = crate::TempFile::create_in(std::env::temp_dir())?;
    writer.write_all(b"abcdef")?;
    let mut file = writer.finish()?.open()?;
    file.seek(SeekFrom::Start(3)).map_err(crate::Error::from)?;
    put(&*s, "a", Content::from(file)).await?;
    ensure_holds(&*s, "a", "abcdef").await
}

async fn a_temporary_file_is_gone_after_the_save(s: SharedStorage) -> Checked {
    for options in [Default::default(), exact()] {
        let mut writer = crate::TempFile::create_in(std::env::temp_dir())?;
        writer.write_all(b"upload")?;
        let temp = writer.finish()?;
        let path = temp.path().to_owned();
        let result = s.save(name("a")?, temp.into(), &options).await;
        ensure!(result.is_ok() != options.exact, "unexpected {result:?}");
        ensure!(!path.exists(), "the temporary file is still there");
    }
    ensure_holds(&*s, "a", "upload").await
}

/// Fails unless each of the contents makes the save fail with the given kind and leaves nothing.
async fn ensure_refused(
    s: &SharedStorage,
    contents: Vec<(&str, Content)>,
    wanted: crate::ErrorKind,
) -> Checked {
    for (source, content) in contents {
        match s.save(name("d/a")?, content, &Default::default()).await {
            Err(error) if error.kind() == wanted => {}
            result => return Err(Stop::Failed(format!("{source}: wanted {wanted:?}, got {result:?}"))),
        }
        ensure_nothing(&**s, "d/a").await?;
    }
    put(&**s, "d/a", "after").await?;
    ensure_holds(&**s, "d/a", "after").await
}

async fn a_content_error_leaves_nothing(s: SharedStorage) -> Checked {
    let contents = [10, 65_536, 1_000_000].into_iter().flat_map(|len| {
        [
            ("reader", Content::reader(BreaksAfter(len))),
            ("stream", Content::stream(Steps::new(vec![Ok(pattern(len)), Err(broken())]))),
        ]
    });
    ensure_refused(&s, contents.collect(), crate::ErrorKind::StagedExpired).await
}

async fn a_content_error_at_once_leaves_nothing(s: SharedStorage) -> Checked {
    let contents = vec![
        ("reader", Content::reader(BreaksAfter(0))),
        ("stream", Content::stream(Steps::new(vec![Err(broken())]))),
    ];
    ensure_refused(&s, contents, crate::ErrorKind::StagedExpired).await?;
    let failing = Content::stream(Steps::new(vec![Err(broken())]));
    ensure_error!(s.save(name("b")?, failing, &exact()).await, "an exact save", StagedExpired);
    ensure!(!s.exists(name("b")?).await?, "a failed exact save left a file");
    Ok(())
}

async fn a_short_content_leaves_nothing(s: SharedStorage) -> Checked {
    let contents = vec![
        ("bytes", Content::from("12345").with_len(6)),
        ("reader", Content::reader(Cursor::new("12345")).with_len(6)),
        ("empty reader", Content::reader(Cursor::new("")).with_len(1)),
        ("stream", Content::stream(Steps::new(vec![Ok(pattern(100_000))])).with_len(100_001)),
    ];
    ensure_refused(&s, contents, crate::ErrorKind::Io).await
}

async fn a_long_content_leaves_nothing(s: SharedStorage) -> Checked {
    let contents = vec![
        ("bytes", Content::from("12345").with_len(4)),
        ("reader", Content::reader(Cursor::new("12345")).with_len(0)),
        ("stream", Content::stream(Steps::new(vec![Ok(pattern(100_000))])).with_len(99_999)),
    ];
    ensure_refused(&s, contents, crate::ErrorKind::Io).await
}

async fn a_panicking_reader_leaves_nothing(s: SharedStorage) -> Checked {
    struct Panics;
    impl Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            // Unlike `panic!`, this prints nothing.
            std::panic::resume_unwind(Box::new("a reader that panics on purpose"))
        }
    }
    let saving = s.clone();
    let task = tokio::spawn(async move { save(&*saving, "a", Content::reader(Panics)).await });
    ensure!(!matches!(task.await, Ok(Ok(_))), "a save succeeded although its reader panicked");
    ensure_nothing(&*s, "a").await?;
    put(&*s, "a", "after").await?;
    ensure_holds(&*s, "a", "after").await
}

async fn an_inspector_sees_every_byte(s: SharedStorage) -> Checked {
    let bytes = pattern(200_001);
    let mut sums = Vec::new();
    for (source, content) in every_source(&bytes)? {
        let (inspector, result) = Inspector::new(Rules { checksum: true, ..Rules::default() });
        put(&*s, source, content.with_inspector(inspector)).await?;
        let Some(seen) = result.get() else {
            return Err(Stop::Failed(format!("{source}: the inspector has no result")));
        };
        ensure!(seen.size == 200_001, "{source}: the inspector saw {} of 200001 bytes", seen.size);
        sums.push(seen.sha256);
    }
    ensure!(
        sums[0].is_some() && sums.windows(2).all(|pair| pair[0] == pair[1]),
        "checksums differ by source"
    );
    Ok(())
}

/// The bytes from every source, checked by these rules.
fn watched(bytes: &Bytes, rules: &Rules) -> crate::Result<Vec<(&'static str, Content)>> {
    let watch = |(source, content): (&'static str, Content)| {
        (source, content.with_inspector(Inspector::new(rules.clone()).0))
    };
    Ok(every_source(bytes)?.into_iter().map(watch).collect())
}

async fn content_over_max_size_leaves_nothing(s: SharedStorage) -> Checked {
    let rules = Rules { max_size: Some(99_999), ..Rules::default() };
    for (source, content) in watched(&pattern(99_999), &rules)? {
        put(&*s, &format!("fits/{source}"), content).await?;
        s.delete(name(&format!("fits/{source}"))?).await?;
    }
    let mut contents = watched(&pattern(100_000), &rules)?;
    contents.extend(watched(&pattern(1_000_000), &rules)?);
    ensure_refused(&s, contents, crate::ErrorKind::TooLarge).await
}

async fn content_not_accepted_leaves_nothing(s: SharedStorage) -> Checked {
    let rules = Rules { accept: &["image/png"], ..Rules::default() };
    let mut contents = watched(&Bytes::from_static(b"<html><script>"), &rules)?;
    contents.extend(watched(&pattern(0), &rules)?);
    contents.extend(watched(&pattern(100_000), &rules)?);
    ensure_refused(&s, contents, crate::ErrorKind::NotAccepted).await
}

async fn empty_pieces_are_no_end(s: SharedStorage) -> Checked {
    let pieces = ["", "a", "", "", "b", ""].map(|piece| Ok(Bytes::from_static(piece.as_bytes())));
    put(&*s, "a", Content::stream(Steps::new(pieces.into()))).await?;
    ensure_holds(&*s, "a", "ab").await
}

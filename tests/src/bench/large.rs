//! `large`: one large file, copied or moved in.

use super::measure::{Clock, Report};
use super::options::{Options, runtime, split};
use super::{Result, save};
use filefield::inspect::{Inspector, Rules};
use filefield::storage::FileSystemStorage;
use filefield::{Content, FileName, SaveOptions, Storage, StorageExt, TempFile};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

pub(crate) fn large(options: &Options) -> Result<Report> {
    let (src, dir) = (options.path("src")?, options.dir()?);
    let size = std::fs::metadata(&src)?.len();
    if options.is_set("move") {
        return moved(options, &dir, size);
    }
    let target = dir.join("big.bin");
    let time = if options.is_baseline() {
        let clock = Clock::start();
        std::fs::copy(&src, &target)?;
        if options.is_set("sync") {
            File::open(&target)?.sync_all()?;
        }
        clock.stop()
    } else {
        let storage = save::storage(&dir, options)?;
        runtime()?.block_on(async {
            let clock = Clock::start();
            let mut content = content(options.text("via", "stream"), &src).await?;
            let mut result = None;
            if options.is_set("hash") {
                let (inspector, inspection) = Inspector::new(Rules { checksum: true, ..Rules::default() });
                content = content.with_inspector(inspector);
                result = Some(inspection);
            }
            let saved = storage.save(FileName::new("big.bin")?, content, &SaveOptions::default()).await?;
            let time = clock.stop();
            if saved.name != "big.bin" || saved.size != size {
                return Err("not saved as wanted".into());
            }
            if result.is_some_and(|result| result.get().is_none_or(|inspection| inspection.sha256.is_none()))
            {
                return Err("no checksum was computed".into());
            }
            Result::Ok(time)
        })?
    };
    if std::fs::metadata(&target)?.len() != size {
        return Err("the file is not whole".into());
    }
    Ok(Report::new(1, time, size))
}

/// The same bytes as each of the three kinds of content.
async fn content(via: &str, src: &Path) -> Result<Content> {
    Ok(match via {
        "file" => Content::copy_of(src)?,
        "reader" => Content::reader(File::open(src)?),
        "stream" => {
            let (dir, name) = split(src)?;
            let reader = FileSystemStorage::new(dir)?.open(FileName::new(name)?).await?;
            reader.into_content()
        }
        other => return Err(format!("no way `{other}`: there are file, reader and stream").into()),
    })
}

/// Moves `n` files of the same size, because one move is too short to measure. The files have no blocks and
/// so take no space. They have no second name, because a storage copies a file that could be changed through
/// another name.
fn moved(options: &Options, dir: &Path, size: u64) -> Result<Report> {
    let n = options.number("n", 200)?;
    let (from, to) = (dir.join("from"), dir.join("to"));
    std::fs::create_dir(&from)?;
    std::fs::create_dir(&to)?;
    for i in 0..n {
        File::create_new(from.join(i.to_string()))?.set_len(size)?;
    }
    let time = if options.is_baseline() {
        let clock = Clock::start();
        for i in 0..n {
            std::fs::rename(from.join(i.to_string()), to.join(i.to_string()))?;
        }
        clock.stop()
    } else {
        let storage = save::storage(&to, options)?;
        runtime()?.block_on(async {
            let clock = Clock::start();
            for i in 0..n {
                let name = i.to_string();
                let temp = TempFile::adopt(from.join(&name))?.assume_closed();
                storage.save(FileName::new(&name)?, Content::from(temp), &SaveOptions::default()).await?;
            }
            Result::Ok(clock.stop())
        })?
    };
    let left = std::fs::read_dir(&from)?.count();
    let arrived = (0..n).filter(|i| to.join(i.to_string()).is_file()).count();
    if (left, arrived) != (0, n) {
        return Err(format!("{left} files stayed and {arrived} arrived, of {n}").into());
    }
    let blocks: u64 =
        (0..n).map(|i| Ok(to.join(i.to_string()).metadata()?.blocks())).sum::<std::io::Result<_>>()?;
    if blocks > 0 {
        return Err("the files were copied, not moved".into());
    }
    Ok(Report::new(n, time, n as u64 * size))
}

//! `dims`: width and height of an image, opening included.

use super::Result;
use super::field::{self, Car};
use super::measure::{Clock, Report, bytes_read};
use super::options::{Options, runtime, split};
use filefield::image::{Dimensions, file_dimensions};
use filefield::storage::Durability;
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Length of the longest segment of a JPEG, marker included, in bytes.
const SEGMENT: u64 = 65_537;

pub(crate) fn dims(options: &Options) -> Result<Report> {
    let (src, n) = (options.path("src")?, options.number("n", 2000)?);
    if options.is_baseline() {
        let hops = options.number("hops", 0)? as u64;
        let open = || -> std::io::Result<[u8; 32]> {
            let mut head = [0; 32];
            let file = File::open(&src)?;
            file.read_exact_at(&mut head, 0)?;
            for hop in 1..=hops {
                file.read_exact_at(&mut head, hop * SEGMENT)?;
            }
            Ok(head)
        };
        open()?;
        let clock = Clock::start();
        for _ in 0..n {
            black_box(open()?);
        }
        let time = clock.stop();
        let read = 32 * (hops + 1);
        return Ok(Report::new(n, time, n as u64 * read).with("bytes_read", read));
    }
    match options.text("via", "file") {
        "file" => plain_file(&src, n),
        "field" => runtime()?.block_on(of_field(&src, n)),
        other => Err(format!("no way `{other}`: there are file and field").into()),
    }
}

fn report(n: usize, clock: Clock, seen: Option<Dimensions>, read: u64) -> Report {
    let text = seen.map_or("none".to_owned(), |seen| format!("({}, {})", seen.width, seen.height));
    Report::new(n, clock.stop(), n as u64 * read).with("dims", text).with("bytes_read", read)
}

/// The bytes that reading the counter adds to it.
fn own_reads() -> u64 {
    let before = bytes_read();
    bytes_read() - before
}

fn plain_file(src: &Path, n: usize) -> Result<Report> {
    let measure = || -> Result<Option<Dimensions>> { Ok(file_dimensions(&File::open(src)?)?) };
    let before = bytes_read();
    let seen = measure()?;
    let read = (bytes_read() - before).saturating_sub(own_reads());
    let clock = Clock::start();
    for _ in 0..n {
        black_box(measure()?);
    }
    Ok(report(n, clock, seen, read))
}

/// Like `car.photo().dimensions()` of a model that keeps no dimensions in its row.
async fn of_field(src: &Path, n: usize) -> Result<Report> {
    let (dir, name) = split(src)?;
    field::place(dir.to_owned(), Durability::None)?;
    let car = Car::named(name);
    car.photo().dimensions().await?;
    let before = bytes_read();
    let seen = car.photo().dimensions().await?;
    let read = (bytes_read() - before).saturating_sub(own_reads());
    let clock = Clock::start();
    for _ in 0..n {
        black_box(car.photo().dimensions().await?);
    }
    Ok(report(n, clock, seen, read))
}

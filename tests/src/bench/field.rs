//! `accessor` and `url`: operations without I/O.

use super::Result;
use super::measure::{Clock, Report, Time};
use super::options::Options;
use filefield::storage::FileSystemStorage;
use filefield::{FileMeta, FileModel, FileName, ImageField, Model, Storage};
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::OnceLock;

/// Where the models of the benchmarks store their files. It is set before the models are registered.
static PLACE: OnceLock<FileSystemPlace> = OnceLock::new();

struct FileSystemPlace {
    dir: PathBuf,
    durability: filefield::storage::Durability,
}

/// Sets the place of the models' storage.
pub(crate) fn place(dir: PathBuf, durability: filefield::storage::Durability) -> Result {
    PLACE.set(FileSystemPlace { dir, durability }).map_err(|_| "the place is set already".into())
}

/// The storage function of the models.
pub(crate) fn models_storage() -> filefield::Result<FileSystemStorage> {
    let (dir, durability) = match PLACE.get() {
        Some(place) => (place.dir.clone(), place.durability),
        None => (std::env::temp_dir(), Default::default()),
    };
    FileSystemStorage::builder(dir).base_url("/media/").durability(durability).build()
}

#[derive(Model)]
pub(crate) struct Car {
    #[file(upload_to = "cars", storage = models_storage)]
    photo: ImageField,
}

impl Car {
    pub(crate) fn named(name: &str) -> Car {
        Car { photo: ImageField::stored(name) }
    }
}

/// The same with a `meta_field`, which may name another storage.
#[derive(Model)]
struct Truck {
    #[file(upload_to = "cars", storage = models_storage, meta_field = photo_meta)]
    photo: ImageField,
    photo_meta: FileMeta,
}

/// How often the shortest operations run, so that reading the clock does not count.
const MANY: usize = 2_000_000;

/// Nanoseconds to resolve the storage as `reach_ns`, and the time of `car.photo().url()`.
pub(crate) fn accessor(options: &Options) -> Result<Report> {
    let n = options.number("n", MANY)?;
    let car = Car::named("cars/chevy_aB3dE5f.jpg");
    if options.is_baseline() {
        static PLAIN: OnceLock<String> = OnceLock::new();
        PLAIN.get_or_init(|| "a storage".to_owned());
        let reach = times(n, || {
            black_box(PLAIN.get());
            Ok(())
        })?;
        let name = car.photo().name().to_owned();
        let time = times(n, || {
            black_box(one_pass("/media/", black_box(&name)));
            Ok(())
        })?;
        return Ok(report(n, time, reach));
    }
    Car::register()?;
    Truck::register()?;
    let mut meta = FileMeta::default();
    meta.original_name = Some("chevy.jpg".to_owned());
    meta.storage = Some("Truck.photo".to_owned());
    let truck = Truck { photo: ImageField::stored(car.photo().name()), photo_meta: meta };
    let truck = black_box(&truck);
    let told = times(n, || {
        black_box(truck.photo().storage()?);
        Ok(())
    })?;
    let car = black_box(&car);
    let reach = times(n, || {
        black_box(car.photo().storage()?);
        Ok(())
    })?;
    let time = times(n, || {
        black_box(car.photo().url()?);
        Ok(())
    })?;
    Ok(report(n, time, reach).with("reach_with_meta_ns", told.secs / n as f64 * 1e9))
}

fn report(n: usize, time: Time, reach: Time) -> Report {
    Report::new(n, time, 0).with("reach_ns", reach.secs / n as f64 * 1e9)
}

fn times(n: usize, mut work: impl FnMut() -> Result) -> Result<Time> {
    for _ in 0..n / 10 {
        work()?;
    }
    let clock = Clock::start();
    for _ in 0..n {
        work()?;
    }
    Ok(clock.stop())
}

/// The storage's own URL, for names with spaces and letters that must be escaped.
pub(crate) fn url(options: &Options) -> Result<Report> {
    let n = options.number("n", 200_000)?;
    let names: Vec<String> = (0..1000).map(|i| format!("dir/ü pload {i:06}.bin")).collect();
    let names = names.iter().cycle().take(n);
    let storage = FileSystemStorage::builder(std::env::temp_dir()).base_url("/media/").build()?;
    for name in names.clone().take(1000) {
        if storage.url(FileName::new(name)?)? != one_pass("/media/", name) {
            return Err("the two URLs differ".into());
        }
    }
    let clock = Clock::start();
    if options.is_baseline() {
        for name in names {
            black_box(one_pass("/media/", name));
        }
    } else {
        for name in names {
            black_box(storage.url(FileName::new(name)?)?);
        }
    }
    Ok(Report::new(n, clock.stop(), 0))
}

/// One pass over the name, one allocation.
fn one_pass(base: &str, name: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut url = String::with_capacity(base.len() + name.len() * 3);
    url.push_str(base);
    for &byte in name.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()/".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push('%');
            url.push(char::from(HEX[usize::from(byte >> 4)]));
            url.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    url
}

//! The main job from beginning to end: saves a row with a photo to SQLite and disk, and reads it back.
//!
//! Run it with `cargo run --example quickstart [-- DIRECTORY]`. The default is a folder in the system's
//! temporary directory.

use filefield::prelude::*;
use filefield::{db, storage::FileSystemStorage};
use std::error::Error;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Default, Model)]
#[model(table = "cars")]
struct Car {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    name: String,
    price: Decimal,
    #[file(
        upload_to = "cars",
        storage = media,
        accept = ["image/*"],
        max_size = "20 MiB",
        width_field = photo_width,
        height_field = photo_height,
        meta_field = photo_meta
    )]
    photo: ImageField,
    photo_width: Option<u32>,
    photo_height: Option<u32>,
    photo_meta: FileMeta,
}

/// Runs once, when the model is registered.
fn media() -> filefield::Result<FileSystemStorage> {
    println!("(the storage function runs)");
    FileSystemStorage::builder(directory().join("media")).base_url("/media/").build()
}

/// The folder of this example. Each run empties it.
fn directory() -> PathBuf {
    let parent = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    parent.join("filefield-quickstart")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = directory();
    if directory.exists() {
        std::fs::remove_dir_all(&directory)?;
    }
    std::fs::create_dir_all(&directory)
        .map_err(|error| format!("the folder {} cannot be made: {error}", directory.display()))?;
    let database = directory.join("garage.db");

    App::builder().model::<Car>().build()?;
    let db = db::connect(&format!("sqlite://{}?mode=rwc", database.display())).await?;
    db::migrate::<Car>(&db).await?;
    println!("database and media folder: {}\n", directory.display());

    println!("1. A car with a photo is saved: file and row, together.");
    let photo = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/rocket.jpg");
    let mut car = Car {
        name: "57 Chevy".into(),
        price: Decimal::new(3995, 2),
        photo: ImageField::from_path(&photo)?,
        ..Car::default()
    };
    car.save(&db).await?;

    let car = Car::objects(&db).get(Car::columns().name.eq("57 Chevy")).await?;
    println!("   row    id {}, name {:?}, price {}", car.id, car.name, car.price);
    println!("   name   {}", car.photo().name());
    println!("   path   {}", car.photo().path()?.display());
    println!("   url    {}", car.photo().url()?);
    println!("   size   {} bytes", car.photo().size().await?);
    println!("   image  {}", pixels(&car).await?);
    println!("   type   {}", car.photo().content_type().await?.unwrap_or_default());
    println!("   SHA-256 {}\n", car.photo().checksum().unwrap_or_default());

    println!("2. Another photo takes the place of the old one.");
    let turned = std::fs::read(photo.with_file_name("rocket-turned.jpg"))?;
    let old = car.photo().path()?;
    let mut car = car;
    car.photo_mut().assign(ImageField::new("chevy turned.jpg", turned));
    car.save(&db).await?;
    println!("   name   {}", car.photo().name());
    println!("   image  {}", pixels(&car).await?);
    db::sweep(&db).await?;
    println!("   the old file is {}\n", if old.exists() { "still there" } else { "gone" });

    println!("3. A file that is not an image is refused, and nothing is left of it.");
    let before = car.clone();
    car.photo_mut().assign(ImageField::new("notes.jpg", "these are notes"));
    match car.save(&db).await {
        Ok(()) => println!("   it was stored"),
        Err(error) => println!("   error: {error}"),
    }
    car = before;

    println!("\n4. What is on disk:");
    list(&directory.join("media"), 1)?;

    println!("\n5. The car is deleted, and its photo with it.");
    car.delete(&db).await?;
    db::sweep(&db).await?;
    println!("   cars left: {}", Car::objects(&db).count().await?);
    list(&directory.join("media"), 1)?;
    Ok(())
}

async fn pixels(car: &Car) -> filefield::Result<String> {
    Ok(match (car.photo().width().await?, car.photo().height().await?) {
        (Some(width), Some(height)) => format!("{width} x {height} pixels"),
        _ => "not an image".to_owned(),
    })
}

fn list(folder: &Path, depth: usize) -> std::io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let indent = "   ".repeat(depth);
        if entry.file_type()?.is_dir() {
            println!("{indent}{}/", name.display());
            list(&entry.path(), depth + 1)?;
        } else {
            println!("{indent}{} ({} bytes)", name.display(), entry.metadata()?.len());
        }
    }
    Ok(())
}

//! File and row together: what a save, a replace, a clear and a delete leave in the storage, the table and
//! the journal.

mod accessors;
mod dropping;
mod killing;
mod refusing;
mod saving;
mod sweeping;

use crate::support::Garage;
use filefield::db::Table;
use filefield::prelude::*;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "cars")]
struct Car {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    name: String,
    #[file(upload_to = "cars", accept = ["image/*"], width_field = width, height_field = height, meta_field = meta)]
    photo: ImageField,
    width: Option<u32>,
    height: Option<u32>,
    meta: FileMeta,
    #[file(upload_to = manual_name, max_size = 100, max_length = 30, on_replace = "keep", on_delete = "keep")]
    manual: Option<FileField>,
    #[file(upload_to = "keys", naming = "unique")]
    key: FileField,
}

fn manual_name(car: &Car, filename: &str) -> String {
    match car.name.as_str() {
        "panics" => panic!("no name today"),
        "climbs" => format!("../{filename}"),
        name => format!("manuals/{name}/{filename}"),
    }
}

fn gif(width: u8) -> Vec<u8> {
    [&b"GIF89a"[..], &[width, 0, 9], b"\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02\x4c\x01\0;"].concat()
}

fn chevy() -> Car {
    Car { name: "57 Chevy".into(), photo: ImageField::new("chevy.gif", gif(7)), ..Car::default() }
}

async fn nothing_left(garage: &Garage) {
    assert!(garage.files().is_empty(), "{:?}", garage.files());
    assert_eq!(garage.number("SELECT COUNT(*) FROM cars").await, 0);
    assert_eq!(garage.journal().await, 0);
}

/// Sweeps as if a day had passed, and checks that rows and files name each other.
async fn agree(garage: &Garage) {
    // Work that a dropped future has started on other threads comes to its end.
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    for _ in 0..2 {
        garage.execute("UPDATE filefield_journal SET due_at = 0").await;
        filefield::db::sweep(&garage.db).await.unwrap();
    }
    assert_eq!(garage.journal().await, 0);
    let cars = Car::objects(&garage.db).order_by(Car::columns().photo.asc()).all().await.unwrap();
    let named: Vec<_> =
        cars.iter().map(|car| car.photo().name().to_owned()).filter(|name| !name.is_empty()).collect();
    assert_eq!(garage.files(), named);
    for car in cars.iter().filter(|car| car.photo().is_stored()) {
        assert_eq!(car.photo().read().await.unwrap().len(), 29);
    }
}

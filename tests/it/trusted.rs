//! What untrusted text can say about files, and what trusted data can.

use crate::databases::on_every_database;
use crate::support::Garage;
use filefield::db::{Queries, Table};
use filefield::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

#[derive(Debug, Clone, Default, PartialEq, Model, Serialize, Deserialize)]
#[model(table = "trusted_cars")]
struct Car {
    #[model(primary_key)]
    #[serde(default)]
    id: i64,
    name: String,
    #[file(upload_to = "cars", meta_field = photo_meta)]
    photo: ImageField,
    #[serde(default)]
    photo_meta: FileMeta,
    #[file(upload_to = "manuals", meta_field = manual_meta)]
    manual: Option<FileField>,
    manual_meta: Option<FileMeta>,
}

/// The same columns in the form of a fixture.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Fixture {
    name: String,
    #[serde(with = "filefield::serde::trusted")]
    photo: ImageField,
    #[serde(with = "filefield::serde::trusted")]
    photo_meta: FileMeta,
    #[serde(with = "filefield::serde::trusted")]
    manual: Option<FileField>,
    #[serde(with = "filefield::serde::trusted")]
    manual_meta: Option<FileMeta>,
    #[serde(with = "filefield::serde::trusted")]
    plain: FileField,
    #[serde(with = "filefield::serde::trusted")]
    cover: Option<ImageField>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "never made")]
struct Fleet {
    cars: Vec<Car>,
    #[serde(flatten)]
    more: BTreeMap<String, FileField>,
}

fn refused<T: DeserializeOwned + Debug>(value: Value) {
    let text = value.to_string();
    let errors = [
        serde_json::from_value::<T>(value).unwrap_err().to_string(),
        serde_json::from_str::<T>(&text).unwrap_err().to_string(),
    ];
    for error in errors {
        assert!(error.contains("cannot be") && error.contains("leave this field out"), "{text}: {error}");
        assert!(error.contains("filefield::serde::trusted"), "{error}");
        assert!(!error.contains("secret"), "no value is passed on: {error}");
    }
}

#[test]
fn a_client_cannot_name_a_stored_file() {
    for name in ["docs/secret.pdf", "cars/secret.jpg", "../secret", "/etc/secret", " ", "secret\u{0}"] {
        refused::<FileField>(json!(name));
        refused::<ImageField>(json!(name));
        refused::<Option<FileField>>(json!(name));
        refused::<Option<ImageField>>(json!(name));
        refused::<Vec<FileField>>(json!([null, name]));
        refused::<(u8, FileField)>(json!([1, name]));
        refused::<BTreeMap<String, Option<ImageField>>>(json!({"a": null, "b": name}));
        refused::<Car>(json!({"name": "x", "photo": name}));
        refused::<Car>(json!({"name": "x", "manual": name}));
        refused::<Fleet>(json!({"cars": [{"name": "x", "photo": name}]}));
        refused::<Fleet>(json!({"cars": [], "other": name}));
    }
}

#[test]
fn a_client_cannot_state_what_is_known_of_a_file() {
    for meta in [
        json!({"storage": "secret"}),
        json!({"size": 1}),
        json!({"content_type": "image/png"}),
        json!({"sha256": "00"}),
        json!({"original_name": "x.jpg"}),
        json!({"width": 1}),
        json!({"height": 1}),
        json!({"stored_at": 1}),
    ] {
        refused::<FileMeta>(meta.clone());
        refused::<Option<FileMeta>>(meta.clone());
        refused::<Vec<FileMeta>>(json!([meta]));
        refused::<Car>(json!({"name": "x", "photo_meta": meta}));
        refused::<Car>(json!({"name": "x", "manual_meta": meta}));
    }
}

#[test]
fn a_body_without_files_makes_an_instance() {
    let want = Car { name: "Nomad".into(), ..Car::default() };
    for body in [
        json!({"name": "Nomad"}),
        json!({"name": "Nomad", "photo": null, "manual": null, "photo_meta": null, "manual_meta": null}),
        json!({"name": "Nomad", "photo": "", "photo_meta": {}}),
    ] {
        let car: Car = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(car, want, "{body}");
        assert_eq!(serde_json::from_str::<Car>(&body.to_string()).unwrap(), want);
    }
    assert!(serde_json::from_value::<FileField>(json!(7)).is_err());
}

#[test]
fn trusted_data_is_read_as_it_was_written() {
    let mut meta = FileMeta::default();
    meta.storage = Some("archive".into());
    meta.size = Some(7);
    meta.content_type = Some("application/pdf".into());
    let fixture = Fixture {
        name: "Nomad".into(),
        photo: ImageField::stored("cars/nomad.jpg"),
        photo_meta: meta.clone(),
        manual: Some(FileField::stored("manuals/nomad.pdf")),
        manual_meta: Some(meta),
        plain: FileField::stored("plain.txt"),
        cover: Some(ImageField::stored("cover.png")),
    };
    let text = serde_json::to_string(&fixture).unwrap();
    assert_eq!(serde_json::from_str::<Fixture>(&text).unwrap(), fixture);
    let empty = Fixture::default();
    let text = serde_json::to_string(&empty).unwrap();
    assert_eq!(serde_json::from_str::<Fixture>(&text).unwrap(), empty);
    assert_eq!(serde_json::from_str::<Fixture>("{}").unwrap(), empty);
    let blank = json!({"photo": "", "manual": "", "photo_meta": null});
    assert_eq!(serde_json::from_value::<Fixture>(blank).unwrap(), empty);
}

async fn the_columns_of_a_row_are_trusted(garage: Arc<Garage>) {
    let db = &garage.db;
    let photo = ImageField::new(
        "nomad.gif",
        &b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02\x4c\x01\0;"[..],
    );
    let manual = Some(FileField::new("nomad.txt", "how to drive"));
    let mut car = Car { name: "Nomad".into(), photo, manual, ..Car::default() };
    car.save(db).await.unwrap();
    let read = Car::objects(db).get(Car::columns().id.eq(car.id)).await.unwrap();
    assert_eq!(read.photo.name(), car.photo.name());
    assert!(read.photo.name().is_some() && read.photo_meta.size.is_some());
    assert_eq!(read.manual_meta.as_ref().and_then(|meta| meta.size), Some(12));

    // What a client gets and sends back.
    refused::<Car>(serde_json::to_value(&read).unwrap());
    // A row as JSON.
    let columns = "SELECT name, photo, manual FROM trusted_cars";
    let row = db.query(columns, Vec::new()).await.unwrap().remove(0);
    let row = json!({
        "name": row.get::<String>("name").unwrap(),
        "photo": row.get::<String>("photo").unwrap(),
        "manual": row.get::<String>("manual").unwrap(),
    });
    refused::<Car>(row.clone());
    let fixture: Fixture = serde_json::from_value(row).unwrap();
    assert_eq!((fixture.photo.name(), fixture.manual), (read.photo.name(), read.manual));
}

on_every_database!(Car: the_columns_of_a_row_are_trusted);

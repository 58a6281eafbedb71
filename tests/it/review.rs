//! Rare paths through the journal, the rows and the accessors.

mod drops;
mod gate;
mod inserts;
mod journal;
mod keys;
mod meddling;
mod names;
mod older;
mod rows;
mod storages;

use crate::support::Garage;
use filefield::SharedStorage;
use filefield::db::Table;
use filefield::prelude::*;
use filefield::registry::with_storage;
use gate::Gate;
use std::sync::Arc;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "lots")]
struct Lot {
    #[model(primary_key)]
    id: i64,
    #[file(upload_to = "lots", width_field = width, height_field = height, meta_field = meta)]
    photo: ImageField,
    width: Option<u32>,
    height: Option<u32>,
    meta: FileMeta,
    #[file(upload_to = "deeds", naming = "unique")]
    deed: FileField,
}

fn lot(content: &'static str) -> Lot {
    Lot { photo: ImageField::new("lot.jpg", content), ..Lot::default() }
}

async fn read(lot: &Lot) -> String {
    String::from_utf8(lot.photo().read().await.unwrap().to_vec()).unwrap()
}

//! Rows: saving, querying, deleting, and every type of column.

use crate::databases::on_every_database;
use crate::support::Garage;
use chrono::{DateTime, NaiveDate, Utc};
use filefield::db::{ExprTrait, Queries};
use filefield::db::{Json, Table, Uuid};
use filefield::prelude::*;
use filefield::{ErrorKind, Result};
use std::sync::Arc;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "fleet")]
struct Car {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    name: String,
    doors: Option<i32>,
    #[file(upload_to = "cars")]
    photo: ImageField,
}

fn car(name: &str, doors: Option<i32>) -> Car {
    Car { name: name.into(), doors, ..Car::default() }
}

async fn fleet(garage: &Garage) -> Result<()> {
    for (name, doors) in [("Bel Air", Some(2)), ("Nomad", Some(3)), ("Two-Ten", Some(4)), ("Handyman", None)]
    {
        car(name, doors).save(&garage.db).await?;
    }
    Ok(())
}

async fn save_inserts_then_updates(garage: Arc<Garage>) {
    let mut nomad = car("Nomad", Some(3));
    nomad.save(&garage.db).await.unwrap();
    assert_eq!(nomad.id, 1);
    nomad.doors = Some(5);
    nomad.save(&garage.db).await.unwrap();
    assert_eq!(Car::objects(&garage.db).count().await.unwrap(), 1);
    let again = Car::objects(&garage.db).get(Car::columns().id.eq(1)).await.unwrap();
    assert_eq!(again, nomad);
}

async fn upsert_inserts_where_the_key_names_no_row(garage: Arc<Garage>) {
    let mut nomad = Car { id: 7, ..car("Nomad", None) };
    assert_eq!(nomad.save(&garage.db).await.unwrap_err().kind(), ErrorKind::DoesNotExist);
    nomad.upsert(&garage.db).await.unwrap();
    assert_eq!(Car::objects(&garage.db).get(Car::columns().id.eq(7)).await.unwrap(), nomad);
}

async fn get_wants_exactly_one(garage: Arc<Garage>) {
    fleet(&garage).await.unwrap();
    let none = Car::objects(&garage.db).get(Car::columns().name.eq("Corvair")).await.unwrap_err();
    assert_eq!(none.kind(), ErrorKind::DoesNotExist);
    assert_eq!(none.to_string(), "Car: get: no row matches");
    let several = Car::objects(&garage.db).get(Car::columns().doors.gte(3)).await.unwrap_err();
    assert_eq!(several.kind(), ErrorKind::MultipleObjects);
}

async fn filter_exclude_order_limit(garage: Arc<Garage>) {
    fleet(&garage).await.unwrap();
    let columns = Car::columns();
    let names = |cars: Vec<Car>| cars.into_iter().map(|car| car.name).collect::<Vec<_>>();
    let objects = || Car::objects(&garage.db);

    let few = objects().filter(columns.doors.lt(4)).order_by(columns.name.desc()).all().await.unwrap();
    assert_eq!(names(few), ["Nomad", "Bel Air"]);
    let both = objects().filter(columns.doors.gt(2).and(columns.name.like("N%"))).all().await.unwrap();
    assert_eq!(names(both), ["Nomad"]);
    // A row whose value is unknown is not excluded, as in Django.
    let rest = objects().exclude(columns.doors.eq(2)).order_by(columns.id.asc()).all().await.unwrap();
    assert_eq!(names(rest), ["Nomad", "Two-Ten", "Handyman"]);
    let unknown = objects().filter(columns.doors.eq(None)).all().await.unwrap();
    assert_eq!(names(unknown), ["Handyman"]);
    let some = objects().filter(columns.name.is_in(["Nomad", "Two-Ten"])).count().await.unwrap();
    assert_eq!(some, 2);
    let page = objects().order_by(columns.name.asc()).limit(2).offset(1).all().await.unwrap();
    assert_eq!(names(page), ["Handyman", "Nomad"]);
    assert_eq!(objects().first().await.unwrap().unwrap().id, 1);
    assert!(objects().filter(columns.doors.eq(9)).first().await.unwrap().is_none());
    assert!(objects().filter(columns.doors.ne(2)).exists().await.unwrap());
    assert!(!objects().filter(columns.doors.gt(9)).exists().await.unwrap());
    assert_eq!(objects().limit(3).count().await.unwrap(), 3);
}

async fn the_escape_hatch_is_sea_query(garage: Arc<Garage>) {
    fleet(&garage).await.unwrap();
    let mut select = Car::objects(&garage.db).order_by(Car::columns().id.asc()).into_select();
    let names = Car::objects(&garage.db).filter(Car::columns().doors.is_null()).into_select();
    let of_names = filefield::db::Expr::col("name")
        .in_subquery(sea_query::Query::select().column("name").from_subquery(names, "without_doors").take());
    let found = Car::fetch(&garage.db, select.and_where(of_names)).await.unwrap();
    let expected = Car::objects(&garage.db).filter(Car::columns().doors.is_null()).all().await.unwrap();
    assert_eq!((found.len(), &found), (expected.len().max(1), &expected));
    let count = sea_query::Query::select().expr_as(sea_query::Func::count("id"), "n").from("fleet").take();
    assert_eq!(garage.db.fetch(&count).await.unwrap()[0].get::<i64>("n").unwrap(), 4);
}

async fn refresh_reads_the_row_again(garage: Arc<Garage>) {
    let mut nomad = car("Nomad", Some(3));
    nomad.save(&garage.db).await.unwrap();
    garage.execute("UPDATE fleet SET doors = 5").await;
    nomad.refresh(&garage.db).await.unwrap();
    assert_eq!(nomad.doors, Some(5));
    garage.execute("DELETE FROM fleet").await;
    assert_eq!(nomad.refresh(&garage.db).await.unwrap_err().kind(), ErrorKind::DoesNotExist);
}

async fn delete_wants_a_row(garage: Arc<Garage>) {
    let mut nomad = car("Nomad", None);
    nomad.save(&garage.db).await.unwrap();
    nomad.clone().delete(&garage.db).await.unwrap();
    assert!(!Car::objects(&garage.db).exists().await.unwrap());
    assert_eq!(nomad.delete(&garage.db).await.unwrap_err().kind(), ErrorKind::DoesNotExist);
}

async fn rows_without_files_follow_the_callers_transaction(garage: Arc<Garage>) {
    let tx = garage.db.begin().await.unwrap();
    let mut nomad = car("Nomad", None);
    nomad.save(&tx).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(Car::objects(&garage.db).count().await.unwrap(), 0);
}

async fn a_broken_unique_constraint_is_an_error_of_its_own(garage: Arc<Garage>) {
    car("Nomad", None).save(&garage.db).await.unwrap();
    let error = car("Nomad", None).save(&garage.db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
    assert_eq!(error.model(), Some("Car"));
}

on_every_database!(Car:
    save_inserts_then_updates,
    upsert_inserts_where_the_key_names_no_row,
    get_wants_exactly_one,
    filter_exclude_order_limit,
    the_escape_hatch_is_sea_query,
    refresh_reads_the_row_again,
    delete_wants_a_row,
    rows_without_files_follow_the_callers_transaction,
    a_broken_unique_constraint_is_an_error_of_its_own,
);

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "all_types")]
struct Everything {
    #[model(primary_key)]
    key: Uuid,
    small: i16,
    int: i32,
    unsigned: u32,
    big: i64,
    float: f32,
    double: f64,
    flag: bool,
    text: String,
    bytes: Vec<u8>,
    decimal: Decimal,
    date: NaiveDate,
    time: DateTime<Utc>,
    json: Json,
    #[model(column = "order")]
    r#where: Option<String>,
    nothing: Option<i64>,
    #[file]
    file: Option<FileField>,
    meta: FileMeta,
    #[file(meta_field = meta, upload_to)]
    image: ImageField,
}

async fn every_type_of_column_comes_back(garage: Arc<Garage>) {
    let mut row = Everything {
        key: Uuid::from_u128(42),
        small: -3,
        int: i32::MIN,
        unsigned: u32::MAX,
        big: i64::MAX,
        float: 1.5,
        double: -0.1,
        flag: true,
        text: "naïve 'quoted' \u{1F697}".into(),
        bytes: vec![0, 255, 10],
        decimal: Decimal::new(-399_501, 2),
        date: NaiveDate::from_ymd_opt(1957, 9, 3).unwrap(),
        time: DateTime::<Utc>::from_timestamp(1_700_000_000, 123_000_000).unwrap(),
        json: serde_json::json!({"doors": [1, 2], "top": null}),
        r#where: Some("garage".into()),
        nothing: None,
        file: Some(FileField::new("notes.txt", "drive well")),
        meta: FileMeta::default(),
        image: ImageField::new("dot.gif", &b"GIF89a\x01\x00\x01\x00\x00\x00\x00"[..]),
    };
    row.save(&garage.db).await.unwrap();
    let again = Everything::objects(&garage.db).get(Everything::columns().key.eq(row.key)).await.unwrap();
    assert_eq!(again, row);
    assert_eq!(again.image().name(), "all_types/image/dot.gif");
    assert_eq!(again.meta.width, Some(1));
    let found =
        Everything::objects(&garage.db).filter(Everything::columns().r#where.eq("garage")).count().await;
    assert_eq!(found.unwrap(), 1);

    row.file = None;
    row.save(&garage.db).await.unwrap();
    let null = garage.number("SELECT COUNT(*) FROM all_types WHERE file IS NULL").await;
    assert_eq!(null, 1, "no file in an optional column is NULL (W29)");
}

on_every_database!(Everything: every_type_of_column_comes_back);

#[tokio::test]
async fn without_migrate_the_error_says_so() {
    let db = filefield::db::connect("sqlite::memory:").await.unwrap();
    let error = car("Nomad", None).save(&db).await.unwrap_err();
    assert!(error.to_string().contains("run `filefield::db::migrate"), "{error}");
    let mut pending = car("Nomad", None);
    pending.photo = ImageField::new("a.jpg", "x");
    let storage = Arc::new(filefield::storage::MemoryStorage::new());
    let error = filefield::registry::with_storage(storage.clone(), pending.save(&db)).await.unwrap_err();
    assert!(error.to_string().contains("run `filefield::db::migrate"), "{error}");
    assert!(pending.photo.is_pending());
    assert_eq!(storage.list("").await.unwrap(), filefield::storage::Listing::default());
}

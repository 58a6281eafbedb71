//! Columns at the limits of their types: what is saved is read back and found, or saving it fails.

use super::on_every_database;
use crate::support::Garage;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use filefield::ErrorKind;
use filefield::db::{Json, Table, Uuid};
use filefield::prelude::*;
use filefield_tests::databases::Kind;
use std::sync::Arc;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "extremes")]
struct Extremes {
    #[model(primary_key)]
    key: Uuid,
    tiny: i8,
    small: i16,
    int: i32,
    big: i64,
    byte: u8,
    word: u16,
    unsigned: u32,
    huge: u64,
    optional: Option<u32>,
    float: f32,
    double: f64,
    flag: bool,
    text: String,
    bytes: Vec<u8>,
    decimal: Decimal,
    date: NaiveDate,
    time: NaiveTime,
    local: NaiveDateTime,
    utc: DateTime<Utc>,
    zoned: DateTime<FixedOffset>,
    json: Json,
    #[file]
    file: Option<FileField>,
}

/// A row in which only the key is set.
fn blank() -> Extremes {
    Extremes { key: Uuid::from_u128(1), ..Extremes::default() }
}

fn greatest(kind: Kind) -> Extremes {
    let sqlite = kind == Kind::Sqlite;
    Extremes {
        key: Uuid::from_u128(u128::MAX - 1),
        tiny: i8::MAX,
        small: i16::MAX,
        int: i32::MAX,
        big: i64::MAX,
        byte: u8::MAX,
        word: u16::MAX,
        unsigned: u32::MAX,
        huge: if kind == Kind::MariaDb { u64::MAX } else { i64::MAX.unsigned_abs() },
        optional: Some(u32::MAX),
        float: f32::MAX,
        double: f64::MAX,
        flag: true,
        // Longer than MariaDB's `text`.
        text: "naïve 'quoted' \\ \u{1F697} ".repeat(4000),
        bytes: (0..=255).cycle().take(70_000).collect(),
        decimal: if sqlite { Decimal::new(399_501, 2) } else { Decimal::MAX },
        date: NaiveDate::from_ymd_opt(9999, 12, 31).unwrap(),
        time: NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap(),
        local: NaiveDate::from_ymd_opt(9999, 12, 31).unwrap().and_hms_micro_opt(23, 59, 59, 999_999).unwrap(),
        // After 2038.
        utc: DateTime::<Utc>::from_timestamp(4_000_000_000, 123_456_000).unwrap(),
        zoned: DateTime::parse_from_rfc3339("2057-09-03T01:02:03.000004+05:30").unwrap(),
        json: serde_json::json!({"doors": [1, 2.5, u64::MAX], "top": null, "name": "naïve \\ \" \u{1F697} "}),
        file: None,
    }
}

fn least(kind: Kind) -> Extremes {
    Extremes {
        key: Uuid::from_u128(0x20),
        tiny: i8::MIN,
        small: i16::MIN,
        int: i32::MIN,
        big: i64::MIN,
        float: f32::MIN_POSITIVE,
        double: -f64::MIN_POSITIVE,
        decimal: if kind == Kind::Sqlite { Decimal::new(-1, 3) } else { Decimal::new(-1, 28) },
        date: NaiveDate::from_ymd_opt(1, 1, 1).unwrap(),
        time: NaiveTime::MIN,
        utc: DateTime::<Utc>::from_timestamp(-1_000_000_000, 0).unwrap(),
        ..Extremes::default()
    }
}

async fn the_ends_of_every_type_come_back(garage: Arc<Garage>) {
    let columns = Extremes::columns();
    for mut row in [greatest(garage.kind()), least(garage.kind())] {
        row.save(&garage.db).await.unwrap();
        let again = Extremes::objects(&garage.db).get(columns.key.eq(row.key)).await.unwrap();
        assert_eq!(again, row);
        // Each is found by its own value, and no other row.
        let found = [
            columns.tiny.eq(row.tiny),
            columns.small.eq(row.small),
            columns.int.eq(row.int),
            columns.big.eq(row.big),
            columns.byte.eq(row.byte),
            columns.word.eq(row.word),
            columns.unsigned.eq(row.unsigned),
            columns.huge.eq(row.huge),
            columns.optional.eq(row.optional),
            columns.float.eq(row.float),
            columns.double.eq(row.double),
            columns.flag.eq(row.flag),
            columns.text.eq(row.text.as_str()),
            columns.bytes.eq(row.bytes.clone()),
            columns.decimal.eq(row.decimal),
            columns.date.eq(row.date),
            columns.time.eq(row.time),
            columns.local.eq(row.local),
            columns.utc.eq(row.utc),
            columns.zoned.eq(row.zoned),
            columns.json.eq(row.json.clone()),
        ];
        for (number, condition) in found.into_iter().enumerate() {
            let text = format!("{condition:?}");
            let rows = Extremes::objects(&garage.db).filter(condition).all().await.unwrap();
            assert_eq!(rows.len(), 1, "condition {number} of {}: {text:.200}", garage.kind());
            assert_eq!(rows[0].key, row.key);
        }
    }
}

async fn decimals_keep_every_digit(garage: Arc<Garage>) {
    let exact = ["12345678901234567890.12345678", "0.0000000000000000000000000001", "-399.50", "1E-20"];
    // Numbers that a conversion of the float through its digits misses.
    let by_float = ["4206.529", "4209.9665", "99999999999.9999", "-0.001", "79228162514264"];
    for text in exact.into_iter().chain(by_float) {
        let decimal = Decimal::from_scientific(text).or_else(|_| text.parse::<Decimal>()).unwrap();
        let mut row = Extremes { decimal, ..blank() };
        match row.save(&garage.db).await {
            Ok(()) => {}
            Err(error) => {
                assert!(garage.kind() == Kind::Sqlite && !by_float.contains(&text), "{error}");
                assert!(error.to_string().contains("more digits than SQLite keeps"), "{error}");
                continue;
            }
        }
        row.refresh(&garage.db).await.unwrap();
        assert_eq!(row.decimal, decimal);
        let rows = Extremes::objects(&garage.db).filter(Extremes::columns().decimal.eq(decimal)).count();
        assert_eq!(rows.await.unwrap(), 1, "{decimal}");
    }
}

async fn times_are_kept_to_the_microsecond(garage: Arc<Garage>) {
    let utc = DateTime::<Utc>::from_timestamp(1_700_000_000, 123_456_789).unwrap();
    let mut row = Extremes { utc, local: utc.naive_utc(), time: utc.time(), ..blank() };
    row.save(&garage.db).await.unwrap();
    let columns = Extremes::columns();
    for condition in [columns.utc.eq(row.utc), columns.local.eq(row.local), columns.time.eq(row.time)] {
        let text = format!("{condition:?}");
        let again = Extremes::objects(&garage.db).get(condition).await;
        assert!(again.is_ok(), "{text} on {}", garage.kind());
    }
    row.refresh(&garage.db).await.unwrap();
    let kept = if garage.kind() == Kind::Sqlite { 123_456_789 } else { 123_456_000 };
    let cut = DateTime::<Utc>::from_timestamp(1_700_000_000, kept).unwrap();
    assert_eq!((row.utc, row.local, row.time), (cut, cut.naive_utc(), cut.time()));
}

async fn what_would_come_back_changed_is_refused(garage: Arc<Garage>) {
    let big = Extremes { huge: u64::MAX, ..blank() };
    let nan = Extremes { double: f64::NAN, ..blank() };
    let infinite = Extremes { float: f32::INFINITY, ..blank() };
    for (name, mut row, keeps) in [
        ("u64::MAX", big, [Kind::MariaDb].as_slice()),
        ("NaN", nan, &[Kind::Postgres]),
        ("infinity", infinite, &[Kind::Postgres, Kind::Sqlite]),
    ] {
        match row.save(&garage.db).await {
            Ok(()) => {
                assert!(keeps.contains(&garage.kind()), "{name} on {}", garage.kind());
                let again = Extremes::objects(&garage.db).get(Extremes::columns().key.eq(row.key)).await;
                assert_eq!(format!("{:?}", again.unwrap()), format!("{row:?}"));
                row.delete(&garage.db).await.unwrap();
            }
            Err(error) => {
                assert!(!keeps.contains(&garage.kind()), "{name} on {}: {error}", garage.kind());
                assert!(error.to_string().contains("column `"), "{error}");
                assert!(!Extremes::objects(&garage.db).exists().await.unwrap());
            }
        }
    }
    // Comparisons with it are exact on every database.
    let mut row = Extremes { huge: i64::MAX.unsigned_abs(), ..blank() };
    row.save(&garage.db).await.unwrap();
    let huge = &Extremes::columns().huge;
    for (condition, found) in [
        (huge.eq(i64::MAX.unsigned_abs()), 1),
        (huge.eq(i64::MAX.unsigned_abs() + 1), 0),
        (huge.lt(u64::MAX), 1),
        (huge.gt(u64::MAX), 0),
        (huge.is_in([u64::MAX, i64::MAX.unsigned_abs() + 1]), 0),
    ] {
        let text = format!("{condition:?}");
        assert_eq!(Extremes::objects(&garage.db).filter(condition).count().await.unwrap(), found, "{text}");
    }
}

async fn a_moment_that_a_database_does_not_have_is_refused(garage: Arc<Garage>) {
    let kind = garage.kind();
    let noon = |year, month, day| {
        let date = NaiveDate::from_ymd_opt(year, month, day).unwrap();
        date.and_hms_opt(12, 0, 0).unwrap()
    };
    let leap = noon(2016, 12, 31).date().and_hms_milli_opt(23, 59, 59, 1500).unwrap();
    let late = noon(9999, 12, 31).date().and_hms_opt(23, 30, 0).unwrap();
    // In UTC it is the year 10000.
    let zoned = DateTime::parse_from_rfc3339("9999-12-31T23:30:00-01:00").unwrap();
    let columns = Extremes::columns();
    let local = |local| (columns.local.eq(local), Extremes { local, ..blank() });
    let date =
        |moment: NaiveDateTime| (columns.date.eq(moment.date()), Extremes { date: moment.date(), ..blank() });
    let everywhere = Kind::ALL.as_slice();
    let big: &[Kind] = &[Kind::Sqlite, Kind::Postgres];
    let mut cases = vec![
        (date(noon(0, 1, 1)), everywhere),
        (date(noon(9999, 12, 31)), everywhere),
        (date(noon(-1, 1, 1)), big),
        (date(noon(10_000, 1, 1)), big),
        (date(noon(70_000, 1, 1)), big),
        (local(noon(0, 1, 1)), everywhere),
        (local(late), everywhere),
        (local(noon(-1, 12, 31)), big),
        (local(noon(12_345, 1, 1)), big),
        (local(leap), &[Kind::Sqlite]),
        ((columns.time.eq(leap.time()), Extremes { time: leap.time(), ..blank() }), &[Kind::Sqlite]),
        ((columns.zoned.eq(zoned), Extremes { zoned, ..blank() }), big),
    ];
    for utc in [noon(-1, 1, 1).and_utc(), noon(12_345, 1, 1).and_utc()] {
        cases.push(((columns.utc.eq(utc), Extremes { utc, ..blank() }), big));
    }
    for ((condition, mut row), keeps) in cases {
        let what = format!("{condition:?} on {kind}");
        let found = || Extremes::objects(&garage.db).filter(condition.clone());
        if keeps.contains(&kind) {
            row.save(&garage.db).await.unwrap();
            assert_eq!(found().all().await.unwrap(), [row.clone()], "{what}");
            row.delete(&garage.db).await.unwrap();
            continue;
        }
        let error = row.save(&garage.db).await.unwrap_err();
        assert!(error.to_string().contains("column `"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Database);
        if kind == Kind::MariaDb {
            // More often than the pool has connections: none is lost.
            for _ in 0..4 {
                let refused = [found().all().await.unwrap_err(), found().count().await.unwrap_err()];
                let text = refused.map(|error| error.to_string()).concat();
                assert_eq!(text.matches("MariaDB has no ").count(), 2, "{text}");
            }
        }
        assert!(!Extremes::objects(&garage.db).exists().await.unwrap(), "{what}");
    }
}

macro_rules! counted {
    ($($model:ident $table:literal $key:ty;)+) => {$(
        #[derive(Debug, Clone, Default, PartialEq, Model)]
        #[model(table = $table)]
        struct $model {
            #[model(primary_key)]
            id: $key,
            name: String,
            #[file]
            file: FileField,
        }
    )+};
}
counted!(Small "counted_i32" i32; Big "counted_i64" i64; Unsigned "counted_u32" u32; Huge "counted_u64" u64;);

async fn the_database_counts_up_keys_of_every_integer(garage: Arc<Garage>) {
    macro_rules! count {
        ($($model:ident)+) => {$(
            filefield::db::migrate::<$model>(&garage.db).await.unwrap();
            for id in 1..=2 {
                let mut row = $model { name: "Nomad".into(), ..$model::default() };
                row.save(&garage.db).await.unwrap();
                assert_eq!(row.id, id, "{} on {}", stringify!($model), garage.kind());
                assert_eq!($model::objects(&garage.db).get($model::columns().id.eq(id)).await.unwrap(), row);
            }
        )+};
    }
    count!(Small Big Unsigned Huge);
}

on_every_database!(Extremes:
    the_ends_of_every_type_come_back,
    decimals_keep_every_digit,
    times_are_kept_to_the_microsecond,
    what_would_come_back_changed_is_refused,
    a_moment_that_a_database_does_not_have_is_refused,
    the_database_counts_up_keys_of_every_integer,
);

//! Names of files, tables and columns. File names compare byte by byte, a name that is too long is an error,
//! and reserved words are names like others.

use super::{fresh, on_every_database};
use crate::support::Garage;
use filefield::db::{self, Queries, Table};
use filefield::prelude::*;
use filefield::{ErrorKind, FileField};
use filefield_tests::databases::{Database, Kind};
use std::sync::Arc;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "named")]
struct Named {
    #[model(primary_key)]
    id: String,
    #[model(unique)]
    #[file(max_length = 20)]
    file: FileField,
    #[file(max_length = 1024)]
    long: Option<FileField>,
}

/// Inserts without filefield, as another program would.
async fn insert(garage: &Garage, id: &str, file: &str, long: Option<&str>) -> Result<(), filefield::Error> {
    let values = match garage.kind() {
        Kind::Postgres => "($1, $2, $3)",
        _ => "(?, ?, ?)",
    };
    let sql = format!("INSERT INTO named (id, file, {}) VALUES {values}", garage.kind().quoted("long"));
    garage.db.execute(&sql, vec![id.into(), file.into(), long.into()]).await.map(drop)
}

async fn names_that_differ_in_a_byte_are_different(garage: Arc<Garage>) {
    let names = [
        "a.jpg",
        "A.jpg",
        "a.jpg ",
        "a.jpg  ",
        "á.jpg",
        "a\u{301}.jpg",
        "ａ.jpg",
        "a.JPG",
        "ß",
        "ss",
        "\u{1F697}",
        "\u{1F698}",
    ];
    // A unique constraint shows which names the database treats as equal.
    for name in names {
        insert(&garage, name, name, Some(name)).await.unwrap();
    }
    let columns = Named::columns();
    for name in names {
        for condition in [columns.id.eq(name), columns.file.eq(name), columns.long.eq(name)] {
            let found = Named::objects(&garage.db).get(condition).await.unwrap();
            assert_eq!((found.id.as_str(), found.file.name()), (name, Some(name)), "{}", garage.kind());
        }
    }
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    if garage.kind() != Kind::Postgres {
        // PostgreSQL sorts by the collation of its database.
        let rows = Named::objects(&garage.db).order_by(columns.file.asc()).all().await.unwrap();
        assert_eq!(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), sorted);
    }
}

async fn a_name_too_long_is_an_error_and_never_cut(garage: Arc<Garage>) {
    let fits = "\u{1F697}".repeat(20);
    insert(&garage, "fits", &fits, Some(&"\u{1F697}".repeat(1024))).await.unwrap();
    let row = Named::objects(&garage.db).get(Named::columns().file.eq(fits.as_str())).await.unwrap();
    assert_eq!(row.long.unwrap().name().map(|name| name.chars().count()), Some(1024));
    let row =
        Named::objects(&garage.db).get(Named::columns().long.eq("\u{1F697}".repeat(1024).as_str())).await;
    assert_eq!(row.unwrap().id, "fits");

    let long = "x".repeat(21);
    let mut row = Named { id: "long".into(), file: FileField::stored(long.as_str()), ..Named::default() };
    let error = row.save(&garage.db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NameTooLong, "{error}");
    if garage.kind() != Kind::Sqlite {
        // The column itself refuses it too. SQLite's columns accept everything.
        let error = insert(&garage, "long", &long, None).await.unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
    }
    assert_eq!(Named::objects(&garage.db).count().await.unwrap(), 1);
}

on_every_database!(Named:
    names_that_differ_in_a_byte_are_different,
    a_name_too_long_is_an_error_and_never_cut,
);

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "order")]
struct Order {
    #[model(primary_key)]
    select: u32,
    #[model(unique, column = "from")]
    group: String,
    #[model(column = "User")]
    user: Option<i32>,
    #[model(column = "key")]
    desc: bool,
    r#where: i64,
    größe: f64,
    #[file]
    table: FileField,
    #[file]
    a_column_with_a_name_that_is_as_long_as_all_databases_will_keep: Option<FileField>,
}

async fn reserved_words_are_names_like_others(garage: Arc<Garage>) {
    let columns = Order::columns();
    let mut order =
        Order {
            group: "by".into(), user: Some(7), desc: true, r#where: -1, größe: 1.5, ..Order::default()
        };
    order.save(&garage.db).await.unwrap();
    order.user = Some(8);
    order.save(&garage.db).await.unwrap();
    // A second run changes nothing.
    db::migrate::<Order>(&garage.db).await.unwrap();
    let again = Order::objects(&garage.db).get(columns.group.eq("by")).await.unwrap();
    assert_eq!(again, order);
    let found = Order::objects(&garage.db)
        .filter(columns.user.gt(7))
        .filter(columns.größe.lt(2.0))
        .exclude(columns.r#where.eq(0))
        .order_by(columns.desc.asc())
        .order_by(columns.select.desc())
        .limit(1);
    assert_eq!(found.all().await.unwrap(), [order.clone()]);
    let twin = Order { group: "by".into(), ..Order::default() }.save(&garage.db).await.unwrap_err();
    assert_eq!(twin.kind(), ErrorKind::UniqueViolation, "{twin}");

    let sql = match garage.kind() {
        Kind::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE type = 'index' AND name LIKE 'filefield.%'",
        Kind::Postgres => "SELECT COUNT(*) FROM pg_indexes WHERE indexname LIKE 'filefield.%'",
        Kind::MariaDb => {
            "SELECT COUNT(*) FROM information_schema.statistics \
             WHERE table_schema = DATABASE() AND index_name LIKE 'filefield.%'"
        }
    };
    assert_eq!(garage.number(sql).await, 2, "one index a file column");
    order.delete(&garage.db).await.unwrap();
    assert!(!Order::objects(&garage.db).exists().await.unwrap());
}

on_every_database!(Order: reserved_words_are_names_like_others);

/// The test servers run without strict mode and with another character set. Connections correct both.
#[tokio::test]
async fn connections_to_mariadb_are_strict_and_speak_unicode() {
    let test = async |database: Database| {
        let db = db::connect(database.url()).await.unwrap();
        let sql = "SELECT CONCAT(@@sql_mode, ' ', @@character_set_client, ' ', @@character_set_connection)";
        let row = db.query(sql, Vec::new()).await.unwrap().remove(0);
        let settings: String = row.only().unwrap();
        assert!(settings.contains("STRICT_ALL_TABLES"), "{settings}");
        assert!(settings.ends_with(" utf8mb4 utf8mb4"), "{settings}");
        db.close().await;
    };
    fresh(Kind::MariaDb, test).await;
}

/// Several processes of one program start at once, on an empty database.
async fn migrating_at_once_makes_one_table(garage: Arc<Garage>) {
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let db = garage.db.clone();
        all.spawn(async move { db::migrate::<Late>(&db).await });
    }
    for result in all.join_all().await {
        result.unwrap();
    }
    Late { name: "once".into(), ..Late::default() }.save(&garage.db).await.unwrap();
}

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "late")]
struct Late {
    #[model(primary_key)]
    id: i64,
    name: String,
    #[file]
    file: FileField,
}

on_every_database!(Named: migrating_at_once_makes_one_table);

//! Tables that differ from the models: made by others, or dropped.

use super::on_every_database;
use crate::support::Garage;
use filefield::ErrorKind;
use filefield::db::{self, Table};
use filefield::prelude::*;
use filefield_tests::databases::Kind;
use std::sync::Arc;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "vans")]
struct Van {
    #[model(primary_key)]
    id: i64,
    name: String,
    #[file(upload_to = "vans")]
    photo: FileField,
    doors: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "lengths")]
struct Long {
    #[model(primary_key)]
    id: i64,
    a_column_whose_name_is_longer_than_the_64_characters_of_mariadb_xx: String,
}

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "trailers")]
struct Trailer {
    #[model(primary_key)]
    id: i64,
    #[file(upload_to = "trailers", meta_field = meta)]
    file: FileField,
    meta: FileMeta,
}

async fn a_table_that_lacks_columns_is_told_with_their_names(garage: Arc<Garage>) {
    garage.execute("DROP TABLE vans").await;
    garage.execute("CREATE TABLE vans (id BIGINT PRIMARY KEY, name VARCHAR(50))").await;
    let error = db::migrate::<Van>(&garage.db).await.unwrap_err();
    assert_eq!((error.kind(), error.model()), (ErrorKind::Database, Some("Van")));
    assert!(error.to_string().contains("lacks `photo`, `doors`"), "{error}");
    for error in [
        Van { photo: FileField::new("a.txt", "a"), ..Van::default() }.save(&garage.db).await.unwrap_err(),
        Van::objects(&garage.db).all().await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("a table lacks a column"), "{error}");
        assert!(error.to_string().contains("photo"), "{error}");
    }
    garage.execute("ALTER TABLE vans ADD COLUMN photo VARCHAR(255)").await;
    // MariaDB and SQLite ignore the case of a column.
    let doors = if garage.kind() == Kind::Postgres { "doors" } else { "DOORS" };
    garage.execute(&format!("ALTER TABLE vans ADD COLUMN {doors} INTEGER")).await;
    db::migrate::<Van>(&garage.db).await.unwrap();
    garage.execute("DROP TABLE vans").await;
    let error = Van::objects(&garage.db).all().await.unwrap_err();
    assert!(error.to_string().contains("a table is missing; run `filefield::db::migrate"), "{error}");
}

async fn a_name_that_the_database_would_cut_is_refused(garage: Arc<Garage>) {
    match db::migrate::<Long>(&garage.db).await {
        Ok(()) => assert_eq!(garage.kind(), Kind::Sqlite),
        Err(error) => {
            assert_eq!((error.kind(), error.model()), (ErrorKind::Registration, Some("Long")));
            assert!(error.to_string().contains("mariadb_xx` is longer than the 6"), "{error}");
        }
    }
}

async fn a_meta_that_others_wrote_does_not_stand_in_the_way(garage: Arc<Garage>) {
    db::migrate::<Trailer>(&garage.db).await.unwrap();
    for text in ["null", "", "7", "{\"size\": \"x\"}"] {
        if text.is_empty() && garage.kind() != Kind::Sqlite {
            continue;
        }
        let spoil = format!("UPDATE trailers SET meta = '{text}'");
        let mut row = Trailer { file: FileField::new("a.txt", "one"), ..Trailer::default() };
        row.save(&garage.db).await.unwrap();
        garage.execute(&spoil).await;
        let loaded = Trailer::objects(&garage.db).first().await;
        match text {
            "null" | "" => assert_eq!(loaded.unwrap().unwrap().meta, FileMeta::default()),
            _ => assert!(loaded.unwrap_err().to_string().contains("meta"), "{text}"),
        }
        // The other row is checked for the file that this one releases.
        let mut copy = Trailer { id: 0, ..row.clone() };
        copy.save(&garage.db).await.unwrap();
        garage.execute(&spoil).await;
        row.file = FileField::new("b.txt", "two");
        row.save(&garage.db).await.unwrap();
        garage.settle().await;
        assert_eq!(garage.files(), ["trailers/a.txt", "trailers/b.txt"], "{text}");
        garage.execute(&spoil).await;
        row.delete(&garage.db).await.unwrap();
        copy.delete(&garage.db).await.unwrap();
        garage.settle().await;
        assert!(garage.files().is_empty(), "{text}");
    }
}

async fn a_dropped_table_keeps_every_file_until_it_is_forgotten(garage: Arc<Garage>) {
    let note = "INSERT INTO filefield_columns (model_table, model_column, storage) VALUES";
    for (table, column) in [("vans_of_old", "photo"), ("vans", "sticker"), ("vans_of_old", "plan")] {
        garage.execute(&format!("{note} ('{table}', '{column}', 'override')")).await;
    }
    let mut van = Van { photo: FileField::new("a.txt", "a"), ..Van::default() };
    van.save(&garage.db).await.unwrap();
    van.delete(&garage.db).await.unwrap();
    let forget = async |table| {
        let mut forgotten = db::forget_columns(&garage.db, table).await.unwrap();
        forgotten.sort();
        forgotten
    };
    for (table, columns) in [("vans", ["sticker"].as_slice()), ("vans_of_old", &["photo", "plan"])] {
        garage.execute("UPDATE filefield_journal SET due_at = 0").await;
        db::sweep(&garage.db).await.unwrap();
        assert_eq!(garage.files(), ["vans/a.txt"]);
        let told = "SELECT COUNT(*) FROM filefield_journal WHERE last_error LIKE '%filefield_columns%' \
                    AND last_error LIKE '%forget_columns(&db, \"vans%'";
        assert_eq!(garage.number(told).await, 1);
        assert_eq!(forget(table).await, columns);
        assert!(forget(table).await.is_empty(), "what is there is not forgotten");
    }
    garage.execute("UPDATE filefield_journal SET due_at = 0").await;
    db::sweep(&garage.db).await.unwrap();
    assert!(garage.files().is_empty());
}

on_every_database!(Van:
    a_meta_that_others_wrote_does_not_stand_in_the_way,
    a_dropped_table_keeps_every_file_until_it_is_forgotten,
    a_table_that_lacks_columns_is_told_with_their_names,
    a_name_that_the_database_would_cut_is_refused,
);

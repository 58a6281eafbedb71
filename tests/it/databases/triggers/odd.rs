//! Reserved words, long names and letters beyond ASCII.

use super::*;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "Where")]
struct Odd {
    #[model(primary_key)]
    id: i64,
    #[file(upload_to = "x")]
    group: FileField,
    #[file(upload_to = "x")]
    größe_with_a_name_that_is_as_long_as_a_database_can_take_it: Option<FileField>,
}

async fn odd_identifiers(garage: Arc<Garage>) {
    install::<Odd>(&garage).await;
    let mut odd = Odd {
        group: FileField::new("é.txt", "1"),
        größe_with_a_name_that_is_as_long_as_a_database_can_take_it: Some(FileField::new("É.txt", "2")),
        ..Odd::default()
    };
    odd.save(&garage.db).await.unwrap();
    let table = garage.kind().quoted(Odd::TABLE);
    let column = garage.kind().quoted("group");
    assert_refused(sql(&garage, &format!("UPDATE {table} SET {column} = 'x/É.txt'")).await);
    garage.execute(&format!("UPDATE {table} SET {column} = ''")).await;
    let hints = "SELECT COUNT(*) FROM filefield_journal j JOIN filefield_columns c \
        ON j.model_table = c.model_table AND j.model_column = c.model_column AND c.triggers = 1";
    assert_eq!(garage.number(hints).await, 1);
    garage.settle().await;
    assert_eq!(garage.files(), ["x/É.txt"]);
    garage.execute(&format!("DELETE FROM {table}")).await;
    garage.settle().await;
    assert!(garage.files().is_empty());
}

on_every_database!(Odd: odd_identifiers);

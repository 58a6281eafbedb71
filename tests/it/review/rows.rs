//! Edge cases of rows, keys and queries.

use super::*;
use filefield::ErrorKind;
use filefield::db::Decimal;

#[tokio::test]
async fn a_field_emptied_by_hand_leaves_nothing_beside_it() {
    Garage::run::<Lot, _>(|garage| async move {
        let dot = ImageField::new("dot.gif", &b"GIF89a\x07\x00\x09\x00\x00\x00\x00"[..]);
        let mut row = Lot { photo: dot, ..Lot::default() };
        row.save(&garage.db).await.unwrap();
        assert_eq!(row.width, Some(7));
        row.photo = ImageField::new("wide.gif", &b"GIF89a\x09\x00\x09\x00\x00\x00\x00"[..]);
        let error = row.photo().width().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotStored, "not that of the old image");
        assert_eq!(row.photo().checksum(), None);
        row.photo = ImageField::empty();
        row.save(&garage.db).await.unwrap();
        let again = Lot::objects(&garage.db).get(Lot::columns().id.eq(row.id)).await.unwrap();
        assert_eq!((again.width, again.height, again.meta.clone()), (None, None, FileMeta::default()));
        assert_eq!(again, row);
    })
    .await;
}

fn gif(side: u8) -> ImageField {
    ImageField::new("dot.gif", [&b"GIF89a"[..], &[side, 0, 9, 0, 0, 0, 0]].concat())
}

/// What the row records besides its photo: the width, and size and name from the metadata.
type Beside = (Option<u32>, Option<u64>);

async fn saved(garage: &Garage, row: &mut Lot) -> Beside {
    row.save(&garage.db).await.unwrap();
    let again = Lot::objects(&garage.db).get(Lot::columns().id.eq(row.id)).await.unwrap();
    assert_eq!(&again, row);
    (again.width, again.meta.size)
}

#[tokio::test]
async fn a_name_set_by_hand_leaves_nothing_of_the_old_file() {
    Garage::run::<Lot, _>(|garage| async move {
        std::fs::create_dir_all(garage.media().join("lots")).unwrap();
        for name in ["there", "8", "9"] {
            std::fs::write(garage.media().join(format!("lots/{name}.gif")), "another's").unwrap();
        }
        let mut rows = [Lot { photo: gif(7), ..Lot::default() }, Lot { photo: gif(8), ..Lot::default() }];
        for row in &mut rows {
            saved(&garage, row).await;
        }
        let [mut one, mut two] = rows;
        let known = (Some(8), Some(13));
        two.photo = one.photo.clone();
        assert_eq!(saved(&garage, &mut two).await, (None, None), "the file of another row");
        one.photo = ImageField::stored("lots/there.gif");
        assert_eq!(saved(&garage, &mut one).await, (None, None), "a bare name");

        // Metadata that is given with a name stays: for a new row, for one with a key, and for an existing
        // one.
        let seed = |id, width| {
            let (photo, mut meta) = (ImageField::stored(format!("lots/{width}.gif")), FileMeta::default());
            meta.size = Some(13);
            Lot { id, photo, width: Some(width), height: Some(9), meta, ..Lot::default() }
        };
        assert_eq!(saved(&garage, &mut seed(0, 8)).await, known);
        seed(70, 8).insert(&garage.db).await.unwrap();
        assert_eq!(saved(&garage, &mut seed(70, 8)).await, known);
        assert_eq!(saved(&garage, &mut seed(70, 9)).await, (Some(9), Some(13)));
        let mut same = Lot::objects(&garage.db).get(Lot::columns().id.eq(70)).await.unwrap();
        same.photo = ImageField::stored("lots/9.gif");
        assert_eq!(saved(&garage, &mut same).await, (Some(9), Some(13)), "the name that it has");
        let mut copy = Lot { id: 0, ..same };
        assert_eq!(saved(&garage, &mut copy).await, (Some(9), Some(13)), "a copy of the whole instance");
        copy.deed = copy.photo.clone().into();
        saved(&garage, &mut copy).await;
        assert_eq!(copy.deed().name(), "lots/9.gif", "the file of another field");
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_renamed_keeps_what_is_beside_it() {
    Garage::run::<Lot, _>(|garage| async move {
        let mut row = Lot { photo: gif(8), ..Lot::default() };
        let known = (Some(8), Some(13));
        assert_eq!(saved(&garage, &mut row).await, known);
        row.photo_mut().rename("lots/renamed.gif").await.unwrap();
        assert_eq!(saved(&garage, &mut row).await, known);
        let lots = garage.media().join("lots");
        std::fs::rename(lots.join("renamed.gif"), lots.join("moved.gif")).unwrap();
        row.photo_mut().set_name("lots/moved.gif").unwrap();
        assert_eq!(saved(&garage, &mut row).await, known);
        let content = &b"GIF89a\x08\x00\x09\x00\x00\x00\x00"[..];
        let meta = row.meta.clone();
        row.photo_mut().save("again.gif", content).await.unwrap();
        row.meta = meta;
        assert_eq!(saved(&garage, &mut row).await, known, "other bytes of the same size");
        // A name assigned by hand stays one.
        std::fs::write(lots.join("here.gif"), "another's").unwrap();
        row.photo = ImageField::stored("lots/there.gif");
        row.photo_mut().set_name("lots/here.gif").unwrap();
        assert_eq!(saved(&garage, &mut row).await, (None, None));
    })
    .await;
}

#[tokio::test]
async fn limits_and_offsets() {
    Garage::run::<Lot, _>(|garage| async move {
        for _ in 0..3 {
            Lot::default().save(&garage.db).await.unwrap();
        }
        let objects = || Lot::objects(&garage.db).order_by(Lot::columns().id.asc());
        assert_eq!(objects().offset(1).all().await.unwrap().len(), 2, "an offset without a limit");
        assert_eq!(objects().offset(1).count().await.unwrap(), 2);
        assert_eq!(objects().offset(u64::MAX).all().await.unwrap().len(), 0);
        assert_eq!(objects().limit(u64::MAX).all().await.unwrap().len(), 3);
        assert_eq!(
            objects()
                .offset(2)
                .into_select()
                .to_string(sea_query::SqliteQueryBuilder)
                .matches("LIMIT")
                .count(),
            1
        );
        assert!(!objects().limit(0).exists().await.unwrap());
        assert!(objects().limit(0).first().await.unwrap().is_none());
        assert_eq!(objects().offset(1).first().await.unwrap().unwrap().id, 2);
    })
    .await;
}

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "table")]
struct Odometer {
    #[model(primary_key, column = "where")]
    key: u64,
    #[model(column = "select")]
    r#type: u64,
    #[model(column = "group")]
    #[file(upload_to = "odo")]
    r#match: Option<FileField>,
    price: Decimal,
}

#[tokio::test]
async fn identifiers_are_quoted() {
    Garage::run::<Odometer, _>(|garage| async move {
        let mut row =
            Odometer { r#type: 7, r#match: Some(FileField::new("a.txt", "one")), ..Odometer::default() };
        row.save(&garage.db).await.unwrap();
        row.r#match = Some(FileField::new("b.txt", "two"));
        row.save(&garage.db).await.unwrap();
        let columns = Odometer::columns();
        let found = Odometer::objects(&garage.db).get(columns.r#match.eq("odo/b.txt")).await.unwrap();
        assert_eq!(found, row);
        garage.settle().await;
        assert_eq!(garage.files(), ["odo/b.txt"]);
        row.delete(&garage.db).await.unwrap();
        garage.settle().await;
        assert!(garage.files().is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_integer_that_sqlite_does_not_have_is_refused_or_found_nowhere() {
    Garage::run::<Odometer, _>(|garage| async move {
        let columns = Odometer::columns();
        let mut row = Odometer { r#type: u64::MAX, ..Odometer::default() };
        let error = row.save(&garage.db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Database);
        assert!(!error.is_uncertain(), "{error}");
        row.r#type = 7;
        row.save(&garage.db).await.unwrap();
        let objects = || Odometer::objects(&garage.db);
        assert!(!objects().filter(columns.r#type.eq(u64::MAX)).exists().await.unwrap());
        assert!(!objects().filter(columns.r#type.is_in([u64::MAX])).exists().await.unwrap());
        assert!(objects().filter(columns.r#type.lt(u64::MAX)).exists().await.unwrap());
        row.key = u64::MAX;
        assert_eq!(row.refresh(&garage.db).await.unwrap_err().kind(), ErrorKind::DoesNotExist);
        assert_eq!(row.save(&garage.db).await.unwrap_err().kind(), ErrorKind::Database);
        assert_eq!(row.delete(&garage.db).await.unwrap_err().kind(), ErrorKind::DoesNotExist);
    })
    .await;
}

#[tokio::test]
async fn an_unsuitable_value_is_refused_before_a_byte_moves() {
    Garage::run::<Odometer, _>(|garage| async move {
        let mut row = Odometer { r#type: u64::MAX, ..Odometer::default() };
        let content = filefield::content::Pending::new("a.txt", filefield::Content::reader(&b"once"[..]));
        row.r#match = Some(FileField::pending(content));
        assert_eq!(row.save(&garage.db).await.unwrap_err().model(), Some("Odometer"));
        row.r#type = 1;
        row.save(&garage.db).await.unwrap();
        assert_eq!(row.r#match().read().await.unwrap(), "once");
    })
    .await;
}

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "keys_only")]
struct Bare {
    #[model(primary_key)]
    id: i64,
}

#[tokio::test]
async fn a_model_without_other_columns() {
    Garage::run::<Bare, _>(|garage| async move {
        let (mut first, mut second, mut ninth) = (Bare::default(), Bare::default(), Bare { id: 9 });
        first.save(&garage.db).await.unwrap();
        second.save(&garage.db).await.unwrap();
        assert_eq!(ninth.save(&garage.db).await.unwrap_err().kind(), ErrorKind::DoesNotExist);
        ninth.insert(&garage.db).await.unwrap();
        ninth.save(&garage.db).await.unwrap();
        let ids: Vec<_> =
            Bare::objects(&garage.db).all().await.unwrap().into_iter().map(|row| row.id).collect();
        assert_eq!(ids, [1, 2, 9]);
        first.delete(&garage.db).await.unwrap();
        assert_eq!(Bare::objects(&garage.db).count().await.unwrap(), 2);
    })
    .await;
}

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "boxes")]
struct Boxed<T: Clone + Default + Send + Sync + 'static> {
    #[model(primary_key)]
    id: i64,
    #[file(upload_to = "boxes")]
    file: FileField,
    #[file(upload_to = "boxes", storage = nowhere)]
    unused: FileField,
    label: String,
    kind: Kind<T>,
}

fn nowhere() -> &'static str {
    "nowhere"
}

use kind::Kind;
mod kind {
    use filefield::db::{DbRow, Read, ReadError, Value};
    use sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr};

    #[derive(Debug, Clone, Default, PartialEq)]
    pub(super) struct Kind<T>(std::marker::PhantomData<T>);

    impl<T> From<Kind<T>> for Value {
        fn from(_: Kind<T>) -> Self {
            Value::Int(Some(1))
        }
    }
    impl<T> ValueType for Kind<T> {
        fn try_from(_: Value) -> Result<Self, ValueTypeErr> {
            Ok(Kind(std::marker::PhantomData))
        }
        fn type_name() -> String {
            "Kind".into()
        }
        fn array_type() -> ArrayType {
            ArrayType::Int
        }
        fn column_type() -> ColumnType {
            ColumnType::Integer
        }
    }
    impl<T> Nullable for Kind<T> {
        fn null() -> Value {
            Value::Int(None)
        }
    }
    impl<T> Read for Kind<T> {
        fn read_or_null(row: &DbRow, column: &str) -> Result<Option<Self>, ReadError> {
            Ok(i32::read_or_null(row, column)?.map(|_| Kind(std::marker::PhantomData)))
        }
    }
}

#[tokio::test]
async fn a_generic_model_is_saved_from_generic_code_on_another_thread() {
    async fn save<M: Table>(mut model: M, db: filefield::db::Db) -> M {
        filefield::registry::spawn(async move {
            model.save(&db).await.unwrap();
            model
        })
        .await
        .unwrap()
    }
    Garage::run::<Boxed<u8>, _>(|garage| async move {
        let row = Boxed::<u8> { file: FileField::new("a.txt", "x"), ..Boxed::default() };
        let row = save(row, garage.db.clone()).await;
        assert_eq!(row.file().name(), "boxes/a.txt");
        assert_eq!(Boxed::<u8>::objects(&garage.db).get(Boxed::<u8>::columns().id.eq(1)).await.unwrap(), row);
    })
    .await;
}

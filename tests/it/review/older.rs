//! Values that were read from a row and are assigned elsewhere, or assigned back.

use super::*;
use crate::databases::on_every_database;
use filefield::ErrorKind;
use filefield::db;
use filefield_tests::databases::{Database, Kind};

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "racers")]
struct Car {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    name: String,
    #[file(upload_to = "cars")]
    photo: FileField,
    #[file(upload_to = "manuals")]
    manual: Option<FileField>,
    #[file(upload_to = "kept", on_replace = "keep", on_delete = "keep")]
    kept: FileField,
}

fn car(name: &str) -> Car {
    Car { name: name.into(), photo: FileField::new(format!("{name}.txt"), name.to_owned()), ..Car::default() }
}

async fn row(garage: &Garage, id: i64) -> Car {
    Car::objects(&garage.db).get(Car::columns().id.eq(id)).await.unwrap()
}

/// Saves `car` and sweeps. The row equals the instance, and every file that it names exists.
async fn saved(garage: &Garage, car: &mut Car) {
    car.save(&garage.db).await.unwrap();
    db::sweep(&garage.db).await.unwrap();
    let row = row(garage, car.id).await;
    assert_eq!(&row, car);
    let named = [Some(&row.photo), row.manual.as_ref(), Some(&row.kept)];
    for name in named.into_iter().flatten().filter_map(|file| file.name()) {
        assert!(garage.files().iter().any(|file| file == name), "{name}");
    }
}

#[tokio::test]
async fn a_file_that_moves_to_another_field_of_its_row_is_written_and_kept() {
    Garage::run::<Car, _>(|garage| async move {
        saved(&garage, &mut car("a")).await;
        let mut car = row(&garage, 1).await;
        car.manual = Some(car.photo.clone());
        car.photo = FileField::new("new.txt", "new");
        saved(&garage, &mut car).await;
        assert_eq!(car.manual.as_ref().and_then(|file| file.name()), Some("cars/a.txt"));

        let mut car = row(&garage, 1).await;
        let photo = car.manual.replace(car.photo.clone()).unwrap();
        car.photo = photo;
        saved(&garage, &mut car).await;
        assert_eq!(car.photo().name(), "cars/a.txt", "swapped");

        let mut car = row(&garage, 1).await;
        let photo = car.photo.clone();
        car.photo_mut().clear();
        car.manual_mut().assign(photo);
        saved(&garage, &mut car).await;
        garage.settle().await;
        assert_eq!(garage.files(), ["cars/a.txt"]);
    })
    .await;
}

#[tokio::test]
async fn an_earlier_value_that_is_assigned_is_written() {
    Garage::run::<Car, _>(|garage| async move {
        let mut car = Car { kept: FileField::new("one.txt", "1"), ..car("a") };
        saved(&garage, &mut car).await;
        let (mut stale, one) = (car.clone(), car.kept.clone());
        car.kept_mut().assign(FileField::new("two.txt", "2"));
        saved(&garage, &mut car).await;
        car.kept_mut().assign(one);
        saved(&garage, &mut car).await;
        assert_eq!(car.kept().name(), "kept/one.txt");
        // The same for an empty value.
        let mut none = Car { photo: FileField::empty(), ..self::car("b") };
        saved(&garage, &mut none).await;
        let nothing = none.photo.clone();
        none.photo_mut().assign(FileField::new("b.txt", "b"));
        saved(&garage, &mut none).await;
        let mut other = row(&garage, none.id).await;
        other.photo_mut().assign(nothing);
        saved(&garage, &mut other).await;
        assert!(other.photo.is_empty());

        // The companion alone is stale.
        car.kept_mut().assign(FileField::new("three.txt", "3"));
        saved(&garage, &mut car).await;
        stale.name = "stale".into();
        saved(&garage, &mut stale).await;
        assert_eq!(stale.kept().name(), "kept/three.txt");
    })
    .await;
}

/// An instance whose row was rolled back. On SQLite the key was given to another row.
async fn rolled_back(garage: &Garage) -> Car {
    let mut car = car("a");
    car.stage(&garage.db).await.unwrap();
    let tx = garage.db.begin().await.unwrap();
    car.save(&tx).await.unwrap();
    car.name = "again".into();
    car.save(&tx).await.unwrap();
    assert_eq!(Car::objects(&tx).get(Car::columns().id.eq(car.id)).await.unwrap(), car, "saved twice");
    tx.rollback().await.unwrap();
    car
}

on_every_database!(Car:
    what_was_rolled_back_is_saved_as_a_row_of_its_own,
    stale_saves_keep_what_others_have_added,
);

async fn what_was_rolled_back_is_saved_as_a_row_of_its_own(garage: Arc<Garage>) {
    let mut one = rolled_back(&garage).await;
    let mut clone = one.clone();
    let mut two = car("b");
    saved(&garage, &mut two).await;
    // Once more in a transaction, as a closure that is retried does, and then for good.
    let tx = garage.db.begin().await.unwrap();
    one.save(&tx).await.unwrap();
    tx.rollback().await.unwrap();
    saved(&garage, &mut one).await;
    saved(&garage, &mut two).await;
    assert_ne!(one.id, two.id);
    one.name = "c".into();
    saved(&garage, &mut one).await;
    garage.settle().await;
    assert_eq!(garage.files(), ["cars/a.txt", "cars/b.txt"]);
    // If the key was not reused, a clone still refers to the same row.
    let result = clone.save(&garage.db).await.map_err(|error| error.kind());
    assert_eq!(result, if one.id == clone.id { Ok(()) } else { Err(ErrorKind::StagedExpired) });
    assert_eq!(row(&garage, two.id).await, two);
    assert_eq!(Car::objects(&garage.db).count().await.unwrap(), 2);
}

#[tokio::test]
async fn a_row_that_may_be_another_is_not_overwritten() {
    Garage::run::<Car, _>(|garage| async move {
        let mut one = rolled_back(&garage).await;
        let mut two = car("b");
        saved(&garage, &mut two).await;
        one.photo_mut().assign(FileField::new("new.txt", "new"));
        let error = one.save(&garage.db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DoesNotExist, "{error}");
        assert!(error.to_string().contains("set the key to 0"), "{error}");
        saved(&garage, &mut two).await;
        one.id = 0;
        saved(&garage, &mut one).await;

        // A committed row is found again, also with another file.
        let mut three = car("c");
        three.stage(&garage.db).await.unwrap();
        let tx = garage.db.begin().await.unwrap();
        three.save(&tx).await.unwrap();
        tx.commit().await.unwrap();
        three.photo_mut().assign(FileField::new("d.txt", "d"));
        saved(&garage, &mut three).await;
        assert_eq!(Car::objects(&garage.db).count().await.unwrap(), 3);
    })
    .await;
}

async fn stale_saves_keep_what_others_have_added(garage: Arc<Garage>) {
    saved(&garage, &mut Car { photo: FileField::empty(), ..car("a") }).await;
    let mut made = Car { photo: FileField::empty(), ..car("b") };
    let mut named = Car { photo: FileField::stored("cars/there.txt"), ..car("c") };
    let mut keyed = Car { id: 70, photo: FileField::empty(), ..car("d") };
    std::fs::create_dir_all(garage.media().join("cars")).unwrap();
    std::fs::write(garage.media().join("cars/there.txt"), "there").unwrap();
    let tx = garage.db.begin().await.unwrap();
    for car in [&mut made, &mut named] {
        car.save(&tx).await.unwrap();
    }
    keyed.insert(&tx).await.unwrap();
    tx.commit().await.unwrap();
    let mut read = row(&garage, 1).await;
    for stale in [&mut read, &mut made, &mut named, &mut keyed] {
        let mut other = row(&garage, stale.id).await;
        other.photo = FileField::new("p.txt", "p");
        other.manual = Some(FileField::new("m.txt", "m"));
        saved(&garage, &mut other).await;
        stale.name += "!";
        if stale.id == 1 {
            stale.photo_mut().assign(FileField::new("mine.txt", "mine"));
        }
        saved(&garage, stale).await;
        assert!(stale.manual == other.manual && (stale.id == 1 || stale.photo == other.photo), "{stale:?}");

        // What is emptied on purpose is emptied.
        stale.manual = None;
        saved(&garage, stale).await;
        stale.manual = Some(FileField::new("n.txt", "n"));
        stale.stage(&garage.db).await.unwrap();
        let tx = garage.db.begin().await.unwrap();
        stale.save(&tx).await.unwrap();
        tx.commit().await.unwrap();
        stale.manual = None;
        saved(&garage, stale).await;
        assert_eq!(row(&garage, stale.id).await.manual, None);
    }
}

#[tokio::test]
async fn a_row_is_copied_into_another_database_with_its_files_assigned() {
    Garage::run::<Car, _>(|garage| async move {
        saved(&garage, &mut car("a")).await;
        let database = Database::fresh(Kind::Sqlite).unwrap();
        let other = db::connect(database.url()).await.unwrap();
        db::migrate::<Car>(&other).await.unwrap();
        let mut copy = row(&garage, 1).await;
        let error = copy.save(&other).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DoesNotExist);
        assert!(error.to_string().contains("or the instance was read from another database"), "{error}");
        car("there").save(&other).await.unwrap();
        let photo = copy.photo.clone();
        copy.photo_mut().assign(photo);
        copy.save(&other).await.unwrap();
        assert_eq!(Car::objects(&other).get(Car::columns().name.eq("a")).await.unwrap().photo, copy.photo);
    })
    .await;
}

#[tokio::test]
async fn a_row_whose_key_is_0_is_that_row() {
    Garage::run::<Car, _>(|garage| async move {
        garage.execute("INSERT INTO racers (id, name, photo, kept) VALUES (0, 'zero', '', '')").await;
        let mut zero = row(&garage, 0).await;
        zero.name = "renamed".into();
        zero.photo = FileField::new("zero.txt", "0");
        saved(&garage, &mut zero).await;
        zero.manual = Some(FileField::new("manual.txt", "m"));
        saved(&garage, &mut zero).await;
        assert_eq!((zero.id, Car::objects(&garage.db).count().await.unwrap()), (0, 1));
        let mut one = car("one");
        saved(&garage, &mut one).await;
        let mut copy = Car { id: 0, name: "copy".into(), ..one };
        copy.save(&garage.db).await.unwrap();
        assert_eq!(copy.id, 2);
    })
    .await;
}

//! The same tests on every kind of database, with and without triggers.

use super::*;
use filefield::ErrorKind;
use filefield_tests::databases::{Database, Kind};
use filefield_tests::isolated::NONE;

/// Runs `test` on a database of this kind, in a separate process.
fn on<F: Future<Output = ()>>(kind: Kind, name: &str, test: impl FnOnce(Arc<Yard>) -> F) {
    let name = format!("moving::servers::{name}");
    let run = || block_on(async { test(Arc::new(Yard::new().await)).await });
    if std::env::var_os(DATABASE).is_some() {
        return isolated(&name, NONE, run);
    }
    match Database::fresh(kind) {
        Ok(database) => isolated(&name, &[(DATABASE, database.url())], run),
        Err(missing) => missing.report(),
    }
}

macro_rules! on_every_database {
    ($($name:ident)*) => {$(
        mod $name {
            use super::*;
            #[test]
            fn sqlite() {
                on(Kind::Sqlite, concat!("each::", stringify!($name), "::sqlite"), super::super::$name);
            }
            #[test]
            fn postgres() {
                on(Kind::Postgres, concat!("each::", stringify!($name), "::postgres"), super::super::$name);
            }
            #[test]
            fn mariadb() {
                on(Kind::MariaDb, concat!("each::", stringify!($name), "::mariadb"), super::super::$name);
            }
        }
    )*};
}

mod each {
    use super::*;
    on_every_database! { moves_while_others_write moves_with_triggers }
}

async fn moves_while_others_write(yard: Arc<Yard>) {
    let cars = yard.park(24).await;
    let moving = tokio::spawn(yard.to_photos().concurrency(3).batch(5).run());
    let twin = tokio::spawn(yard.to_photos().concurrency(2).run());
    let others: Vec<_> = cars
        .into_iter()
        .filter(|car| car.id % 3 != 0)
        .map(|mut car| {
            let yard = yard.clone();
            tokio::spawn(async move {
                if car.id % 3 == 1 {
                    return car.delete(&yard.db).await.unwrap();
                }
                let photo = FileField::new("car.txt", car.name.clone());
                car.photo_mut().assign(photo);
                car.save(&yard.db).await.unwrap();
            })
        })
        .collect();
    for other in others {
        other.await.unwrap();
    }
    for mover in [moving, twin] {
        let report = mover.await.unwrap().unwrap();
        assert!(report.is_complete(), "{report}");
    }
    assert_eq!(yard.all_well().await.len(), 16);
    assert_eq!(yard.moved().await.overtaken, 0);
    assert!(yard.all_well().await.iter().all(|car| car.photo_meta.storage.as_deref() == Some("photos")));
    yard.agree().await;
    assert!(yard.files(&yard.disk()).await.is_empty());
    // Facts that are learned for rows without any, and metadata without a storage, in the SQL of each
    // database.
    yard.execute("UPDATE cars SET about_photo = '{}'").await;
    let stale = yard.cars().await.remove(0);
    assert_eq!(stale.photo().storage().unwrap().alias(), "disk");
}

/// Triggers see where a row records its file.
async fn moves_with_triggers(yard: Arc<Yard>) {
    let backend = yard.db.dialect();
    for statement in db::trigger_sql::<Car>(backend).unwrap() {
        yard.execute(&statement).await;
    }
    let cars = yard.park(6).await;
    yard.photos().save(name(cars[0].photo().name()), "taken".into(), &Default::default()).await.unwrap();
    let error = yard.to_photos().keep_source().run().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    let report = yard.to_photos().grace(Duration::from_secs(1000)).run().await.unwrap();
    assert!(report.is_complete(), "{report}");
    assert_eq!((report.moved, report.renamed), (6, 1), "{report}");
    yard.photos().delete(name(cars[0].photo().name())).await.unwrap();
    db::sweep(&yard.db).await.unwrap();
    assert_eq!(yard.files(&yard.disk()).await.len(), 6, "the grace is the move's");
    yard.sweep().await;
    assert!(yard.files(&yard.disk()).await.is_empty());
    assert_eq!(yard.all_well().await.len(), 6);
    // Plain SQL releases files in the recorded storage.
    yard.execute(&format!("DELETE FROM cars WHERE id = {}", cars[0].id)).await;
    yard.execute(&format!("UPDATE cars SET photo = '' WHERE id = {}", cars[1].id)).await;
    let refused =
        format!("UPDATE cars SET about_photo = '{{\"storage\":\"disk\"}}' WHERE id = {}", cars[2].id);
    assert!(yard.db.run(&refused).await.is_err(), "no file was staged there");
    // And so do saves.
    let mut replaced = yard.car(cars[3].id).await;
    replaced.photo_mut().assign(FileField::new("car.txt", "car 3"));
    replaced.save(&yard.db).await.unwrap();
    yard.car(cars[4].id).await.delete(&yard.db).await.unwrap();
    yard.execute(&format!("DELETE FROM cars WHERE id = {}", cars[1].id)).await;
    yard.agree().await;
    assert_eq!(yard.all_well().await.len(), 3);
    assert_eq!(yard.files(&yard.disk()).await.len(), 1);
    assert_eq!(yard.files(&yard.photos()).await.len(), 2);
    // Back again.
    let back = storage_move::<Car>(&yard.db, "photo", "photos", "disk").run().await.unwrap();
    assert_eq!((back.moved, back.failed), (2, 0), "{back}");
    yard.agree().await;
    assert!(yard.files(&yard.photos()).await.is_empty());
}

//! Which row a save writes, and which columns: loaded instances update, new ones insert, and columns can be
//! selected.

use super::{garage, on_every_database};
use crate::support::Garage;
use filefield::ErrorKind;
use filefield::db::{AnyColumn, Table, Uuid};
use filefield::prelude::*;
use filefield_tests::databases::Kind;
use std::sync::Arc;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "trams")]
struct Tram {
    #[model(primary_key)]
    id: i64,
    name: String,
    line: i64,
    #[file(upload_to = "trams", meta_field = meta)]
    photo: FileField,
    meta: FileMeta,
    #[file(upload_to = "plans/%Y")]
    plan: Option<FileField>,
}

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "stops")]
struct Stop {
    #[model(primary_key)]
    key: Uuid,
    name: String,
    #[file(upload_to = "stops")]
    photo: FileField,
}

fn tram(name: &str) -> Tram {
    Tram { name: name.into(), photo: FileField::new("tram.txt", name.to_owned()), ..Tram::default() }
}

async fn by_name(garage: &Garage) -> Tram {
    Tram::objects(&garage.db).get(Tram::columns().id.gt(0)).await.unwrap()
}

async fn nothing_left(garage: &Garage) {
    garage.execute("UPDATE filefield_journal SET due_at = 0").await;
    garage.settle().await;
    assert_eq!((Tram::objects(&garage.db).count().await.unwrap(), garage.files()), (0, vec![]));
}

/// Changes that a handler may make to an instance before it saves it.
const CHANGES: [fn(&mut Tram); 5] = [
    |_| {},
    |tram| tram.name = "new".into(),
    |tram| tram.photo = FileField::new("new.txt", "new"),
    |tram| {
        tram.photo = FileField::new("new.txt", "new");
        tram.plan = Some(FileField::new("plan.txt", "new"));
    },
    |tram| tram.photo_mut().clear(),
];

on_every_database! {
    async fn a_row_that_others_have_deleted_does_not_come_back(database: Database) {
        garage::<Tram, _>(database, async |garage: Arc<Garage>| {
            for is_loaded in [true, false] {
                for (index, change) in CHANGES.iter().enumerate() {
                    let mut one = tram("one");
                    one.save(&garage.db).await.unwrap();
                    if is_loaded {
                        one = by_name(&garage).await;
                    }
                    one.clone().delete(&garage.db).await.unwrap();
                    change(&mut one);
                    let error = one.save(&garage.db).await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::DoesNotExist, "{index}: {error}");
                    drop(one);
                    nothing_left(&garage).await;
                }
            }
        })
        .await;
    }

    async fn of_a_save_and_a_delete_at_once_the_delete_lasts(database: Database) {
        garage::<Tram, _>(database, async |garage: Arc<Garage>| {
            for round in 0..20 {
                tram("one").save(&garage.db).await.unwrap();
                let (mut one, other) = (by_name(&garage).await, by_name(&garage).await);
                CHANGES[round % CHANGES.len()](&mut one);
                let (saved, deleted) = tokio::join!(one.save(&garage.db), other.delete(&garage.db));
                deleted.unwrap();
                if let Err(error) = saved {
                    assert_eq!(error.kind(), ErrorKind::DoesNotExist, "{error}");
                }
                drop(one);
                nothing_left(&garage).await;
            }
        })
        .await;
    }

    async fn insert_update_and_upsert_say_what_they_mean(database: Database) {
        garage::<Tram, _>(database, async |garage: Arc<Garage>| {
            let mut seven = Tram { id: 7, ..tram("seven") };
            assert_eq!(seven.update(&garage.db).await.unwrap_err().kind(), ErrorKind::DoesNotExist);
            assert_eq!(seven.save(&garage.db).await.unwrap_err().kind(), ErrorKind::DoesNotExist);
            assert_eq!(garage.files().len(), 0);
            seven.insert(&garage.db).await.unwrap();
            assert_eq!((seven.id, seven.photo().read().await.unwrap()), (7, "seven".into()));

            let mut twin = Tram { id: 7, ..tram("twin") };
            assert_eq!(twin.insert(&garage.db).await.unwrap_err().kind(), ErrorKind::UniqueViolation);
            twin.upsert(&garage.db).await.unwrap();
            garage.settle().await;
            assert_eq!((by_name(&garage).await.name, garage.files().len()), ("twin".into(), 1));
            twin.name = "again".into();
            twin.update(&garage.db).await.unwrap();
            let mut eight = Tram { id: 8, ..tram("eight") };
            eight.upsert(&garage.db).await.unwrap();
            assert_eq!(Tram::objects(&garage.db).count().await.unwrap(), 2);

            let mut none = tram("none");
            assert_eq!(none.update(&garage.db).await.unwrap_err().kind(), ErrorKind::Usage);
            none.insert(&garage.db).await.unwrap();
            assert_eq!(none.insert(&garage.db).await.unwrap_err().kind(), ErrorKind::UniqueViolation);
        })
        .await;
    }

    async fn a_key_that_the_program_makes_is_new_until_it_was_saved(database: Database) {
        garage::<Stop, _>(database, async |garage: Arc<Garage>| {
            let new = |name: &str| Stop {
                key: Uuid::from_u128(7),
                name: name.into(),
                photo: FileField::new("stop.txt", name.to_owned()),
            };
            let mut one = new("one");
            one.save(&garage.db).await.unwrap();
            one.clone().delete(&garage.db).await.unwrap();
            one.photo_mut().assign(FileField::new("stop.txt", "again"));
            assert_eq!(one.save(&garage.db).await.unwrap_err().kind(), ErrorKind::DoesNotExist);
            assert_eq!(new("two").update(&garage.db).await.unwrap_err().kind(), ErrorKind::DoesNotExist);
            new("two").save(&garage.db).await.unwrap();
            new("three").save(&garage.db).await.unwrap();
            assert_eq!(new("four").insert(&garage.db).await.unwrap_err().kind(), ErrorKind::UniqueViolation);
            let only = Stop::objects(&garage.db).get(Stop::columns().name.eq("three")).await.unwrap();
            assert_eq!(only.photo().read().await.unwrap(), "three");
        })
        .await;
    }

    async fn two_saves_of_other_fields_keep_each_others_values(database: Database) {
        garage::<Tram, _>(database, async |garage: Arc<Garage>| {
            let columns = Tram::columns();
            tram("one").save(&garage.db).await.unwrap();
            for round in 1..10 {
                let (mut one, mut two) = (by_name(&garage).await, by_name(&garage).await);
                let before = (one.name.clone(), two.line);
                one.line = round;
                one.name = "not saved".into();
                one.photo = FileField::new("one.txt", format!("photo {round}"));
                two.name = format!("name {round}");
                two.line = -1;
                two.plan = Some(FileField::new("two.txt", format!("plan {round}")));
                let ones: [&dyn AnyColumn<Tram>; 2] = [&columns.line, &columns.photo];
                let twos: [&dyn AnyColumn<Tram>; 2] = [&columns.name, &columns.plan];
                let (first, second) =
                    tokio::join!(one.save_fields(&garage.db, &ones), two.save_fields(&garage.db, &twos));
                first.unwrap();
                second.unwrap();
                let now = by_name(&garage).await;
                assert_eq!((now.name.as_str(), now.line), (format!("name {round}").as_str(), round));
                assert_ne!(before, (now.name.clone(), now.line));
                assert_eq!(now.photo().read().await.unwrap(), format!("photo {round}"));
                assert_eq!(now.plan().read().await.unwrap(), format!("plan {round}"));
                assert_eq!(now.meta.size, Some(7), "what stands beside a file goes with it");
                // Nothing else in the instance has changed.
                assert_eq!((one.name.as_str(), two.line), ("not saved", -1));
                garage.settle().await;
                assert_eq!(garage.files().len(), 2);
            }
        })
        .await;
    }

    async fn fields_that_are_not_named_stay_unsaved(database: Database) {
        garage::<Tram, _>(database, async |garage: Arc<Garage>| {
            let columns = Tram::columns();
            let mut one = tram("one");
            let error = one.save_fields(&garage.db, &[&columns.name]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            one.save(&garage.db).await.unwrap();

            one.photo = FileField::new("later.txt", "later");
            one.name = "two".into();
            one.save_fields(&garage.db, &[&columns.name]).await.unwrap();
            assert!(one.photo.is_pending());
            let now = by_name(&garage).await;
            assert_eq!((now.name.as_str(), now.photo().read().await.unwrap()), ("two", "one".into()));
            one.save(&garage.db).await.unwrap();
            assert_eq!(by_name(&garage).await.photo().read().await.unwrap(), "later");

            // A file that somebody else has saved in between is kept and becomes visible.
            let mut stale = by_name(&garage).await;
            one.plan = Some(FileField::new("plan.txt", "plan"));
            one.save_fields(&garage.db, &[&columns.plan]).await.unwrap();
            one.plan = None;
            one.save_fields(&garage.db, &[&columns.line]).await.unwrap();
            assert!(by_name(&garage).await.plan.is_some());
            stale.name = "stale".into();
            stale.save_fields(&garage.db, &[&columns.name, &columns.photo]).await.unwrap();
            assert_eq!(stale.plan, None);
            one.save_fields(&garage.db, &[&columns.plan]).await.unwrap();
            let now = by_name(&garage).await;
            assert_eq!((now.name.as_str(), now.plan), ("stale", None));

            now_gone(&garage, stale).await;
        })
        .await;
    }

    async fn a_name_that_nobody_staged_is_looked_for(database: Database) {
        garage::<Tram, _>(database, async |garage: Arc<Garage>| {
            let mut one = tram("one");
            one.plan = Some(FileField::new("plan.txt", "plan"));
            one.save(&garage.db).await.unwrap();
            let plan = one.plan.as_ref().unwrap().name().unwrap().to_owned();
            let refused = async |name: &str, kind| {
                for is_new in [true, false] {
                    let mut two = if is_new { Tram::default() } else { by_name(&garage).await };
                    two.photo = FileField::stored(name);
                    let error = two.save(&garage.db).await.unwrap_err();
                    assert_eq!((error.kind(), error.name()), (kind, Some(name)), "{error}");
                    assert!(error.to_string().contains("stored_unchecked") && !error.is_retryable(), "{error}");
                }
                assert_eq!(Tram::objects(&garage.db).count().await.unwrap(), 1);
            };
            refused("trams/absent.txt", ErrorKind::NotFound).await;
            // A file of another field, a folder with the same prefix, and no folder at all.
            std::fs::create_dir_all(garage.media().join("trams2")).unwrap();
            std::fs::write(garage.media().join("trams2/a.txt"), "secret").unwrap();
            std::fs::write(garage.media().join("trams"), "").unwrap_err();
            for name in [plan.as_str(), "trams2/a.txt", "trams", "a.txt", "Trams/tram.txt"] {
                refused(name, ErrorKind::InvalidName).await;
            }
            // An existing file, a row's own name as text, and a name that is explicitly trusted.
            std::fs::write(garage.media().join("trams/there.txt"), "there").unwrap();
            for (photo, name) in [
                (FileField::stored("trams/there.txt"), "trams/there.txt"),
                (FileField::stored("trams/there.txt"), "trams/there.txt"),
                (FileField::stored_unchecked("elsewhere/absent.txt"), "elsewhere/absent.txt"),
                (FileField::stored("elsewhere/absent.txt"), "elsewhere/absent.txt"),
            ] {
                let mut one = by_name(&garage).await;
                one.photo_mut().assign(photo);
                one.save(&garage.db).await.unwrap();
                assert_eq!(by_name(&garage).await.photo.name(), Some(name));
            }
            // A name from a row may go into another row, if the file exists.
            let mut other = Tram::default();
            let mut one = by_name(&garage).await;
            other.photo = one.plan.clone().unwrap();
            other.save(&garage.db).await.unwrap();
            one.name = "nothing of that is asked of a row as it is".into();
            one.save(&garage.db).await.unwrap();
        })
        .await;
    }

    async fn a_row_that_cannot_be_read_is_named_and_hides_no_other(database: Database) {
        garage::<Tram, _>(database, async |garage: Arc<Garage>| {
            for name in ["one", "two", "three"] {
                tram(name).save(&garage.db).await.unwrap();
            }
            let bad = Tram::objects(&garage.db).get(Tram::columns().name.eq("two")).await.unwrap();
            let json = r#"{"size": "hunter2"}"#;
            garage.execute(&format!("UPDATE trams SET meta = '{json}' WHERE name = 'two'")).await;
            let named = format!("column `trams.meta` of the row {}", bad.id);
            let error = Tram::objects(&garage.db).all().await.unwrap_err();
            assert_eq!((error.kind(), error.model(), error.field()), (ErrorKind::Database, Some("Tram"), Some("meta")));
            assert!(error.to_string().contains(&named) && !format!("{error:?}").contains("hunter2"), "{error:?}");
            let rows = Tram::objects(&garage.db).order_by(Tram::columns().id.asc()).all_results().await.unwrap();
            let names: Vec<_> = rows.iter().map(|row| row.as_ref().ok().map(|row| row.name.as_str())).collect();
            assert_eq!(names, [Some("one"), None, Some("three")]);
            assert!(Tram::objects(&garage.db).filter(Tram::columns().name.eq("two")).exists().await.unwrap());
            let error = bad.clone().refresh(&garage.db).await.unwrap_err();
            assert!(error.to_string().contains(&named), "{error}");
            if garage.kind() != Kind::Postgres {
                garage.execute("UPDATE trams SET line = 9 WHERE name = 'two'").await;
            }
            // It can be repaired, and deleted.
            bad.delete(&garage.db).await.unwrap();
            assert_eq!(Tram::objects(&garage.db).all().await.unwrap().len(), 2);
        })
        .await;
    }
}

async fn now_gone(garage: &Garage, mut stale: Tram) {
    by_name(garage).await.delete(&garage.db).await.unwrap();
    let error = stale.save_fields(&garage.db, &[&Tram::columns().name]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DoesNotExist);
    drop(stale);
    nothing_left(garage).await;
}

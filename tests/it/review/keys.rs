//! Keys that the program sets.

use super::*;
use filefield::ErrorKind;
use filefield::db::Uuid;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "people")]
struct Person {
    #[model(primary_key)]
    id: Uuid,
    name: String,
    #[file(upload_to = "people")]
    photo: FileField,
}

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "labels")]
struct Label {
    #[model(primary_key)]
    slug: String,
    #[file(upload_to = "labels")]
    icon: FileField,
}

/// Every call that writes a row refuses `plain`, whose key is not set, and refuses `pending` before any byte
/// is stored.
async fn refused<M: Table>(garage: &Garage, field: &str, plain: M, pending: M) {
    let check = |result: filefield::Result<()>| {
        let error = result.unwrap_err();
        let at = (error.kind(), error.model(), error.field());
        assert_eq!(at, (ErrorKind::Usage, Some(M::MODEL), Some(field)), "{error}");
        assert!(error.to_string().contains(&format!("set `{field}` before saving")), "{error}");
    };
    check(pending.clone().save(&garage.db).await);
    check(pending.clone().stage(&garage.db).await);
    check(plain.clone().save(&garage.db).await);
    let tx = garage.db.begin().await.unwrap();
    check(plain.clone().save(&tx).await);
    check(plain.attach(&tx).await);
    tx.commit().await.unwrap();
    assert_eq!(M::objects(&garage.db).count().await.unwrap(), 0);
    assert_eq!((garage.journal().await, garage.files().len()), (0, 0));
}

#[tokio::test]
async fn a_forgotten_uuid_is_an_error_and_replaces_no_row() {
    Garage::run::<Person, _>(|garage| async move {
        let person = |name: &str| Person {
            name: name.into(),
            photo: FileField::new("a.txt", "x"),
            ..Person::default()
        };
        refused(&garage, "id", Person::default(), person("Alice")).await;
        for (id, name) in [(1, "Alice"), (2, "Bob")] {
            Person { id: Uuid::from_u128(id), ..person(name) }.save(&garage.db).await.unwrap();
        }
        garage.settle().await;
        assert_eq!((Person::objects(&garage.db).count().await.unwrap(), garage.files().len()), (2, 2));
    })
    .await;
}

#[tokio::test]
async fn a_forgotten_text_is_an_error_and_replaces_no_row() {
    Garage::run::<Label, _>(|garage| async move {
        let label = |slug: &str| Label { slug: slug.into(), icon: FileField::new("a.txt", "x") };
        refused(&garage, "slug", Label::default(), label("")).await;
        label("fragile").save(&garage.db).await.unwrap();
    })
    .await;
}

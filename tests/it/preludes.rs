//! The prelude with those of other libraries. A name that two glob imports bring is an error where it is
//! used.

/// The names of diesel 2.3's prelude, with and without a backend. Traits that are imported only for their
/// methods are left out.
#[allow(unused, missing_docs)]
mod diesel_names {
    macro_rules! traits {
        ($($name:ident)*) => {$(pub(crate) trait $name {})*};
    }
    traits! {
        AppearsOnTable AsChangeset Associations BelongingToDsl BoolExpressionMethods BoxableExpression Column CombineDsl
        Connection DecoratableTarget EscapeExpressionMethods Expression ExpressionMethods GroupedBy Identifiable
        Insertable IntoSql JoinOnDsl JoinTo MultiConnection NullableExpressionMethods OptionalEmptyChangesetExtension
        OptionalExtension PgExpressionMethods PreferredBoolSqlType QueryDsl QuerySource Queryable QueryableByName
        QueryId RunQueryDsl SaveChangesDsl Selectable SelectableExpression SelectableHelper SqliteExpressionMethods Table
        TextExpressionMethods ValidGrouping HasQuery ExecuteCopyFromDsl
    }
    pub(crate) struct ConnectionError;
    pub(crate) struct ConnectionResult;
    pub(crate) struct QueryResult;
    pub(crate) struct SqliteConnection;
    pub(crate) struct PgConnection;
    pub(crate) struct MysqlConnection;
    macro_rules! table {
        () => {};
    }
    pub(crate) use table;
}

/// Uses every name of the prelude, and the methods of its traits.
macro_rules! uses_every_name {
    ($table:literal) => {
        #[derive(Debug, Clone, Default, Model)]
        #[model(table = $table)]
        struct Car {
            #[model(primary_key)]
            id: i64,
            price: Decimal,
            #[file(upload_to = "cars", storage = media)]
            photo: ImageField,
            #[file(upload_to = "manuals", storage = media, meta_field = manual_meta)]
            manual: Option<FileField>,
            manual_meta: FileMeta,
        }

        fn media() -> filefield::storage::MemoryStorage {
            let _: bool = settings().debug();
            filefield::storage::MemoryStorage::new()
        }

        fn is_model<M: FileModel>() {}

        fn is_made_a_storage<S: IntoStorage>(_: fn() -> S) {}

        #[tokio::test]
        async fn every_name_and_method_is_unambiguous() {
            let settings: Settings = Settings::builder().build().unwrap();
            let _ = App::builder().settings(settings);
            is_model::<Car>();
            is_made_a_storage(media);
            let storage: std::sync::Arc<dyn Storage> =
                std::sync::Arc::new(filefield::storage::MemoryStorage::new());
            assert_eq!(storage.kind(), "memory");
            let db = filefield::db::connect("sqlite::memory:").await.unwrap();
            filefield::db::migrate::<Car>(&db).await.unwrap();
            let mut car = Car { photo: ImageField::empty(), manual: None::<FileField>, ..Car::default() };
            car.save(&db).await.unwrap();
            assert!(Car::objects(&db).filter(Car::columns().id.eq(car.id)).exists().await.unwrap());
            car.refresh(&db).await.unwrap();
            car.delete(&db).await.unwrap();
        }
    };
}

mod with_diesel {
    use super::diesel_names::*;
    use filefield::prelude::*;

    uses_every_name!("preludes_diesel");

    /// The name is diesel's.
    #[allow(dead_code)]
    fn of_diesel<T: Table + Column + QueryResultOf>() {}
    #[allow(dead_code)]
    trait QueryResultOf {}
}

mod with_sqlx {
    #[allow(unused_imports)]
    use filefield::prelude::*;
    #[allow(unused_imports)]
    use sqlx::prelude::*;

    uses_every_name!("preludes_sqlx");
}

mod with_all_of_sqlx {
    use filefield::prelude::*;
    #[allow(unused_imports)]
    use sqlx::*;

    uses_every_name!("preludes_all_of_sqlx");
}

mod with_all_of_sea_query {
    use filefield::prelude::*;
    #[allow(unused_imports)]
    use sea_query::*;

    uses_every_name!("preludes_all_of_sea_query");
}

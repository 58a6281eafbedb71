//! Tests that hold on every kind of database, with real servers.

mod columns;
mod cost;
mod errors;
mod names;
mod retries;
mod rows;
mod schema;
mod servers;
mod together;
mod transactions;
mod triggers;

use crate::support::Garage;
use filefield::db::Table;
use filefield_tests::databases::{Database, Kind};
use std::sync::Arc;

/// Runs `test` on a fresh database of each kind that this machine has, one test per kind. With the name of a
/// model first, the functions receive a [`Garage`] with its table.
macro_rules! on_every_database {
    ($($(#[$attribute:meta])* async fn $name:ident($database:ident: Database) $body:block)*) => {$(
        pub(super) mod $name {
            use super::*;
            $(#[$attribute])*
            pub(crate) async fn body($database: filefield_tests::databases::Database) $body
            #[tokio::test]
            async fn sqlite() {
                crate::databases::fresh(filefield_tests::databases::Kind::Sqlite, body).await;
            }
            #[tokio::test]
            async fn postgres() {
                crate::databases::fresh(filefield_tests::databases::Kind::Postgres, body).await;
            }
            #[tokio::test]
            async fn mariadb() {
                crate::databases::fresh(filefield_tests::databases::Kind::MariaDb, body).await;
            }
        }
    )*};
    ($model:ident: $($body:ident),+ $(,)?) => {
        $crate::databases::on_every_database! {$(
            async fn $body(database: Database) {
                $crate::databases::garage::<$model, _>(database, super::$body).await;
            }
        )+}
    };
}
pub(crate) use on_every_database;

pub(crate) async fn fresh<F: Future<Output = ()>>(kind: Kind, test: impl FnOnce(Database) -> F) {
    match Database::fresh(kind) {
        Ok(database) => test(database).await,
        Err(missing) => missing.report(),
    }
}

/// Runs `test` in a garage on `database`.
pub(crate) async fn garage<M: Table, F: Future<Output = ()>>(
    database: Database,
    test: impl FnOnce(Arc<Garage>) -> F,
) {
    let folder = tempfile::tempdir().unwrap();
    Garage::run_at::<M, _>(folder.path(), database.url(), async |garage: Arc<Garage>| {
        if triggers::are_wanted() {
            triggers::install::<M>(&garage).await;
        }
        test(garage).await;
    })
    .await;
}

//! The connections that rows can be saved through.

use super::{Db, Queries, Transaction};

/// A connection that rows are saved and queried through:
///
/// * `&Db`: filefield begins its own transaction.
/// * `&Transaction`: your transaction, begun by [`Db::begin`].
/// * `&mut sqlx::Transaction`: your transaction, begun by sqlx.
#[diagnostic::on_unimplemented(
    message = "rows cannot be saved through `{Self}`",
    label = "expected `&Db`, `&Transaction` or `&mut sqlx::Transaction`",
    note = "write `db` if it is a reference already, `&*db` if it is an `Arc`, and `&Db::from(pool)` for a pool of sqlx"
)]
pub trait Connection: Send + sealed::Connection {}

/// A [`Connection`] that is your own transaction.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no transaction",
    label = "expected `&Transaction` or `&mut sqlx::Transaction`",
    note = "begin one with `db.begin().await?`"
)]
pub trait InTransaction: Connection {}

/// A [`Connection`] as a value.
#[derive(Debug)]
pub enum Target<'c> {
    /// A pool.
    Pool(&'c Db),
    /// A transaction of filefield.
    Ours(&'c Transaction<'static>),
    /// A transaction of sqlx.
    Theirs(Transaction<'c>),
}

mod sealed {
    use super::Target;

    pub trait Connection {
        /// Returns the connection as a value.
        fn target<'c>(self) -> Target<'c>
        where
            Self: 'c;
    }
}

impl Target<'_> {
    /// Returns the pool, if filefield begins its own transaction.
    pub(crate) fn pool(&self) -> Option<&Db> {
        match self {
            Target::Pool(db) => Some(db),
            _ => None,
        }
    }

    /// Returns the part that runs SQL.
    pub(crate) fn queries(&self) -> &dyn Queries {
        match self {
            Target::Pool(db) => *db,
            Target::Ours(tx) => *tx,
            Target::Theirs(tx) => tx,
        }
    }
}

impl<'c> Target<'c> {
    /// Returns the same connection.
    pub(crate) fn share(&self) -> Target<'c> {
        match self {
            Target::Pool(db) => Target::Pool(db),
            Target::Ours(tx) => Target::Ours(tx),
            Target::Theirs(tx) => Target::Theirs(tx.share()),
        }
    }
}

impl sealed::Connection for &Db {
    fn target<'c>(self) -> Target<'c>
    where
        Self: 'c,
    {
        Target::Pool(self)
    }
}

impl Connection for &Db {}

impl sealed::Connection for &Transaction<'static> {
    fn target<'c>(self) -> Target<'c>
    where
        Self: 'c,
    {
        Target::Ours(self)
    }
}

impl Connection for &Transaction<'static> {}
impl InTransaction for &Transaction<'static> {}

impl sealed::Connection for &mut Transaction<'static> {
    fn target<'c>(self) -> Target<'c>
    where
        Self: 'c,
    {
        Target::Ours(self)
    }
}

impl Connection for &mut Transaction<'static> {}
impl InTransaction for &mut Transaction<'static> {}

macro_rules! transaction_of_sqlx {
    ($feature:literal, $kind:ident) => {
        #[cfg(feature = $feature)]
        impl sealed::Connection for &mut sqlx::Transaction<'_, sqlx::$kind> {
            fn target<'c>(self) -> Target<'c>
            where
                Self: 'c,
            {
                Target::Theirs(self.into())
            }
        }

        #[cfg(feature = $feature)]
        impl Connection for &mut sqlx::Transaction<'_, sqlx::$kind> {}
        #[cfg(feature = $feature)]
        impl InTransaction for &mut sqlx::Transaction<'_, sqlx::$kind> {}
    };
}
transaction_of_sqlx!("db-sqlite", Sqlite);
transaction_of_sqlx!("db-postgres", Postgres);
transaction_of_sqlx!("db-mysql", MySql);

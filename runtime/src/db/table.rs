//! What the derive implements for `#[model(table = ..)]`.

use super::{AnyColumn, Column, Connection, KeyValue, Objects, save, stage};
use crate::model::FileModel;
use crate::{Error, ErrorKind, Result};
use sea_orm::sea_query::{Alias, Expr, ExprTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, QueryResult, TryGetError};
use std::fmt;

/// A model with a table of its own. Implemented by `#[derive(Model)]` with `#[model(table = "..")]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no table",
    label = "no table",
    note = "write `#[model(table = \"..\")]` above the struct"
)]
pub trait Table: FileModel + Clone {
    /// Name of the table.
    const TABLE: &'static str = match Self::TABLE_NAME {
        Some(table) => table,
        None => panic!("a model with columns has a table"),
    };
    /// Type of the primary key.
    type Key: KeyValue;
    /// A struct with one [`Column`] a field.
    type Columns: 'static;
    /// The columns, typed.
    const COLUMNS: &'static Self::Columns;
    /// The columns in the order of the struct.
    const ALL: &'static [&'static dyn AnyColumn<Self>];

    /// An instance made from a row.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database) where a column is missing or of another type.
    fn from_row(row: &Row<'_>) -> Result<Self>;

    /// The columns, for conditions and orderings: `Car::columns().name.eq("57 Chevy")`.
    fn columns() -> &'static Self::Columns {
        Self::COLUMNS
    }

    /// The instances in `db`, to be narrowed and fetched.
    fn objects<C: ConnectionTrait>(db: &C) -> Objects<'_, Self, C> {
        Objects::new(db)
    }

    /// Saves the instance, its pending files and its row together: inserts a row where the key is 0, which the database
    /// replaces by the next one, else updates the row of the key, or inserts it where there is none. Files that the row
    /// lets go of are deleted after the commit, by `on_replace`.
    ///
    /// A key that is a `Uuid` or a `String` is set before: nil and the empty string are refused. As in Django, a new
    /// instance with the key of a row that is there replaces it, and its files.
    ///
    /// An instance keeps the key that a transaction made for it, also when that was rolled back, and SQLite then makes it
    /// again for another row. The next save sees by the staged files whether the row is the instance's own, and inserts a
    /// new one where it is not. Without staged files there is nothing to see it by: set the key back to 0.
    ///
    /// What was read from one database and is saved in another counts as read from there: a pool of connections to a replica
    /// and one to the primary are the same to it. To copy a row into another database give the copy the files as
    /// [`FileField::stored`](crate::FileField::stored).
    ///
    /// When it fails, the instance is as it was, pending content included, and a retry is always safe.
    ///
    /// On SQLite, where a new row has one file, it goes to the driver in one request with the file's journal entry, which
    /// a metric callback of sea-orm does not see.
    ///
    /// # Errors
    /// Those of naming, of the field's rules, of the storage and of the database;
    /// [`UniqueViolation`](ErrorKind::UniqueViolation); [`Usage`](ErrorKind::Usage) for a key that is not set;
    /// [`NotStaged`](ErrorKind::NotStaged) for pending content on an open transaction. An error that
    /// [is uncertain](Error::is_uncertain) may have been committed.
    fn save<C: Connection>(&mut self, db: &C) -> impl Future<Output = Result<()>> + Send {
        save::save(self, db)
    }

    /// Stores the pending files, and fills in what is learned of them, without writing the row. Then
    /// [`save`](Self::save) in a transaction of the caller's is SQL alone. Stage before the transaction begins, or at
    /// least before its first statement.
    ///
    /// The files belong to no row yet. They go when the instance, and every clone of it, is dropped without having been
    /// saved, and a while after a transaction that saved it was rolled back; until then it may be saved again.
    ///
    /// # Errors
    /// Those of naming, of the field's rules, of the storage and of the journal; [`Usage`](ErrorKind::Usage) as from
    /// [`save`](Self::save). The instance is as it was then.
    fn stage(&mut self, db: &DatabaseConnection) -> impl Future<Output = Result<()>> + Send {
        async move { stage::stage_all(db, &mut [self]).await }
    }

    /// All that [`save`](Self::save) does in a transaction of the caller's but writing the row: the staged files are
    /// attached, and those that the row lets go of are queued for deletion. The caller writes the row, by any statement,
    /// in the same transaction, and after this. The other way round, an update of the caller's hides what the row held before,
    /// and that file stays in the storage: nothing finds it later.
    ///
    /// # Errors
    /// [`NotStaged`](ErrorKind::NotStaged) for pending content; [`StagedExpired`](ErrorKind::StagedExpired);
    /// [`Usage`](ErrorKind::Usage) as from [`save`](Self::save); those of the database.
    fn attach(&self, tx: &DatabaseTransaction) -> impl Future<Output = Result<()>> + Send {
        save::attach(self, tx)
    }

    /// Deletes the row; its files go after the commit, by `on_delete`.
    ///
    /// # Errors
    /// [`DoesNotExist`](ErrorKind::DoesNotExist) where there is no such row; those of the database.
    fn delete<C: Connection>(self, db: &C) -> impl Future<Output = Result<()>> + Send {
        save::delete(self, db)
    }

    /// Reads the instance again from its row. Pending content is dropped.
    ///
    /// # Errors
    /// [`DoesNotExist`](ErrorKind::DoesNotExist) where there is no such row; those of the database.
    fn refresh<C: ConnectionTrait>(&mut self, db: &C) -> impl Future<Output = Result<()>> + Send {
        async move {
            let (key, value) = save::key_of(self);
            *self = Self::objects(db)
                .get(Expr::col((Alias::new(Self::TABLE), Alias::new(key))).eq(value))
                .await?;
            Ok(())
        }
    }
}

/// Enters the model, so that the sweeper looks through its columns: each of those that hold files must be one of them.
pub(crate) fn enter<M: Table>() -> Result<()> {
    if let Some(column) = M::ALL.iter().find(|column| column.holds_file() && column.spec().file.is_none()) {
        let message = format!(
            "{}: `{}` is a column of files without `#[file]`; write `#[file]` above it",
            M::MODEL,
            column.spec().field
        );
        return Err(Error::new(ErrorKind::Registration, message));
    }
    crate::registry::enter_model::<M>()
}

/// A row of a result, read column by column.
pub struct Row<'a> {
    result: &'a QueryResult,
    prefix: &'a str,
}

impl<'a> Row<'a> {
    pub(super) fn new(result: &'a QueryResult, prefix: &'a str) -> Self {
        Row { result, prefix }
    }

    /// The value of `column`.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database) where it is missing, `NULL` or of another type.
    pub fn get<M: Table, T>(&self, column: &Column<M, T>) -> Result<T> {
        column.read(self.result, self.prefix).map_err(|error| {
            let error = match error {
                TryGetError::DbErr(error) => error,
                TryGetError::Null(_) => DbErr::Type("NULL, and the field is not an `Option`".to_owned()),
            };
            Error::new(ErrorKind::Database, format!("column `{}.{}`: {error}", M::TABLE, column.name()))
                .with_source(error)
        })
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

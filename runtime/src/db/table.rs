//! What the derive implements for `#[model(table = ..)]`.

use super::save::{Columns, Verb};
use super::{AnyColumn, Column, ColumnSpec, ColumnValue, Connection, KeyValue, Objects, save, stage};
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

    /// Saves the instance, its pending files and its row together. A file that the row lets go of is deleted when
    /// [`DELETE_AFTER`](crate::settings::Settings::delete_after) has passed since the commit, or stays, by `on_replace`.
    ///
    /// | key | the instance | what `save` does |
    /// |---|---|---|
    /// | made by the database | key 0 | inserts a row, and sets the key |
    /// | made by the database | key set | updates the row of the key; [`DoesNotExist`](ErrorKind::DoesNotExist) where it is gone |
    /// | `String`, `Uuid` | new | updates the row of the key, or inserts it where there is none |
    /// | `String`, `Uuid` | loaded, or saved before | updates the row of the key; `DoesNotExist` where it is gone |
    ///
    /// So a row that others have deleted meanwhile does not come back. [`insert`](Self::insert), [`update`](Self::update)
    /// and [`upsert`](Self::upsert) say which of these is meant, whatever the key; [`save_fields`](Self::save_fields) leaves
    /// the other columns alone. That an instance was loaded its file values know; one whose key is a `String` or `Uuid` and
    /// whose file fields were all written anew, or are all `None`, counts as new: write
    /// `note.scan_mut().assign(..)`, or call [`update`](Self::update). A key that the program makes is set before: nil and
    /// the empty string are refused.
    ///
    /// An instance keeps the key that a transaction made for it, also when that was rolled back, and SQLite then makes it
    /// again for another row. The next save sees by the staged files whether the row is the instance's own, and inserts a
    /// new one where it is not. Without file fields there is nothing to see it by: set the key back to 0.
    ///
    /// What was read from one database and is saved in another counts as read from there: a pool of connections to a replica
    /// and one to the primary are the same to it. To copy a row into another database give the copy the files as
    /// [`FileField::stored`](crate::FileField::stored), and [`insert`](Self::insert) it.
    ///
    /// When it fails, the instance is as it was and can be saved again: bytes, paths and temporary files are still pending. A
    /// reader or a stream that was stored before the failure stays staged in its field, as after [`stage`](Self::stage), and
    /// the next save takes that file. One that broke off, or was refused, has been read: the error is not
    /// [retryable](Error::is_retryable), [`is_pending`](crate::FileField::is_pending) is false, and the content has to be
    /// assigned again. What is staged and never saved is swept.
    ///
    /// On SQLite, where a new row has one file, it goes to the driver in one request with the file's journal entry, which
    /// a metric callback of sea-orm does not see.
    ///
    /// # Errors
    /// Those of naming, of the field's rules, of the storage and of the database;
    /// [`DoesNotExist`](ErrorKind::DoesNotExist); [`UniqueViolation`](ErrorKind::UniqueViolation);
    /// [`Usage`](ErrorKind::Usage) for a key that is not set; [`NotStaged`](ErrorKind::NotStaged) for pending content on an
    /// open transaction; [`StagedExpired`](ErrorKind::StagedExpired) for a staged file that was swept, which is retryable
    /// where its content is pending still; [`Consumed`](ErrorKind::Consumed) for content that was read before;
    /// [`NotFound`](ErrorKind::NotFound) and [`InvalidName`](ErrorKind::InvalidName) for a
    /// [name that was assigned](crate::FileField::stored). An error that [is uncertain](Error::is_uncertain) may have been
    /// committed.
    fn save<C: Connection>(&mut self, db: &C) -> impl Future<Output = Result<()>> + Send {
        save::save(self, db, Verb::Save, Columns::ALL)
    }

    /// As [`save`](Self::save), but always a new row: also with a key that was set by hand.
    ///
    /// # Errors
    /// As [`save`](Self::save); [`UniqueViolation`](ErrorKind::UniqueViolation) where there is a row with the key.
    fn insert<C: Connection>(&mut self, db: &C) -> impl Future<Output = Result<()>> + Send {
        save::save(self, db, Verb::Insert, Columns::ALL)
    }

    /// As [`save`](Self::save), but never a new row.
    ///
    /// # Errors
    /// As [`save`](Self::save); [`DoesNotExist`](ErrorKind::DoesNotExist) where there is no row with the key.
    fn update<C: Connection>(&mut self, db: &C) -> impl Future<Output = Result<()>> + Send {
        save::save(self, db, Verb::Update, Columns::ALL)
    }

    /// As [`save`](Self::save), but updates the row of the key, or inserts it where there is none: for keys that were set by
    /// hand. It replaces a row that is there, and its files.
    ///
    /// # Errors
    /// As [`save`](Self::save); [`DoesNotExist`](ErrorKind::DoesNotExist) where the instance was loaded with files and the row
    /// was deleted with them.
    fn upsert<C: Connection>(&mut self, db: &C) -> impl Future<Output = Result<()>> + Send {
        save::save(self, db, Verb::Upsert, Columns::ALL)
    }

    /// As [`update`](Self::update), but writes these columns alone, so that two instances of one row do not write each other's
    /// old values back: `car.save_fields(&db, &[&Car::columns().name, &Car::columns().photo])`. A file field is saved with its
    /// pending content, and with the fields that are filled from it. Everything else in the instance stays as it is, saved
    /// or not.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    fn save_fields<C: Connection>(
        &mut self,
        db: &C,
        fields: &[&dyn AnyColumn<Self>],
    ) -> impl Future<Output = Result<()>> + Send {
        let names: Vec<_> = fields.iter().map(|field| field.spec().name).collect();
        async move { save::save(self, db, Verb::Update, Columns::only(&names)).await }
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
    /// [`save`](Self::save). The instance is as it was then, but for what [`save`](Self::save) says of readers and streams.
    fn stage(&mut self, db: &DatabaseConnection) -> impl Future<Output = Result<()>> + Send {
        async move { stage::stage_all(db, &mut [self]).await }
    }

    /// All that [`save`](Self::save) does in a transaction of the caller's but writing the row: the staged files are
    /// attached, and those that the row lets go of are queued for deletion. The caller writes the row, by any statement,
    /// in the same transaction, and after this. The other way round, an update of the caller's hides what the row held before,
    /// and that file stays in the storage: nothing finds it later.
    ///
    /// # Errors
    /// [`NotStaged`](ErrorKind::NotStaged) for pending content; [`StagedExpired`](ErrorKind::StagedExpired), after which
    /// the content has to be assigned again;
    /// [`Usage`](ErrorKind::Usage) as from [`save`](Self::save); those of the database.
    fn attach(&self, tx: &DatabaseTransaction) -> impl Future<Output = Result<()>> + Send {
        save::attach(self, tx)
    }

    /// Deletes the row. Its files are deleted when [`DELETE_AFTER`](crate::settings::Settings::delete_after) has passed
    /// since the commit, or stay, by `on_delete`.
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
    /// Shows the primary key. `get` does not ask the model's columns for it: all they can do would be compiled in the crate
    /// of every model.
    key: fn(&QueryResult, &str) -> Option<String>,
}

impl<'a> Row<'a> {
    pub(super) fn new<M: Table>(result: &'a QueryResult, prefix: &'a str) -> Self {
        Row { result, prefix, key: shown_key::<M> }
    }

    /// The value of `column`.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database) where it is missing, `NULL` or of another type.
    pub fn get<M: Table, T>(&self, column: &Column<M, T>) -> Result<T> {
        match column.read(self.result, self.prefix) {
            Ok(value) => Ok(value),
            Err(error) => {
                let key = (self.key)(self.result, self.prefix);
                Err(unreadable((M::MODEL, M::TABLE), column.spec(), key, error))
            }
        }
    }
}

/// The primary key, by which an error names the row.
fn shown_key<M: Table>(row: &QueryResult, prefix: &str) -> Option<String> {
    let key = M::ALL.iter().find(|column| column.is_key())?.spec().name;
    let key = M::Key::read(row, &format!("{prefix}{key}")).ok()?;
    Some(format!("{key:?}"))
}

#[cold]
fn unreadable(
    (model, table): (&'static str, &str),
    column: &ColumnSpec,
    key: Option<String>,
    error: TryGetError,
) -> Error {
    let error = match error {
        TryGetError::DbErr(error) => error,
        TryGetError::Null(_) => DbErr::Type("NULL, and the field is not an `Option`".to_owned()),
    };
    let row = key.map_or_else(String::new, |key| format!(" of the row {key}"));
    let text = format!("column `{table}.{}`{row}: {error}", column.name);
    Error::new(ErrorKind::Database, text).with_source(error).with_field(model, column.field)
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

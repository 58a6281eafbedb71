//! Tables: what the derive implements for `#[model(table = ..)]`.

use super::save::{Columns, Verb};
use super::{AnyColumn, Column, ColumnSpec, ColumnValue, KeyValue, Objects, objects, save, stage};
use crate::backend::sqlx::{Connection, Db, DbRow, InTransaction, ReadError};
use crate::model::FileModel;
use crate::{Error, ErrorKind, Result};
use sea_query::SelectStatement;
use std::fmt;

/// A model that is stored in a table. Implemented by `#[derive(Model)]` with `#[model(table = "..")]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no table",
    label = "no table",
    note = "write `#[model(table = \"..\")]` above the struct"
)]
pub trait Table: FileModel + Clone {
    /// The name of the table.
    const TABLE: &'static str = match Self::TABLE_NAME {
        Some(table) => table,
        None => panic!("a model with columns has a table"),
    };
    /// The type of the primary key.
    type Key: KeyValue;
    /// A struct with one [`Column`] for each field.
    type Columns: 'static;
    /// The typed columns.
    const COLUMNS: &'static Self::Columns;
    /// The columns in the order of the struct's fields.
    const ALL: &'static [&'static dyn AnyColumn<Self>];

    /// Creates an instance from a row.
    ///
    /// # Errors
    /// Returns [`Database`](ErrorKind::Database) if a column is missing or has another type.
    fn from_row(row: &Row<'_>) -> Result<Self>;

    /// Returns the columns, for conditions and orderings: `Car::columns().name.eq("57 Chevy")`.
    fn columns() -> &'static Self::Columns {
        Self::COLUMNS
    }

    /// Returns the column of the primary key.
    fn key_column() -> &'static dyn AnyColumn<Self> {
        // The derive refuses a table without a primary key.
        Self::ALL.iter().copied().find(|column| column.is_key()).unwrap_or(Self::ALL[0])
    }

    /// Starts a query for the instances in `db`.
    fn objects<'c, C: Connection + 'c>(db: C) -> Objects<'c, Self> {
        Objects::new(db.target())
    }

    /// Runs a query of sea-query that selects the columns of the model, such as
    /// [`Objects::into_select`](crate::db::Objects::into_select) with a join added.
    ///
    /// # Errors
    /// Returns [`Database`](ErrorKind::Database), also if a row cannot be read.
    fn fetch<C: Connection>(
        db: C,
        query: &SelectStatement,
    ) -> impl Future<Output = Result<Vec<Self>>> + Send {
        async move { db.target().queries().fetch(query).await?.iter().map(objects::read).collect() }
    }

    /// Saves the instance with its pending files and its row, in one transaction. If the row named another
    /// file before, that file is deleted [`DELETE_AFTER`](crate::settings::Settings::delete_after) after the
    /// commit, or kept, as `on_replace` says.
    ///
    /// | key | instance | what `save` does |
    /// |---|---|---|
    /// | made by the database | key 0 | inserts a row and sets the key |
    /// | made by the database | key set | updates the row; returns [`DoesNotExist`](ErrorKind::DoesNotExist) if it is gone |
    /// | `String`, `Uuid` | new | updates the row, or inserts it if there is none |
    /// | `String`, `Uuid` | loaded or saved before | updates the row; returns `DoesNotExist` if it is gone |
    ///
    /// So a loaded row that another writer has deleted does not come back. [`insert`](Self::insert),
    /// [`update`](Self::update) and [`upsert`](Self::upsert) choose one of these for any key.
    /// [`save_fields`](Self::save_fields) writes only some columns. A `String` or `Uuid` key must be set
    /// before: the empty string and the nil UUID are refused.
    ///
    /// The file values of an instance record that it was loaded. If the key is a `String` or `Uuid`, and
    /// every file field holds a new value or is `None`, the instance counts as new. To avoid this, change the
    /// file with `note.scan_mut().assign(..)`, or call [`update`](Self::update).
    ///
    /// # Transactions and databases
    /// If the transaction that inserted the row is rolled back, the instance still holds the generated key,
    /// and SQLite may reuse it. `save` detects this if the row had staged files, and inserts a new row.
    /// Otherwise set the key to 0.
    ///
    /// Instances do not record which database they were loaded from, so you can load from a replica and save
    /// to the primary. To copy a row to another database, set the files of the copy with
    /// [`FileField::stored`](crate::FileField::stored), and [`insert`](Self::insert) it.
    ///
    /// # After an error
    /// The instance is unchanged and can be saved again: bytes, paths and temporary files are still pending.
    /// A reader or stream that was stored before the error stays staged in its field, as after
    /// [`stage`](Self::stage), and the next save uses that file. If it is never saved, it is swept.
    ///
    /// A reader or stream that failed or was refused has been consumed: the error is not
    /// [retryable](Error::is_retryable), [`is_pending`](crate::FileField::is_pending) returns `false`, and
    /// the content has to be assigned again.
    ///
    /// # Errors
    /// * [`DoesNotExist`](ErrorKind::DoesNotExist) if the row to update is gone, or if the instance was
    ///   inserted in a transaction and the row of its key may be another one.
    /// * [`UniqueViolation`](ErrorKind::UniqueViolation) if the row breaks a unique constraint.
    /// * [`Usage`](ErrorKind::Usage) if the key is not set.
    /// * [`NotStaged`](ErrorKind::NotStaged) if a field has pending content and `db` is an open transaction.
    /// * [`StagedExpired`](ErrorKind::StagedExpired) if a staged file was swept; retryable if its content is
    ///   still pending.
    /// * [`Consumed`](ErrorKind::Consumed) if the content was read before.
    /// * [`NotFound`](ErrorKind::NotFound) or [`InvalidName`](ErrorKind::InvalidName) for a [name that was
    ///   assigned](crate::FileField::stored).
    ///
    /// Propagates errors of naming, of the field's rules, of the storage and of the database. If an error [is
    /// uncertain](Error::is_uncertain), the save may have been committed.
    fn save<C: Connection>(&mut self, db: C) -> impl Future<Output = Result<()>> + Send {
        save::save(self, db, Verb::Save, Columns::ALL)
    }

    /// As [`save`](Self::save), but always inserts a new row, also if the key is set.
    ///
    /// # Errors
    /// As [`save`](Self::save). Returns [`UniqueViolation`](ErrorKind::UniqueViolation) if a row has the key.
    fn insert<C: Connection>(&mut self, db: C) -> impl Future<Output = Result<()>> + Send {
        save::save(self, db, Verb::Insert, Columns::ALL)
    }

    /// As [`save`](Self::save), but never inserts a row.
    ///
    /// # Errors
    /// As [`save`](Self::save). Returns [`DoesNotExist`](ErrorKind::DoesNotExist) if no row has the key.
    fn update<C: Connection>(&mut self, db: C) -> impl Future<Output = Result<()>> + Send {
        save::save(self, db, Verb::Update, Columns::ALL)
    }

    /// As [`save`](Self::save), but updates the row of the key, or inserts it if there is none. It replaces
    /// an existing row and its files. Use it for keys that you set yourself.
    ///
    /// # Errors
    /// As [`save`](Self::save). Returns [`DoesNotExist`](ErrorKind::DoesNotExist) if the instance was loaded
    /// with files and the row was deleted with them.
    fn upsert<C: Connection>(&mut self, db: C) -> impl Future<Output = Result<()>> + Send {
        save::save(self, db, Verb::Upsert, Columns::ALL)
    }

    /// As [`update`](Self::update), but writes only these columns: `car.save_fields(&db,
    /// &[&Car::columns().name, &Car::columns().photo])`. Two writers of one row then do not overwrite each
    /// other's columns with old values. A file field is saved with its pending content and its companion
    /// fields. The rest of the instance is unchanged.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    fn save_fields<C: Connection>(
        &mut self,
        db: C,
        fields: &[&dyn AnyColumn<Self>],
    ) -> impl Future<Output = Result<()>> + Send {
        let names: Vec<_> = fields.iter().map(|field| field.spec().name).collect();
        async move { save::save(self, db, Verb::Update, Columns::only(&names)).await }
    }

    /// Stores the pending files and fills in their names and companion fields, without writing the row.
    /// Afterwards [`save`](Self::save) in your own transaction runs SQL only. Call `stage` before the
    /// transaction begins, or at least before its first statement.
    ///
    /// The files belong to no row yet. They are deleted when the instance and all its clones are dropped
    /// without a save, and some time after a transaction that saved them is rolled back. Until then the
    /// instance can be saved again.
    ///
    /// # Errors
    /// Returns [`Usage`](ErrorKind::Usage) as [`save`](Self::save) does. Propagates errors of naming, of the
    /// field's rules, of the storage and of the journal. After an error the instance is unchanged, except for
    /// readers and streams as described at [`save`](Self::save).
    fn stage(&mut self, db: &Db) -> impl Future<Output = Result<()>> + Send {
        async move { stage::stage_all(db, &mut [self]).await }
    }

    /// Does the work of [`save`](Self::save) in your transaction without writing the row: attaches the staged
    /// files, and queues the files that the row stops naming for deletion. Write the row yourself after this
    /// call, in the same transaction, with any statement. If you write the row first, `attach` cannot see
    /// which file it named before. That file stays in the storage, and no sweep finds it.
    ///
    /// # Errors
    /// Returns [`NotStaged`](ErrorKind::NotStaged) if a field has pending content;
    /// [`StagedExpired`](ErrorKind::StagedExpired) if a staged file was swept, after which the content has to
    /// be assigned again; [`Usage`](ErrorKind::Usage) as [`save`](Self::save) does. Propagates database
    /// errors.
    fn attach<C: InTransaction>(&self, tx: C) -> impl Future<Output = Result<()>> + Send {
        save::attach(self, tx)
    }

    /// Deletes the row. Its files are deleted [`DELETE_AFTER`](crate::settings::Settings::delete_after) after
    /// the commit, or kept, as `on_delete` says.
    ///
    /// # Errors
    /// Returns [`DoesNotExist`](ErrorKind::DoesNotExist) if there is no such row; propagates database errors.
    fn delete<C: Connection>(self, db: C) -> impl Future<Output = Result<()>> + Send {
        save::delete(self, db)
    }

    /// Reads the instance from its row again. Pending content is dropped.
    ///
    /// # Errors
    /// Returns [`DoesNotExist`](ErrorKind::DoesNotExist) if there is no such row; propagates database errors.
    fn refresh<C: Connection>(&mut self, db: C) -> impl Future<Output = Result<()>> + Send {
        async move {
            *self = save::load(self, &db.target()).await?;
            Ok(())
        }
    }
}

/// Registers the model, so that sweepers check its columns. Fails if a column holds files but has no
/// `#[file]`.
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

/// A row of a query result, read column by column.
pub struct Row<'a> {
    result: &'a DbRow,
    /// Shows the primary key. A function pointer, so that `get` does not compile all methods of the model's
    /// columns into the crate of every model.
    key: fn(&DbRow) -> Option<String>,
}

impl<'a> Row<'a> {
    pub(super) fn new<M: Table>(result: &'a DbRow) -> Self {
        Row { result, key: shown_key::<M> }
    }

    /// Reads the value of `column`.
    ///
    /// # Errors
    /// Returns [`Database`](ErrorKind::Database) if the column is missing, `NULL` or of another type.
    pub fn get<M: Table, T>(&self, column: &Column<M, T>) -> Result<T> {
        match column.read(self.result) {
            Ok(value) => Ok(value),
            Err(error) => {
                let key = (self.key)(self.result);
                Err(unreadable((M::MODEL, M::TABLE), column.spec(), key, error))
            }
        }
    }
}

/// The primary key, with which an error names the row.
fn shown_key<M: Table>(row: &DbRow) -> Option<String> {
    let key = M::Key::read(row, M::key_column().spec().name).ok()?;
    Some(format!("{key:?}"))
}

#[cold]
fn unreadable(
    (model, table): (&'static str, &str),
    column: &ColumnSpec,
    key: Option<String>,
    error: ReadError,
) -> Error {
    let error = Error::from(error);
    let row = key.map_or_else(String::new, |key| format!(" of the row {key}"));
    let text = format!("column `{table}.{}`{row}: {error}", column.name);
    Error::new(ErrorKind::Database, text).with_source(error).with_field(model, column.field)
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").finish_non_exhaustive()
    }
}

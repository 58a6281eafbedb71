//! The tables that models and journal need.

use super::{AnyColumn, Table, kinds};
use crate::backend::build_schema;
use crate::backend::sqlx::Queries;
use crate::inspect::hex;
use crate::journal;
use crate::journal::Dialect;
use crate::{Error, ErrorKind, Result};
use sea_query::{
    Alias, ColumnDef, Index, IndexCreateStatement, Table as TableStatement, TableCreateStatement,
};
use sha2::{Digest, Sha256};

/// Makes the table of the model `M`, an index on every file column, and the journal, where they are not there yet. Tables
/// that are there are left as they are, so they must have all of the columns.
///
/// # Errors
/// [`Database`](crate::ErrorKind::Database), also for a table that lacks columns;
/// [`Registration`](crate::ErrorKind::Registration) where another model has the same table, or the name of a column is
/// longer than the database keeps.
pub async fn migrate<M: Table>(db: &impl Queries) -> Result<()> {
    super::enter::<M>()?;
    check_names::<M>(db.dialect()).map_err(blame::<M>)?;
    // Each step is for what is not there yet. Where another process makes it in that moment, the next look finds it.
    for _ in 0..RACES {
        match make::<M>(db).await {
            Err(error) if is_made_meanwhile(&error) => {}
            result => return result,
        }
    }
    make::<M>(db).await
}

/// No more than the steps of a migration: each is lost once at most.
const RACES: usize = 16;

fn is_made_meanwhile(error: &Error) -> bool {
    error.kind() == ErrorKind::UniqueViolation || error.to_string().contains("already exists")
}

async fn make<M: Table>(db: &impl Queries) -> Result<()> {
    journal::create(db).await?;
    let dialect = db.dialect();
    Queries::run(db, &build_schema(dialect, &create_table::<M>(dialect))).await?;
    check_columns::<M>(db).await.map_err(blame::<M>)?;
    for index in create_indexes::<M>(dialect) {
        match Queries::run(db, &build_schema(dialect, &index)).await {
            Err(error) if !is_there(dialect, &error) => return Err(error),
            _ => {}
        }
    }
    journal::note_columns(db, M::TABLE, M::FIELDS.iter().map(|field| field.def())).await
}

/// Forgets the file columns of `table` that are gone for good, with the table or alone, and says which they were. Until
/// then no file of their storage is deleted: [`migrate`] notes every file column in the table `filefield_columns`, a
/// sweeper asks all of them whether a row names the file, and one that is not there cannot say no.
///
/// A column that is there is not forgotten. What this connection cannot see, such as a table in another schema, is not
/// there: forget nothing whose rows may still name files.
///
/// # Errors
/// [`Database`](crate::ErrorKind::Database).
pub async fn forget_columns(db: &impl Queries, table: &str) -> Result<Vec<String>> {
    journal::forget_columns(db, table).await
}

fn blame<M: Table>(error: Error) -> Error {
    error.with_model(M::MODEL).with_operation("migrate")
}

/// Refuses columns whose names PostgreSQL would cut, so that they are not found again, and MariaDB does not take. A name
/// that is written in an attribute was looked at by the derive.
fn check_names<M: Table>(dialect: Dialect) -> Result<()> {
    for column in M::ALL {
        let name = column.spec().name;
        let problem = match dialect {
            Dialect::Postgres if name.len() > 63 => "63 bytes that PostgreSQL keeps",
            Dialect::MySql if name.chars().count() > 64 => "64 characters that MariaDB keeps",
            _ => continue,
        };
        let text = format!("the name of the column `{name}` is longer than the {problem}");
        return Err(Error::new(
            ErrorKind::Registration,
            format!("{text}: write `#[model(column = \"..\")]`"),
        ));
    }
    Ok(())
}

/// Refuses a table that was there before, and lacks columns of the model.
async fn check_columns<M: Table>(db: &impl Queries) -> Result<()> {
    let there = journal::columns_of(db, M::TABLE).await?;
    let columns = M::ALL.iter().map(|column| column.spec().name);
    let missing = columns.filter(|column| !there.has(column)).map(|column| format!("`{column}`"));
    let missing: Vec<_> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    let text = format!(
        "the table `{}` is there already, and lacks {}: add what is missing yourself, `migrate` changes no table",
        M::TABLE,
        missing.join(", ")
    );
    Err(Error::new(ErrorKind::Database, text))
}

/// MySQL has no `IF NOT EXISTS` for an index: its error 1061 says that there is one of this name.
fn is_there(dialect: Dialect, error: &Error) -> bool {
    dialect == Dialect::MySql && error.to_string().contains("1061 (42000)")
}

/// The statements that make an index on every file column of the model `M`, for migrations of one's own: before a file
/// is deleted its name is looked for in all of them (G2).
pub fn create_indexes<M: Table>(dialect: Dialect) -> impl Iterator<Item = IndexCreateStatement> {
    M::FIELDS.iter().map(move |field| {
        let spec = field.def().spec();
        let mut statement = Index::create();
        statement.if_not_exists().name(object_name(&[M::TABLE, spec.column])).table(Alias::new(M::TABLE));
        if dialect == Dialect::MySql && spec.max_length > kinds::INDEXED {
            // The beginning leads to the row as well; the rest is compared there.
            statement.col((Alias::new(spec.column), kinds::INDEXED));
        } else {
            statement.col(Alias::new(spec.column));
        }
        statement
    })
}

/// A name for an index or a trigger, in no more than the 63 bytes that PostgreSQL would cut it to; sea-query does not
/// escape it.
pub(super) fn object_name(parts: &[&str]) -> String {
    let name = format!("filefield.{}", parts.join("."));
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    if plain && name.len() <= 63 {
        return name;
    }
    let digest = Sha256::digest(parts.join("\0"));
    format!("filefield.{}", hex(&digest[..16]))
}

/// The statement that makes the table of the model `M`, for migrations of one's own.
///
/// Everything that fits into a field fits into its column and comes back as it was, but for fractions of a microsecond.
/// Text is compared bytewise: on SQLite and PostgreSQL it is anyway, on MariaDB and MySQL the table gets a collation
/// for it (requirement 89). There, a `String` that is unique or the key holds 255 characters.
pub fn create_table<M: Table>(dialect: Dialect) -> TableCreateStatement {
    let mut statement = TableStatement::create();
    statement.table(Alias::new(M::TABLE)).if_not_exists();
    for column in M::ALL {
        statement.col(column_def::<M>(dialect, *column));
    }
    if dialect == Dialect::MySql {
        statement.extra(kinds::MARIADB_TABLE);
    }
    statement
}

fn column_def<M: Table>(dialect: Dialect, column: &dyn AnyColumn<M>) -> ColumnDef {
    let mut def = ColumnDef::new_with_type(Alias::new(column.spec().name), kinds::sql_type(dialect, column));
    if !column.nullable() {
        def.not_null();
    }
    if column.spec().unique {
        def.unique_key();
    }
    if column.is_key() {
        def.primary_key();
    }
    if column.is_auto() {
        def.auto_increment();
    }
    def
}

//! Creates the tables of the models and of the journal.

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

/// Creates the table of the model `M`, an index on every file column, and the journal, unless they exist. A table that
/// exists is not changed, so it must have all columns.
///
/// # Errors
/// Returns [`Registration`](crate::ErrorKind::Registration) if another model has the same table, or the name of a column
/// is too long for the database, and [`Database`](crate::ErrorKind::Database) if an existing table lacks columns or a
/// statement fails.
pub async fn migrate<M: Table>(db: &impl Queries) -> Result<()> {
    super::enter::<M>()?;
    check_names::<M>(db.dialect()).map_err(blame::<M>)?;
    // Each step creates what is missing. If another process creates it at the same moment, the next attempt finds it.
    for _ in 0..RACES {
        match make::<M>(db).await {
            Err(error) if is_made_meanwhile(&error) => {}
            result => return result,
        }
    }
    make::<M>(db).await
}

/// How many lost races are retried. Each step of a migration loses at most one.
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

/// Forgets the file columns of `table` that no longer exist, and returns their names. Call it after you have dropped a
/// file column or its table.
///
/// [`migrate`] records every file column in the table `filefield_columns`. Before a sweeper deletes a file, it searches
/// all recorded columns for a row that names the file. It cannot search a missing column, so it deletes no file of that
/// column's storage until you forget the column.
///
/// A column that exists is not forgotten. A column that this connection cannot see, such as one in another schema, counts
/// as missing: do not forget columns whose rows may still name files.
///
/// # Errors
/// Returns [`Database`](crate::ErrorKind::Database) if a statement fails.
pub async fn forget_columns(db: &impl Queries, table: &str) -> Result<Vec<String>> {
    journal::forget_columns(db, table).await
}

fn blame<M: Table>(error: Error) -> Error {
    error.with_model(M::MODEL).with_operation("migrate")
}

/// Refuses names of columns that are too long. PostgreSQL would truncate such a name and not find the column again, and
/// MariaDB refuses it. The derive has already checked the names written in attributes.
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

/// Refuses an existing table that lacks columns of the model.
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

/// Returns whether the index exists already. MySQL has no `IF NOT EXISTS` for an index and fails with error 1061.
fn is_there(dialect: Dialect, error: &Error) -> bool {
    dialect == Dialect::MySql && error.to_string().contains("1061 (42000)")
}

/// Returns the statements that create an index on every file column of the model `M`, for your own migrations. Before a
/// file is deleted, its name is searched in these columns.
pub fn create_indexes<M: Table>(dialect: Dialect) -> impl Iterator<Item = IndexCreateStatement> {
    M::FIELDS.iter().map(move |field| {
        let spec = field.def().spec();
        let mut statement = Index::create();
        statement.if_not_exists().name(object_name(&[M::TABLE, spec.column])).table(Alias::new(M::TABLE));
        if dialect == Dialect::MySql && spec.max_length > kinds::INDEXED {
            // A prefix is enough to find the row. The database then compares the whole name.
            statement.col((Alias::new(spec.column), kinds::INDEXED));
        } else {
            statement.col(Alias::new(spec.column));
        }
        statement
    })
}

/// Returns a name for an index or a trigger. It has at most 63 bytes, because PostgreSQL truncates longer names, and needs
/// no escaping, because sea-query does not escape it.
pub(super) fn object_name(parts: &[&str]) -> String {
    let name = format!("filefield.{}", parts.join("."));
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    if plain && name.len() <= 63 {
        return name;
    }
    let digest = Sha256::digest(parts.join("\0"));
    format!("filefield.{}", hex(&digest[..16]))
}

/// Returns the statement that creates the table of the model `M`, for your own migrations.
///
/// Every value of a field fits into its column and is read back unchanged, except for fractions of a microsecond. Text is
/// compared bytewise. This is the default of SQLite and PostgreSQL. On MariaDB and MySQL the table gets a collation for
/// it, and a `String` that is unique or the primary key holds 255 characters.
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

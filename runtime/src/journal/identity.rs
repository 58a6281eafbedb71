//! Which database has issued an owner token.
//!
//! Every database has a random identity, and the owner tokens of its files begin with it: `identity-token`.
//! Two applications may share a root, so a sweeper deletes no file whose token another database has issued. A
//! database that was restored has several identities, the newest for new files. A token without an identity
//! counts as issued by every database: an older version, or an accessor before the row was saved, has stored
//! the file. The accessors of a struct without a table issue tokens of [`name::NOBODY`], which prove nothing
//! to any database.

use super::connection::{Connection, Journal, is_missing_table};
use super::statements::{any, execute, look, rows, sql};
use super::{Dialect, known, schema};
use crate::{Error, ErrorKind, Result, name};
use std::sync::Arc;

/// Characters of an identity, five bits each. Few, because the owner token must fit beside a file's inode.
const LENGTH: usize = 12;

/// The owner token of a file of the database with this `identity`.
pub(crate) fn owner_token(identity: &str, token: &str) -> String {
    format!("{identity}-{token}")
}

/// The identity in an owner token; empty if it has none.
pub(crate) fn identity_in(owner: &str) -> &str {
    owner.split_once('-').map_or("", |(identity, _)| identity)
}

/// The random token in an owner token.
pub(crate) fn token_part(owner: &str) -> &str {
    owner.split_once('-').map_or(owner, |(_, token)| token)
}

/// Gives a database an identity, if it has none.
pub(super) async fn create(db: &dyn Connection) -> Result<()> {
    add(db, -1, "").await?;
    add(db, 0, &random()?).await
}

async fn add(db: &dyn Connection, epoch: i64, identity: &str) -> Result<()> {
    let values = vec![epoch.into(), identity.into(), epoch.into()];
    match execute(db, &sql(db)?.add_identity, values).await {
        // Another process was faster. On other databases the statement then does nothing.
        Err(error) if db.dialect() == Dialect::MySql && error.kind() == ErrorKind::UniqueViolation => Ok(()),
        result => result.map(drop),
    }
}

/// Gives a database one more identity, for the files that are saved from now on.
pub(crate) async fn renew(db: &Journal) -> Result<()> {
    current(db).await?;
    execute(db, &sql(db)?.next_identity, vec![random()?.into()]).await?;
    refresh(db).await
}

fn random() -> Result<String> {
    let mut identity = name::token()?;
    identity.truncate(LENGTH);
    Ok(identity)
}

/// The identity of `db`, from memory if it is known. A database of an older version of this library gets one.
pub(crate) async fn current(db: &Journal) -> Result<Arc<str>> {
    if let Some(identity) = known::identity(db) {
        return Ok(identity);
    }
    let identity = match read(db).await {
        Ok(Some(identity)) => identity,
        Err(error) if !is_missing_table(&error) => return Err(error),
        _ => {
            // Only if the journal exists.
            look(db).await?;
            schema::create(db).await?;
            let none = || Error::new(ErrorKind::Database, "the database has no identity: call `migrate`");
            read(db).await?.ok_or_else(none)?
        }
    };
    known::set_identity(db, Some(identity.clone()));
    Ok(identity)
}

/// Reads the identity of `db` again, after the remembered one was found wrong.
pub(super) async fn refresh(db: &Journal) -> Result<()> {
    known::set_identity(db, None);
    current(db).await.map(drop)
}

/// Whether this database has issued the owner token, or the token has no identity.
pub(crate) async fn is_own(db: &Journal, owner: &str) -> Result<bool> {
    any(db, &sql(db)?.is_own, vec![identity_in(owner).into()]).await
}

pub(crate) async fn read(db: &dyn Connection) -> Result<Option<Arc<str>>> {
    let found = rows(db, &sql(db)?.identity, vec![]).await?;
    found.first().map(|row| row.text("identity").map(Arc::from)).transpose()
}

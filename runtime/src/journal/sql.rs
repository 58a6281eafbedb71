//! The journal's statements as plain text, apart from the library that runs them.
//!
//! Times are whole seconds since 1970 by the database's clock (P9). SQLite compares text bytewise by default, as
//! names must be (requirement 89).

/// Makes the journal, where it is not there yet.
pub(crate) const JOURNAL_DDL: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS filefield_journal (\
        id INTEGER PRIMARY KEY AUTOINCREMENT, \
        storage TEXT NOT NULL, \
        name TEXT NOT NULL, \
        kind TEXT NOT NULL CHECK (kind IN ('write', 'delete')), \
        state TEXT NOT NULL CHECK (state IN ('pending', 'reaping', 'tombstone', 'dead')), \
        token TEXT NOT NULL, \
        multipart_id TEXT, \
        due_at INTEGER NOT NULL, \
        attempts INTEGER NOT NULL DEFAULT 0, \
        last_error TEXT, \
        model_table TEXT NOT NULL, \
        model_column TEXT NOT NULL, \
        UNIQUE (storage, name, kind))",
    "CREATE INDEX IF NOT EXISTS filefield_journal_due ON filefield_journal (due_at)",
];

/// W1: storage, name, token, lease, table, column, aliases, name → id; no row where the name is reserved. Aliases of one
/// storage are a JSON array.
pub(super) const RESERVE: &str = "INSERT INTO filefield_journal \
    (storage, name, kind, state, token, due_at, model_table, model_column) \
    SELECT ?, ?, 'write', 'pending', ?, unixepoch() + ?, ?, ? \
    WHERE NOT EXISTS (SELECT 1 FROM filefield_journal \
        WHERE storage IN (SELECT value FROM json_each(?)) AND name = ?) RETURNING id";

/// Gives a reservation another name: name, id, aliases, name → 0 rows where that one is reserved, or the entry lost.
pub(super) const RESERVE_ANOTHER: &str = "UPDATE filefield_journal SET name = ? \
    WHERE id = ? AND kind = 'write' AND state = 'pending' \
    AND NOT EXISTS (SELECT 1 FROM filefield_journal \
        WHERE storage IN (SELECT value FROM json_each(?)) AND name = ?)";

/// Renews a lease: lease, id.
pub(super) const RENEW: &str = "UPDATE filefield_journal SET due_at = unixepoch() + ? WHERE id = ? AND kind = 'write' AND state = 'pending'";

/// Drops a reservation under which nothing was published: id.
pub(super) const RELEASE: &str =
    "DELETE FROM filefield_journal WHERE id = ? AND kind = 'write' AND state = 'pending'";

/// Makes an entry due at once, with the error that led to it: error, id.
pub(super) const EXPIRE: &str = "UPDATE filefield_journal SET due_at = unixepoch(), last_error = ? \
    WHERE id = ? AND kind = 'write' AND state = 'pending'";

/// W4: the fence. Exactly one row, or somebody else has the file: id.
pub(super) const ATTACH: &str =
    "DELETE FROM filefield_journal WHERE id = ? AND kind = 'write' AND state = 'pending'";

/// Queues a deletion: storage, name, token, grace, table, column → id. Where one is queued already it starts again,
/// out of the hands of a sweeper that saw the name still in use; that counts as a fence, because it may be about to
/// delete.
pub(super) const QUEUE: &str = "INSERT INTO filefield_journal \
    (storage, name, kind, state, token, due_at, model_table, model_column) \
    VALUES (?, ?, 'delete', 'pending', ?, unixepoch() + ?, ?, ?) \
    ON CONFLICT (storage, name, kind) DO UPDATE SET state = 'pending', \
    attempts = CASE state WHEN 'pending' THEN attempts ELSE attempts + 1 END, token = excluded.token, due_at = excluded.due_at, \
    model_table = excluded.model_table, model_column = excluded.model_column RETURNING id";

/// Whether a sweeper has deleted a file, or may be about to: aliases, name.
pub(super) const IS_GOING: &str = "SELECT 1 AS n FROM filefield_journal \
    WHERE storage IN (SELECT value FROM json_each(?)) AND name = ? AND (state = 'reaping' \
    OR (kind = 'delete' AND (state = 'tombstone' OR (state = 'pending' AND attempts > 0))))";

/// The owner token of a write under way: aliases, name → token.
pub(super) const WRITER: &str = "SELECT token FROM filefield_journal WHERE storage IN (SELECT value FROM json_each(?)) AND name = ? AND kind = 'write'";

/// G1: fences due entries and moves them out of other sweepers' sight: back-off, limit.
pub(super) const FENCE_DUE: &str = "UPDATE filefield_journal SET \
    state = CASE state WHEN 'pending' THEN 'reaping' ELSE state END, \
    attempts = attempts + 1, due_at = unixepoch() + ? * (1 << min(attempts, 10)) \
    WHERE id IN (SELECT id FROM filefield_journal WHERE due_at <= unixepoch() AND state <> 'dead' \
        ORDER BY due_at, id LIMIT ?) \
    RETURNING id, storage, name, kind, state, token, attempts, model_table, model_column";

/// G1 for one entry whatever its due time, if nobody has fenced it yet: back-off, id.
pub(super) const FENCE_ONE: &str = "UPDATE filefield_journal SET \
    state = 'reaping', attempts = attempts + 1, due_at = unixepoch() + ? \
    WHERE id = ? AND state = 'pending' \
    RETURNING id, storage, name, kind, state, token, attempts, model_table, model_column";

/// G5: forgets an entry, unless another sweeper has fenced it since: id, attempts.
pub(super) const FORGET: &str =
    "DELETE FROM filefield_journal WHERE id = ? AND attempts = ? AND state <> 'pending'";

/// G5: keeps the name reserved, for a second look later: delay, id, attempts.
pub(super) const BURY: &str = "UPDATE filefield_journal SET state = 'tombstone', attempts = 0, last_error = NULL, \
    due_at = unixepoch() + ? WHERE id = ? AND attempts = ? AND state <> 'pending'";

/// Notes a failure: error, id.
pub(super) const FAILED: &str = "UPDATE filefield_journal SET last_error = ? WHERE id = ?";

/// Gives up on an entry, for a person to look at: error, id, attempts.
pub(super) const DEAD: &str = "UPDATE filefield_journal SET state = 'dead', last_error = ? \
    WHERE id = ? AND attempts = ? AND state <> 'pending'";

/// How many entries wait for a person.
pub(super) const COUNT_DEAD: &str = "SELECT COUNT(*) AS n FROM filefield_journal WHERE state = 'dead'";

/// G2: whether a column names the file. Identifiers come from the derive. SQLite reads a quoted identifier that names
/// no column as a text, unless the table stands before it.
pub(super) fn probe(table: &str, column: &str) -> String {
    let (table, column) = (quoted(table), quoted(column));
    format!("SELECT 1 AS n FROM {table} WHERE {table}.{column} = ? LIMIT 1")
}

/// An identifier, quoted.
pub(super) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

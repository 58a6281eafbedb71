//! The journal's statements as plain text, one set for each database, independent of the library that runs
//! them.
//!
//! Each statement documents its parameters, and after `→` its result columns.

mod ddl;
mod dialect;

pub(crate) use ddl::ddl;
pub use dialect::Dialect;

use std::sync::LazyLock;

/// The version of the tables that these statements are for.
pub(crate) const VERSION: i64 = 1;

/// The due time of an entry that waits for a person: after all others.
const NEVER: i64 = i64::MAX;

/// The `last_error` of an entry that reserves the name of a missing file.
const MISSING: &str = "the file of a restored row is missing; the name is reserved for it";

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {
        /// The statements in the dialect of one database.
        pub(crate) struct Sql {
            $($(#[$doc])* pub(crate) $name: String,)*
        }

        impl Sql {
            fn new(dialect: Dialect) -> Sql {
                Sql { $($name: dialect.render(&$text),)* }
            }
        }
    };
}

statements! {
    /// Reserves a name: storage, name, token, lease, table, column, identity, aliases, name → id. No row if
    /// the name is reserved, if the database does not have that identity, or if the tables are newer. The
    /// aliases of one storage are a JSON array.
    reserve = format!("INSERT INTO filefield_journal \
        (storage, name, kind, state, token, due_at, model_table, model_column) \
        SELECT ?, ?, 'write', 'pending', ?, {{now}} + ?, ?, ? {{dual}} \
        WHERE {CURRENT} AND EXISTS ({OWN}) \
        AND NOT EXISTS (SELECT 1 FROM filefield_journal WHERE {{aliases}} AND name = ?) \
        {{taken}} {{new_id}}");

    /// Renews a lease: lease, id.
    renew = format!("UPDATE filefield_journal SET due_at = {{now}} + ? WHERE {PENDING_WRITE}");

    /// Drops a reservation under which nothing was published: id.
    release = format!("DELETE FROM filefield_journal WHERE {PENDING_WRITE}");

    /// Makes an entry due at once and notes the error that led to it: error, id.
    expire = format!("UPDATE filefield_journal SET due_at = {{now}}, last_error = ? WHERE {PENDING_WRITE}");

    /// Notes the id of an upload in parts: multipart id, id.
    note_parts = format!("UPDATE filefield_journal SET multipart_id = ? WHERE {PENDING_WRITE}");

    /// Acquires a direct upload for a claim, as a sweeper would: back-off, mark of the claim, id, token,
    /// attempts so far.
    claim = format!("UPDATE filefield_journal SET due_at = {{now}} + ?, state = 'reaping', attempts = attempts + 1, \
        last_error = ? WHERE {PENDING_WRITE} AND token = ? AND attempts = ?");

    /// Gives a claimed upload back, unless a sweeper or another claim has acquired it since: lease, id,
    /// attempts, mark of the claim.
    give_back = "UPDATE filefield_journal SET due_at = {now} + ?, state = 'pending', attempts = 0, last_error = NULL \
        WHERE id = ? AND attempts = ? AND last_error = ? AND state = 'reaping'";

    /// One entry: id.
    entry = format!("SELECT {ENTRY} FROM filefield_journal WHERE id = ?");

    /// Attaches a file: consumes its entry. Exactly one row, or somebody else has the file: id.
    attach = format!("DELETE FROM filefield_journal WHERE {PENDING_WRITE}");

    /// Whether an entry is still that of a staged file: id.
    is_staged = format!("SELECT 1 AS n FROM filefield_journal WHERE {PENDING_WRITE}");

    /// Queues a deletion: storage, name, token, grace, table, column → id. No row if the tables are newer. If
    /// a deletion is queued already, it starts again, and a sweeper that acquired it loses it. This counts as
    /// one more attempt, because that sweeper may be about to delete.
    queue = format!("INSERT INTO filefield_journal \
        (storage, name, kind, state, token, due_at, model_table, model_column) \
        SELECT ?, ?, 'delete', 'pending', ?, {{now}} + ?, ?, ? {{dual}} WHERE {CURRENT} \
        {{conflict}} attempts = CASE filefield_journal.state WHEN 'pending' THEN filefield_journal.attempts \
        ELSE filefield_journal.attempts + 1 END, state = 'pending', multipart_id = NULL, \
        token = {{new}}token{{end}}, due_at = {{new}}due_at{{end}}, \
        model_table = {{new}}model_table{{end}}, model_column = {{new}}model_column{{end}} {{id}}");

    /// Holds a name that is assigned by hand: storage, name, table, column → id. A transaction that releases
    /// the name, and a sweeper, then wait for this transaction or are seen by it. `unhold` drops the entry
    /// again.
    hold = format!("INSERT INTO filefield_journal \
        (storage, name, kind, state, token, due_at, model_table, model_column) \
        SELECT ?, ?, 'delete', 'pending', '{HELD}', {{now}}, ?, ? {{dual}} WHERE {CURRENT} \
        {{conflict}} due_at = filefield_journal.due_at {{id}}");

    /// Drops an entry that `hold` has made, and none that was there before: id.
    unhold = format!("DELETE FROM filefield_journal WHERE id = ? AND token = '{HELD}'");

    /// Lets a name that is assigned by hand pass the triggers: storage, name, token, table, column → id.
    admit = format!("INSERT INTO filefield_journal \
        (storage, name, kind, state, token, due_at, model_table, model_column) \
        SELECT ?, ?, 'write', 'pending', ?, {{now}}, ?, ? {{dual}} WHERE {CURRENT} \
        {{conflict}} due_at = filefield_journal.due_at {{id}}");

    /// Whether a sweeper has deleted a file, or may be about to: aliases, name.
    is_going = format!("SELECT 1 AS n FROM filefield_journal WHERE {{aliases}} AND name = ? AND (state = 'reaping' \
        OR (kind = 'delete' AND (state = 'tombstone' OR (state = 'pending' AND attempts > 0) \
        OR (state = 'dead' AND last_error = '{MISSING}')))) {{lock}}");

    /// The owner token of a write under way: aliases, name → token.
    writer = "SELECT token FROM filefield_journal WHERE {aliases} AND name = ? AND kind = 'write'";

    /// The version of the tables, and whether anything is due: → version, n.
    look = "SELECT (SELECT MAX(version) FROM filefield_version) AS version, (SELECT COUNT(*) FROM \
        (SELECT 1 FROM filefield_journal WHERE due_at <= {now} LIMIT 1) AS due) AS n";

    /// Entries that are due and not locked: limit.
    due = format!("SELECT {ENTRY} FROM filefield_journal WHERE due_at <= {{now}} AND state <> 'dead' \
        ORDER BY due_at, id LIMIT ? {{skip}}");

    /// One entry whatever its due time, if no sweeper has acquired it yet: id.
    one = format!("SELECT {ENTRY} FROM filefield_journal WHERE id = ? AND state = 'pending' {{skip}}");

    /// Acquires an entry that was read with a lock, and puts it off so that other sweepers do not see it:
    /// back-off, id.
    fence = "UPDATE filefield_journal SET due_at = {now} + ? * {doubled}, \
        state = CASE state WHEN 'pending' THEN 'reaping' ELSE state END, attempts = attempts + 1 WHERE id = ?";

    /// Notes which file a deletion is about, before the file is deleted: owner token, id, attempts, identity
    /// in the token. No row if another database issued the token. The note is in `multipart_id`, which a
    /// deletion does not need.
    mark_owner = format!("UPDATE filefield_journal SET multipart_id = ? \
        WHERE id = ? AND attempts = ? AND state <> 'pending' AND EXISTS ({OWN})");

    /// Whether this database issued a token with this identity: identity.
    is_own = format!("{OWN}");

    /// The identity that new tokens carry: → identity.
    identity = "SELECT identity FROM filefield_identity WHERE epoch >= 0 ORDER BY epoch DESC LIMIT 1";

    /// Gives the database an identity, if it has none of that epoch: epoch, identity, epoch.
    add_identity = "INSERT INTO filefield_identity (epoch, identity) SELECT ?, ? {dual} \
        WHERE NOT EXISTS (SELECT 1 FROM filefield_identity WHERE epoch = ?) {taken}";

    /// Gives the database one more identity, the newest: identity.
    next_identity = "INSERT INTO filefield_identity (epoch, identity) \
        SELECT MAX(epoch) + 1, ? FROM filefield_identity";

    /// Drops an entry, unless another sweeper has acquired it since: id, attempts.
    forget = "DELETE FROM filefield_journal WHERE id = ? AND attempts = ? AND state <> 'pending'";

    /// Makes an entry a tombstone, which keeps the name reserved until a second look: delay, id, attempts.
    bury = "UPDATE filefield_journal SET state = 'tombstone', attempts = 0, last_error = NULL, due_at = {now} + ? \
        WHERE id = ? AND attempts = ? AND state <> 'pending'";

    /// Notes a failure: error, id.
    failed = "UPDATE filefield_journal SET last_error = ? WHERE id = ?";

    /// Gives up on an entry, which then waits for a person: error, id, attempts.
    dead = format!("UPDATE filefield_journal SET state = 'dead', due_at = {NEVER}, last_error = ? \
        WHERE id = ? AND attempts = ? AND state <> 'pending'");

    /// The storages of entries that are due: → storage.
    due_storages = "SELECT DISTINCT storage FROM filefield_journal WHERE due_at <= {now} AND state <> 'dead'";

    /// Entries of a storage that are due and not locked: storage, limit → id.
    due_of = "SELECT id FROM filefield_journal WHERE due_at <= {now} AND state <> 'dead' AND storage = ? \
        ORDER BY due_at, id LIMIT ? {skip}";

    /// Puts off an entry whose storage is not available: reason, seconds, id. This is no attempt.
    put_off = "UPDATE filefield_journal SET last_error = ?, due_at = {now} + ? WHERE id = ? AND state <> 'dead'";

    /// The root that a storage had at the first save: storage → identity.
    root = "SELECT identity FROM filefield_roots WHERE storage = ?";

    /// Records the root of a storage: storage, identity.
    add_root = "INSERT INTO filefield_roots (storage, identity) VALUES (?, ?)";

    /// Forgets the root of a storage: storage.
    forget_root = "DELETE FROM filefield_roots WHERE storage = ?";

    /// How many entries wait for a person: → n.
    count_dead = format!("SELECT COUNT(*) AS n FROM filefield_journal WHERE due_at = {NEVER} AND state = 'dead'");

    /// The entries that wait for a person, oldest first: limit.
    dead_entries = format!("SELECT id, storage, name, kind, last_error, model_table, model_column \
        FROM filefield_journal WHERE due_at = {NEVER} AND state = 'dead' ORDER BY id LIMIT ?");

    /// Makes an entry that waits for a person due again: id.
    retry = format!("UPDATE filefield_journal SET state = 'reaping', due_at = {{now}} WHERE id = ? AND state = 'dead' \
        AND (last_error IS NULL OR last_error <> '{MISSING}')");

    /// Drops an entry that waits for a person: id.
    drop_dead = "DELETE FROM filefield_journal WHERE id = ? AND state = 'dead'";

    /// The names that are reserved because their files are missing: id of the last one, limit.
    missing = format!("SELECT id, storage, name FROM filefield_journal WHERE state = 'dead' \
        AND last_error = '{MISSING}' AND id > ? ORDER BY id LIMIT ?");

    /// Reserves the name of a missing file, as an entry that waits for a person: storage, name, token, table,
    /// column → id.
    reserve_missing = format!("INSERT INTO filefield_journal \
        (storage, name, kind, state, token, due_at, last_error, model_table, model_column) \
        SELECT ?, ?, 'delete', 'dead', ?, {NEVER}, '{MISSING}', ?, ? {{dual}} WHERE {CURRENT} \
        {{conflict}} attempts = filefield_journal.attempts + 1, state = 'dead', due_at = {NEVER}, \
        last_error = {{new}}last_error{{end}} {{id}}");

    /// Whether a name has an entry: aliases, name.
    is_known = "SELECT 1 AS n FROM filefield_journal WHERE {aliases} AND name = ?";

    /// Notes a column that holds names of files, for sweepers that do not know its model: table, column,
    /// storage, location, column that records the storage of each file.
    add_column = "INSERT INTO filefield_columns (model_table, model_column, storage, location, meta_column) \
        VALUES (?, ?, ?, ?, ?)";

    /// The same for a column that is noted already: storage, location, column that records the storage of
    /// each file, table, column.
    set_column = "UPDATE filefield_columns SET storage = ?, location = ?, meta_column = ? \
        WHERE model_table = ? AND model_column = ?";

    /// Whether a column is noted: table, column.
    is_column = "SELECT 1 AS n FROM filefield_columns WHERE model_table = ? AND model_column = ?";

    /// All columns that hold names of files: → model_table, model_column, storage, location, meta_column.
    columns = "SELECT model_table, model_column, storage, location, meta_column FROM filefield_columns";

    /// Forgets a column: table, column.
    forget_column = "DELETE FROM filefield_columns WHERE model_table = ? AND model_column = ?";

    /// Whether a column has the triggers of `trigger_sql`: table, column.
    has_triggers = "SELECT 1 AS n FROM filefield_columns \
        WHERE model_table = ? AND model_column = ? AND triggers = 1";
}

const ENTRY: &str =
    "id, storage, name, kind, state, token, multipart_id, attempts, model_table, model_column";
/// A condition: an entry is that of a staged file: id.
pub(crate) const PENDING_WRITE: &str = "id = ? AND kind = 'write' AND state = 'pending'";
/// The token of an entry that only holds a name.
const HELD: &str = "held";
/// Whether this database has an identity: identity.
const OWN: &str = "SELECT 1 AS n FROM filefield_identity WHERE identity = ?";
/// A condition: the tables have the version that these statements are for.
const CURRENT: &str = "(SELECT MAX(version) FROM filefield_version) = 1";

impl Sql {
    /// Returns the statements for `dialect`.
    pub(crate) fn of(dialect: Dialect) -> &'static Sql {
        static SQLITE: LazyLock<Sql> = LazyLock::new(|| Sql::new(Dialect::Sqlite));
        static POSTGRES: LazyLock<Sql> = LazyLock::new(|| Sql::new(Dialect::Postgres));
        static MYSQL: LazyLock<Sql> = LazyLock::new(|| Sql::new(Dialect::MySql));
        match dialect {
            Dialect::Sqlite => &SQLITE,
            Dialect::Postgres => &POSTGRES,
            Dialect::MySql => &MYSQL,
        }
    }
}

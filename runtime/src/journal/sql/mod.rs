//! The journal's statements as plain text, apart from the library that runs them: one set for each database.

mod ddl;
mod dialect;

pub(crate) use ddl::ddl;
pub(crate) use dialect::Dialect;

use std::sync::LazyLock;

/// The version of the tables that these statements are for.
pub(crate) const VERSION: i64 = 1;

/// The due time of an entry that waits for a person, out of the way of those that come due.
const NEVER: i64 = i64::MAX;

/// What an entry says that reserves the name of a missing file.
const MISSING: &str = "the file of a restored row is missing; the name is reserved for it";

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {
        /// The statements in the words of one database.
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
    /// W1: storage, name, token, lease, table, column, identity, aliases, name → id; no row where the name is reserved,
    /// where the database does not have that identity, or where the tables are newer. Aliases of one storage are a JSON
    /// array.
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

    /// Makes an entry due at once, with the error that led to it: error, id.
    expire = format!("UPDATE filefield_journal SET due_at = {{now}}, last_error = ? WHERE {PENDING_WRITE}");

    /// Notes the id of an upload in parts: multipart id, id.
    note_parts = format!("UPDATE filefield_journal SET multipart_id = ? WHERE {PENDING_WRITE}");

    /// Takes a direct upload in hand, as a sweeper does: back-off, whose hand, id, token, attempts so far.
    claim = format!("UPDATE filefield_journal SET due_at = {{now}} + ?, state = 'reaping', attempts = attempts + 1, \
        last_error = ? WHERE {PENDING_WRITE} AND token = ? AND attempts = ?");

    /// Gives a claimed upload back, unless a sweeper has fenced it since, or another claim has it: lease, id, attempts,
    /// whose hand.
    give_back = "UPDATE filefield_journal SET due_at = {now} + ?, state = 'pending', attempts = 0, last_error = NULL \
        WHERE id = ? AND attempts = ? AND last_error = ? AND state = 'reaping'";

    /// One entry: id.
    entry = format!("SELECT {ENTRY} FROM filefield_journal WHERE id = ?");

    /// W4: the fence. Exactly one row, or somebody else has the file: id.
    attach = format!("DELETE FROM filefield_journal WHERE {PENDING_WRITE}");

    /// Whether an entry is that of a staged file still: id.
    is_staged = format!("SELECT 1 AS n FROM filefield_journal WHERE {PENDING_WRITE}");

    /// Queues a deletion: storage, name, token, grace, table, column → id; no row where the tables are newer. Where one
    /// is queued already it starts again, out of the hands of a sweeper that saw the name still in use; that counts as
    /// a fence, because it may be about to delete.
    queue = format!("INSERT INTO filefield_journal \
        (storage, name, kind, state, token, due_at, model_table, model_column) \
        SELECT ?, ?, 'delete', 'pending', ?, {{now}} + ?, ?, ? {{dual}} WHERE {CURRENT} \
        {{conflict}} attempts = CASE filefield_journal.state WHEN 'pending' THEN filefield_journal.attempts \
        ELSE filefield_journal.attempts + 1 END, state = 'pending', multipart_id = NULL, \
        token = {{new}}token{{end}}, due_at = {{new}}due_at{{end}}, \
        model_table = {{new}}model_table{{end}}, model_column = {{new}}model_column{{end}} {{id}}");

    /// Holds a name that is assigned by hand, so that a transaction that lets go of it, and a sweeper, wait for this
    /// one or are seen by it: storage, name, table, column → id. What it makes is dropped again by `unhold`.
    hold = format!("INSERT INTO filefield_journal \
        (storage, name, kind, state, token, due_at, model_table, model_column) \
        SELECT ?, ?, 'delete', 'pending', '{HELD}', {{now}}, ?, ? {{dual}} WHERE {CURRENT} \
        {{conflict}} due_at = filefield_journal.due_at {{id}}");

    /// Drops what `hold` has made, and not what was there before: id.
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

    /// G1: what is due and in nobody's hands: limit.
    due = format!("SELECT {ENTRY} FROM filefield_journal WHERE due_at <= {{now}} AND state <> 'dead' \
        ORDER BY due_at, id LIMIT ? {{skip}}");

    /// G1 for one entry whatever its due time, if nobody has fenced it yet: id.
    one = format!("SELECT {ENTRY} FROM filefield_journal WHERE id = ? AND state = 'pending' {{skip}}");

    /// G1: fences an entry that was read with a lock, and moves it out of other sweepers' sight: back-off, id.
    fence = "UPDATE filefield_journal SET due_at = {now} + ? * {doubled}, \
        state = CASE state WHEN 'pending' THEN 'reaping' ELSE state END, attempts = attempts + 1 WHERE id = ?";

    /// G3: notes whose file a deletion is about, before the file goes: owner token, id, attempts, identity in the token.
    /// No row where another database issued the token. A deletion has no upload in parts.
    mark_owner = format!("UPDATE filefield_journal SET multipart_id = ? \
        WHERE id = ? AND attempts = ? AND state <> 'pending' AND EXISTS ({OWN})");

    /// Whether a token with this identity was issued by this database: identity.
    is_own = format!("{OWN}");

    /// The identity that new tokens carry: → identity.
    identity = "SELECT identity FROM filefield_identity WHERE epoch >= 0 ORDER BY epoch DESC LIMIT 1";

    /// Gives the database an identity, where it has none of that epoch: epoch, identity, epoch.
    add_identity = "INSERT INTO filefield_identity (epoch, identity) SELECT ?, ? {dual} \
        WHERE NOT EXISTS (SELECT 1 FROM filefield_identity WHERE epoch = ?) {taken}";

    /// Gives the database one more identity, the newest: identity.
    next_identity = "INSERT INTO filefield_identity (epoch, identity) \
        SELECT MAX(epoch) + 1, ? FROM filefield_identity";

    /// G5: forgets an entry, unless another sweeper has fenced it since: id, attempts.
    forget = "DELETE FROM filefield_journal WHERE id = ? AND attempts = ? AND state <> 'pending'";

    /// G5: keeps the name reserved, for a second look later: delay, id, attempts.
    bury = "UPDATE filefield_journal SET state = 'tombstone', attempts = 0, last_error = NULL, due_at = {now} + ? \
        WHERE id = ? AND attempts = ? AND state <> 'pending'";

    /// Notes a failure: error, id.
    failed = "UPDATE filefield_journal SET last_error = ? WHERE id = ?";

    /// Gives up on an entry, for a person to look at: error, id, attempts.
    dead = format!("UPDATE filefield_journal SET state = 'dead', due_at = {NEVER}, last_error = ? \
        WHERE id = ? AND attempts = ? AND state <> 'pending'");

    /// The storages of entries that are due: → storage.
    due_storages = "SELECT DISTINCT storage FROM filefield_journal WHERE due_at <= {now} AND state <> 'dead'";

    /// Entries that are due and in nobody's hands: storage, limit → id.
    due_of = "SELECT id FROM filefield_journal WHERE due_at <= {now} AND state <> 'dead' AND storage = ? \
        ORDER BY due_at, id LIMIT ? {skip}";

    /// Puts off an entry whose storage is not available: reason, seconds, id. It is no attempt.
    put_off = "UPDATE filefield_journal SET last_error = ?, due_at = {now} + ? WHERE id = ? AND state <> 'dead'";

    /// The root that a storage had at the first save: storage → identity.
    root = "SELECT identity FROM filefield_roots WHERE storage = ?";

    /// Records that root: storage, identity.
    add_root = "INSERT INTO filefield_roots (storage, identity) VALUES (?, ?)";

    /// Forgets it: storage.
    forget_root = "DELETE FROM filefield_roots WHERE storage = ?";

    /// How many entries wait for a person: → n.
    count_dead = format!("SELECT COUNT(*) AS n FROM filefield_journal WHERE due_at = {NEVER} AND state = 'dead'");

    /// The entries that wait for a person, oldest first: limit.
    dead_entries = format!("SELECT id, storage, name, kind, last_error, model_table, model_column \
        FROM filefield_journal WHERE due_at = {NEVER} AND state = 'dead' ORDER BY id LIMIT ?");

    /// Makes an entry due again that waits for a person: id.
    retry = format!("UPDATE filefield_journal SET state = 'reaping', due_at = {{now}} WHERE id = ? AND state = 'dead' \
        AND (last_error IS NULL OR last_error <> '{MISSING}')");

    /// Drops an entry that waits for a person: id.
    drop_dead = "DELETE FROM filefield_journal WHERE id = ? AND state = 'dead'";

    /// The names that are reserved because their files are missing: id of the last one, limit.
    missing = format!("SELECT id, storage, name FROM filefield_journal WHERE state = 'dead' \
        AND last_error = '{MISSING}' AND id > ? ORDER BY id LIMIT ?");

    /// Reserves the name of a file that is missing, as an entry that waits for a person: storage, name, token, table,
    /// column → id.
    reserve_missing = format!("INSERT INTO filefield_journal \
        (storage, name, kind, state, token, due_at, last_error, model_table, model_column) \
        SELECT ?, ?, 'delete', 'dead', ?, {NEVER}, '{MISSING}', ?, ? {{dual}} WHERE {CURRENT} \
        {{conflict}} attempts = filefield_journal.attempts + 1, state = 'dead', due_at = {NEVER}, \
        last_error = {{new}}last_error{{end}} {{id}}");

    /// Whether there is an entry of a name: aliases, name.
    is_known = "SELECT 1 AS n FROM filefield_journal WHERE {aliases} AND name = ?";

    /// Notes a column that holds names of files, for sweepers that do not know its model: table, column, storage,
    /// location, column that states the storage of each.
    add_column = "INSERT INTO filefield_columns (model_table, model_column, storage, location, meta_column) \
        VALUES (?, ?, ?, ?, ?)";

    /// The same for a column that is known: storage, location, column that states the storage of each, table, column.
    set_column = "UPDATE filefield_columns SET storage = ?, location = ?, meta_column = ? \
        WHERE model_table = ? AND model_column = ?";

    /// Whether a column is known: table, column.
    is_column = "SELECT 1 AS n FROM filefield_columns WHERE model_table = ? AND model_column = ?";

    /// All columns that hold names of files: → model_table, model_column, storage, location, meta_column.
    columns = "SELECT model_table, model_column, storage, location, meta_column FROM filefield_columns";

    /// Forgets a column: table, column.
    forget_column = "DELETE FROM filefield_columns WHERE model_table = ? AND model_column = ?";

    /// Whether a column has triggers that do what a save does: table, column.
    has_triggers = "SELECT 1 AS n FROM filefield_columns \
        WHERE model_table = ? AND model_column = ? AND triggers = 1";
}

const ENTRY: &str =
    "id, storage, name, kind, state, token, multipart_id, attempts, model_table, model_column";
/// Whether an entry is that of a staged file still: id.
pub(crate) const PENDING_WRITE: &str = "id = ? AND kind = 'write' AND state = 'pending'";
/// The token of an entry that only holds a name.
const HELD: &str = "held";
/// An identity of this database: identity.
const OWN: &str = "SELECT 1 AS n FROM filefield_identity WHERE identity = ?";
/// Whether the tables are those that these statements know.
const CURRENT: &str = "(SELECT MAX(version) FROM filefield_version) = 1";

impl Sql {
    /// The statements for `dialect`.
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

//! For SQLite. There is one writer at a time, so what a trigger reads holds until the commit.

use super::{Named, Watched};

pub(super) fn create(watched: &Watched) -> Vec<String> {
    let table = watched.quoted_table();
    let (new, old) = (watched.of("NEW"), watched.of("OLD"));
    // The column may have a collation of its own.
    let mut differs = format!("{new} COLLATE BINARY IS NOT {old} COLLATE BINARY");
    if watched.meta.is_some() {
        differs =
            format!("({differs} OR {} IS NOT {})", watched.storage_of("NEW"), watched.storage_of("OLD"));
    }
    let mut statements = vec!["CREATE TABLE IF NOT EXISTS filefield_adopt (adopt INTEGER NOT NULL)".into()];
    let mut trigger = |event: &str, on: &str, when: String, body: String| {
        let name = watched.trigger(event);
        statements.push(format!(
            "CREATE TRIGGER {name} AFTER {on} ON {table} FOR EACH ROW WHEN {when}\nBEGIN\n{body}END"
        ));
    };
    let named = format!("COALESCE({new}, '') <> ''");
    let let_go = format!("COALESCE({old}, '') <> ''");
    trigger("insert", "INSERT", named.clone(), take(watched));
    let mut update = take_where(watched, &named);
    if watched.on_replace {
        update.push_str(&queue(watched, &let_go));
    }
    trigger("update", &format!("UPDATE OF {}", watched.updated()), differs, update);
    if watched.on_delete {
        trigger("delete", "DELETE", let_go, queue(watched, "1"));
    }
    statements
}

fn take(watched: &Watched) -> String {
    take_where(watched, "1")
}

/// Forgets the write entry of the new name, where `condition` holds.
fn take_where(watched: &Watched, condition: &str) -> String {
    let (name, storage) = (watched.of("NEW"), watched.storage_of("NEW"));
    let new = Named { name: &name, storage: &storage };
    let adopting = "EXISTS (SELECT 1 FROM filefield_adopt)";
    let (pending, fenced) = (new.pending_write(), new.fenced());
    format!(
        "  SELECT RAISE(ABORT, {refusal}) WHERE {condition} AND NOT {adopting}\n    \
        AND NOT EXISTS (SELECT 1 FROM filefield_journal WHERE {pending});\n  \
        SELECT RAISE(ABORT, {going}) WHERE {condition} AND {adopting}\n    \
        AND EXISTS (SELECT 1 FROM filefield_journal WHERE {fenced});\n  \
        {take} AND {condition};\n",
        refusal = watched.refusal(),
        going = watched.going(),
        take = new.take(),
    )
}

/// Queues the deletion of the old name, where `condition` holds. In two statements: an `OR REPLACE` or `OR IGNORE` of
/// the statement that fired the trigger would count for an `ON CONFLICT` in here.
fn queue(watched: &Watched, condition: &str) -> String {
    let (old, storage) = (watched.of("OLD"), watched.storage_of("OLD"));
    let [table, column, _] = watched.hints();
    let entry = format!("{} AND kind = 'delete'", Named { name: &old, storage: &storage }.entry());
    let due = watched.due();
    format!(
        "  UPDATE filefield_journal SET attempts = attempts + (state <> 'pending'), state = 'pending',\n    \
        token = lower(hex(randomblob(16))), due_at = {due}, model_table = {table}, model_column = {column}\n    \
        WHERE {entry} AND {condition};\n  \
        INSERT INTO filefield_journal (storage, name, kind, state, token, due_at, model_table, model_column)\n    \
        SELECT {storage}, {old}, 'delete', 'pending', lower(hex(randomblob(16))), {due}, {table}, {column}\n    \
        WHERE {condition} AND NOT EXISTS (SELECT 1 FROM filefield_journal WHERE {entry});\n"
    )
}

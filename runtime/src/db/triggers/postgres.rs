//! For PostgreSQL: one function and one trigger a column.

use super::{Named, Watched};
use crate::journal::Dialect;

pub(super) fn create(watched: &Watched) -> Vec<String> {
    let (table, columns) = (watched.quoted_table(), watched.updated());
    let (function, trigger) = (watched.trigger("watch"), watched.trigger("watch"));
    // Whoever fires the trigger may look for tables elsewhere than whoever makes it.
    let (body, tag) = (body(watched), tag(watched));
    let events = if watched.on_delete { " OR DELETE" } else { "" };
    vec![
        format!(
            "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger\n\
            LANGUAGE plpgsql SET search_path FROM CURRENT AS {tag}\n{body}{tag}"
        ),
        format!(
            "CREATE TRIGGER {trigger} AFTER INSERT OR UPDATE OF {columns}{events} ON {table}\n\
            FOR EACH ROW EXECUTE FUNCTION {function}()"
        ),
    ]
}

pub(super) fn remove(watched: &Watched) -> Vec<String> {
    let (table, name) = (watched.quoted_table(), watched.trigger("watch"));
    vec![format!("DROP TRIGGER IF EXISTS {name} ON {table}"), format!("DROP FUNCTION IF EXISTS {name}()")]
}

/// A quote that is in no identifier of the function.
fn tag(watched: &Watched) -> String {
    let mut tag = "$filefield$".to_owned();
    let texts = [watched.table, watched.column, watched.meta.unwrap_or_default(), &watched.storage];
    while texts.iter().any(|text| text.contains(&tag)) {
        tag.insert(1, '_');
    }
    tag
}

fn body(watched: &Watched) -> String {
    let [table, column, _] = watched.hints();
    let (new, old) = (watched.of("NEW"), watched.of("OLD"));
    let (new_storage, old_storage) = (watched.storage_of("NEW"), watched.storage_of("OLD"));
    let named = Named { name: "new_name", storage: "new_storage" };
    let update = if watched.on_replace { "TRUE" } else { "FALSE" };
    let text = format!(
        "DECLARE\n  \
        new_name text COLLATE \"C\" := CASE TG_OP WHEN 'DELETE' THEN '' ELSE COALESCE({new}, '') END;\n  \
        old_name text COLLATE \"C\" := CASE TG_OP WHEN 'INSERT' THEN '' ELSE COALESCE({old}, '') END;\n  \
        new_storage text COLLATE \"C\" := CASE TG_OP WHEN 'DELETE' THEN '' ELSE {new_storage} END;\n  \
        old_storage text COLLATE \"C\" := CASE TG_OP WHEN 'INSERT' THEN '' ELSE {old_storage} END;\n\
        BEGIN\n  \
        IF new_name = old_name AND (new_name = '' OR new_storage = old_storage) THEN\n    \
        RETURN NULL;\n  \
        END IF;\n  \
        IF new_name <> '' THEN\n    \
        {take};\n    \
        IF NOT FOUND THEN\n      \
        IF COALESCE(current_setting('filefield.adopt', TRUE), '') <> 'on' THEN\n        \
        RAISE EXCEPTION USING MESSAGE = {refusal}, ERRCODE = 'integrity_constraint_violation',\n          \
        DETAIL = 'The name: ' || new_name;\n      \
        END IF;\n      \
        INSERT INTO filefield_journal (storage, name, kind, state, token, due_at, model_table, model_column)\n        \
        VALUES (new_storage, new_name, 'delete', 'pending', 'held', {{now}}, {table}, {column})\n        \
        ON CONFLICT (name, storage, kind) DO UPDATE SET due_at = filefield_journal.due_at;\n      \
        PERFORM 1 FROM filefield_journal WHERE {fenced} FOR UPDATE;\n      \
        IF FOUND THEN\n        \
        RAISE EXCEPTION USING MESSAGE = {going}, ERRCODE = 'integrity_constraint_violation',\n          \
        DETAIL = 'The name: ' || new_name;\n      \
        END IF;\n      \
        DELETE FROM filefield_journal WHERE {entry} AND kind = 'delete' AND token = 'held';\n    \
        END IF;\n  \
        END IF;\n  \
        IF old_name <> '' AND (TG_OP = 'DELETE' OR {update}) THEN\n    \
        INSERT INTO filefield_journal (storage, name, kind, state, token, due_at, model_table, model_column)\n      \
        VALUES (old_storage, old_name, 'delete', 'pending', replace(gen_random_uuid()::text, '-', ''), {due},\n        \
        {table}, {column})\n      \
        ON CONFLICT (name, storage, kind) DO UPDATE SET\n        \
        attempts = filefield_journal.attempts + CASE filefield_journal.state WHEN 'pending' THEN 0 ELSE 1 END,\n        \
        state = 'pending', token = excluded.token, due_at = excluded.due_at,\n        \
        model_table = excluded.model_table, model_column = excluded.model_column;\n  \
        END IF;\n  \
        RETURN NULL;\n\
        END;\n",
        take = named.take(),
        entry = named.entry(),
        fenced = named.fenced(),
        due = watched.due(),
        refusal = watched.refusal(),
        going = watched.going(),
    );
    text.replace("{now}", Dialect::Postgres.now())
}

//! For MariaDB and MySQL.

use super::{Named, Watched};
use crate::journal::Dialect;

pub(super) fn create(watched: &Watched) -> Vec<String> {
    let table = watched.quoted_table();
    let (new, old) = (declared(watched, "NEW", "new"), declared(watched, "OLD", "old"));
    let differs = "(new_name <> old_name OR new_storage <> old_storage)";
    let mut statements = Vec::new();
    let mut trigger = |event: &str, body: String| {
        let name = watched.trigger(event);
        let on = event.to_uppercase();
        statements
            .push(format!("CREATE TRIGGER {name} AFTER {on} ON {table} FOR EACH ROW\nBEGIN\n{body}END"));
    };
    trigger("insert", format!("{new}{}", take(watched, "TRUE")));
    let mut update = format!("{new}{old}{}", take(watched, differs));
    if watched.on_replace {
        update.push_str(&queue(watched, differs));
    }
    trigger("update", update);
    if watched.on_delete {
        trigger("delete", format!("{old}{}", queue(watched, "TRUE")));
    }
    statements
}

/// The name in a row and the storage that it is in, bytewise in UTF-8 whatever the columns' character sets and
/// collations.
fn declared(watched: &Watched, row: &str, prefix: &str) -> String {
    let name = format!("COALESCE({}, '')", watched.of(row));
    let variable = |variable: &str, bytes: u32, value: &str| {
        format!(
            "  DECLARE {prefix}_{variable} VARBINARY({bytes}) \
            DEFAULT CAST(CONVERT({value} USING utf8mb4) AS BINARY);\n"
        )
    };
    variable("name", 4096, &name) + &variable("storage", 1024, &watched.storage_of(row))
}

fn take(watched: &Watched, condition: &str) -> String {
    let [table, column, _] = watched.hints();
    let named = Named { name: "new_name", storage: "new_storage" };
    let text = format!(
        "  IF new_name <> '' AND {condition} THEN\n    \
        {take};\n    \
        IF ROW_COUNT() = 0 THEN\n      \
        IF NOT (CAST(@filefield_adopt AS BINARY) <=> CAST('on' AS BINARY)) THEN\n        \
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = {refusal};\n      \
        END IF;\n      \
        INSERT INTO filefield_journal (storage, name, kind, state, token, due_at, model_table, model_column)\n        \
        VALUES (new_storage, new_name, 'delete', 'pending', 'held', {{now}}, {table}, {column})\n        \
        ON DUPLICATE KEY UPDATE due_at = due_at;\n      \
        IF EXISTS (SELECT 1 FROM filefield_journal WHERE {fenced} FOR UPDATE) THEN\n        \
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = {going};\n      \
        END IF;\n      \
        DELETE FROM filefield_journal WHERE {entry} AND kind = 'delete' AND token = 'held';\n    \
        END IF;\n  \
        END IF;\n",
        take = named.take(),
        entry = named.entry(),
        fenced = named.fenced(),
        refusal = watched.refusal(),
        going = watched.going(),
    );
    text.replace("{now}", Dialect::MySql.now())
}

fn queue(watched: &Watched, condition: &str) -> String {
    let [table, column, _] = watched.hints();
    let due = watched.due();
    format!(
        "  IF old_name <> '' AND {condition} THEN\n    \
        INSERT INTO filefield_journal (storage, name, kind, state, token, due_at, model_table, model_column)\n      \
        VALUES (old_storage, old_name, 'delete', 'pending', REPLACE(UUID(), '-', ''), {due}, {table}, {column})\n      \
        ON DUPLICATE KEY UPDATE attempts = attempts + (state <> 'pending'), state = 'pending',\n        \
        token = VALUES(token), due_at = VALUES(due_at),\n        \
        model_table = VALUES(model_table), model_column = VALUES(model_column);\n  \
        END IF;\n"
    )
}

//! For MariaDB and MySQL.

use super::Watched;
use crate::journal::Dialect;

pub(super) fn create(watched: &Watched) -> Vec<String> {
    let table = watched.quoted_table();
    let (new, old) = (name(watched, "NEW"), name(watched, "OLD"));
    let mut statements = Vec::new();
    let mut trigger = |event: &str, body: String| {
        let name = watched.trigger(event);
        let on = event.to_uppercase();
        statements
            .push(format!("CREATE TRIGGER {name} AFTER {on} ON {table} FOR EACH ROW\nBEGIN\n{body}END"));
    };
    trigger(
        "insert",
        format!("  DECLARE new_name VARBINARY(4096) DEFAULT {new};\n{}", take(watched, "TRUE")),
    );
    let mut update = format!(
        "  DECLARE new_name VARBINARY(4096) DEFAULT {new};\n  DECLARE old_name VARBINARY(4096) DEFAULT {old};\n{}",
        take(watched, "new_name <> old_name")
    );
    if watched.on_replace {
        update.push_str(&queue(watched, "new_name <> old_name"));
    }
    trigger("update", update);
    if watched.on_delete {
        let declared = format!("  DECLARE old_name VARBINARY(4096) DEFAULT {old};\n");
        trigger("delete", format!("{declared}{}", queue(watched, "TRUE")));
    }
    statements
}

/// The name in a row, bytewise in UTF-8 whatever the column's character set and collation.
fn name(watched: &Watched, row: &str) -> String {
    format!("CAST(CONVERT(COALESCE({}, '') USING utf8mb4) AS BINARY)", watched.of(row))
}

fn take(watched: &Watched, condition: &str) -> String {
    let [table, column, storage] = watched.hints();
    let text = format!(
        "  IF new_name <> '' AND {condition} THEN\n    \
        {take};\n    \
        IF ROW_COUNT() = 0 THEN\n      \
        IF NOT (CAST(@filefield_adopt AS BINARY) <=> CAST('on' AS BINARY)) THEN\n        \
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = {refusal};\n      \
        END IF;\n      \
        INSERT INTO filefield_journal (storage, name, kind, state, token, due_at, model_table, model_column)\n        \
        VALUES ({storage}, new_name, 'delete', 'pending', 'held', {{now}}, {table}, {column})\n        \
        ON DUPLICATE KEY UPDATE due_at = due_at;\n      \
        IF EXISTS (SELECT 1 FROM filefield_journal WHERE {fenced} FOR UPDATE) THEN\n        \
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = {going};\n      \
        END IF;\n      \
        DELETE FROM filefield_journal WHERE {entry} AND kind = 'delete' AND token = 'held';\n    \
        END IF;\n  \
        END IF;\n",
        take = watched.take("new_name"),
        entry = watched.entry("new_name"),
        fenced = watched.fenced("new_name"),
        refusal = watched.refusal(),
        going = watched.going(),
    );
    text.replace("{now}", Dialect::MySql.now())
}

fn queue(watched: &Watched, condition: &str) -> String {
    let [table, column, storage] = watched.hints();
    let text = format!(
        "  IF old_name <> '' AND {condition} THEN\n    \
        INSERT INTO filefield_journal (storage, name, kind, state, token, due_at, model_table, model_column)\n      \
        VALUES ({storage}, old_name, 'delete', 'pending', REPLACE(UUID(), '-', ''), {{now}}, {table}, {column})\n      \
        ON DUPLICATE KEY UPDATE attempts = attempts + (state <> 'pending'), state = 'pending',\n        \
        token = VALUES(token), due_at = VALUES(due_at),\n        \
        model_table = VALUES(model_table), model_column = VALUES(model_column);\n  \
        END IF;\n"
    );
    text.replace("{now}", Dialect::MySql.now())
}

#![allow(clippy::unwrap_used)]
use super::*;

fn watched(dialect: Dialect, on_replace: bool, on_delete: bool) -> Watched {
    Watched {
        dialect,
        table: "ca'r$filefield$s",
        column: "pho\\to",
        meta: Some("me\"ta"),
        storage: "ö`\"".into(),
        grace: 0,
        on_replace,
        on_delete,
    }
}

#[test]
fn identifiers_and_texts_are_quoted() {
    let text = |dialect| watched(dialect, true, true).create().join("\n");
    for (dialect, table, storage) in [
        (Dialect::Sqlite, r#"ON "ca'r$filefield$s""#, r#"'ö`"'"#),
        (Dialect::Postgres, r#"ON "ca'r$filefield$s""#, r#"'ö`"'"#),
        (Dialect::MySql, "ON `ca'r$filefield$s`", "X'C3B66022'"),
    ] {
        let text = text(dialect);
        assert!(text.contains(table) && text.contains(storage), "{text}");
        assert!(text.contains("'ca''r$filefield$s'") && !text.contains("'ca'r"), "{text}");
        assert!(!text.contains("{now}"), "{text}");
    }
    assert!(text(Dialect::Postgres).contains("AS $_filefield$\n"));
    assert!(text(Dialect::MySql).contains("X'70686F5C746F'"), "a backslash may escape");
}

#[test]
fn a_file_that_is_kept_is_never_queued() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql] {
        let text = watched(dialect, false, false).create().join("\n");
        assert!(!text.contains("AFTER DELETE") && !text.contains("OR DELETE"), "{text}");
        assert!(!text.contains("UUID()") && !text.contains("randomblob"), "{text}");
    }
}

#[test]
fn a_script_is_cut_where_its_statements_end() {
    let statements = watched(Dialect::MySql, true, true).create();
    let script = Script { dialect: Dialect::MySql, statements: statements.clone() }.to_string();
    let cut: Vec<_> = script
        .strip_prefix("DELIMITER //\n")
        .and_then(|rest| rest.strip_suffix("DELIMITER ;\n"))
        .unwrap()
        .split_terminator("//\n")
        .collect();
    assert_eq!(cut, statements);
}

#[test]
fn messages_fit_everywhere() {
    let long = Watched {
        table: "a_table_with_a_name_of_sixty_three_characters_as_there_may_be_some",
        ..watched(Dialect::MySql, true, true)
    };
    for message in [long.refusal(), long.going()] {
        assert!(message.len() <= 130, "{message}");
    }
    assert!(long.refusal().contains(NOT_STAGED));
}

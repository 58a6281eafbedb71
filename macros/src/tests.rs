//! Compares expansions with reviewed ones, and checks the mistakes that the macro reports without the
//! compiler.
//!
//! `BLESS=1 cargo test -p filefield-macros` rewrites `tests/expand/*.out.rs`.
#![allow(clippy::unwrap_used)]

use crate::errors::Errors;
use crate::list::{self, Given};
use crate::{derive, guarded};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

fn expand(source: &str) -> TokenStream {
    guarded(source.parse().unwrap(), derive)
}

/// Compares token by token. Ignores the commas that rustfmt adds before a closing delimiter.
fn normal(tokens: TokenStream) -> String {
    let mut text = String::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                text.extend([open, " ", &normal(group.stream()), close, " "]);
            }
            TokenTree::Punct(comma)
                if comma.as_char() == ',' && matches!(tokens.peek(), None | Some(TokenTree::Group(_))) => {}
            token => text.extend([&token.to_string(), " "]),
        }
    }
    text
}

fn rustfmt(source: &str) -> String {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--config", "max_width=110,reorder_imports=false"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn expansions_are_as_reviewed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expand");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let input = entry.unwrap().path();
        let Some(name) = input.file_name().unwrap().to_str().unwrap().strip_suffix(".in.rs") else {
            continue;
        };
        seen += 1;
        let output = folder.join(format!("{name}.out.rs"));
        let got = expand(&std::fs::read_to_string(&input).unwrap());
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&output, rustfmt(&got.to_string())).unwrap();
        }
        let want: TokenStream = std::fs::read_to_string(&output).unwrap_or_default().parse().unwrap();
        assert_eq!(normal(got), normal(want), "{name}");
    }
    assert!(seen >= 8);
}

/// A bound that two places require produces two errors.
#[test]
fn each_user_type_and_path_stands_in_one_bound() {
    let source = include_str!("../tests/expand/with_table.in.rs");
    let text = normal(expand(source));
    let text = text.replace(": :", "::");
    let count = |needle: &str| text.matches(needle).count();
    for ty in ["String", "Price"] {
        assert_eq!(count(&format!("column :: < Car , {ty} >")), 1, "{ty}");
    }
    assert_eq!(count("type Key = i64"), 1);
    assert_eq!(count("column :: < Car , i64 >"), 0);
    assert_eq!((count("file_column :: < Car , Option < FileField > >"), count("file_field")), (1, 0));
    assert_eq!((count("image_column :: < Car , ImageField >"), count("image_field")), (1, 0));
    assert_eq!((count("pixel_count :: < Option < u32 > >"), count("file_meta :: < FileMeta >")), (1, 1));
    assert_eq!((count("stores :: photos"), count("( manual_name , self")), (1, 1));
    for (name, ty) in [
        ("smallest", "file_field :: < FileField >"),
        ("every_key", "image_field :: < Option < ImageField > >"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/expand/{name}.in.rs"));
        let text = normal(expand(&std::fs::read_to_string(path).unwrap())).replace(": :", "::");
        assert_eq!(text.matches(ty).count(), 1, "{ty}");
    }
}

/// Counts the lines that one more file field adds to a struct without a table. Leaves out documentation and
/// what only editors see.
#[test]
fn expansions_are_short() {
    const MOST: usize = 25;
    let lines = |fields: usize| {
        let file =
            |number| format!("#[file(upload_to = \"photos/%Y\", max_size = 9)] photo{number}: ImageField,");
        let source = format!("struct User {{ {} }}", (0..fields).map(file).collect::<String>());
        let text = rustfmt(&expand(&source).to_string());
        let hidden = ["#[doc", "__ff::keys!"];
        text.lines().filter(|line| !hidden.iter().any(|start| line.trim_start().starts_with(start))).count()
    };
    let a_field = (lines(12) - lines(2)).div_ceil(10);
    println!("{a_field} lines a file field, {} for the struct", lines(2) - 2 * a_field);
    assert!(a_field <= MOST && lines(2) <= 2 * MOST + 10, "{a_field} lines a field, {} for two", lines(2));
}

#[test]
fn a_panic_of_ours_is_said_so_and_leaves_a_stub() {
    let tokens = guarded("struct User { photo: FileField }".parse().unwrap(), |_| panic!("no luck"));
    let text = tokens.to_string();
    assert!(text.contains("internal error in `#[derive(Model)]`: no luck"), "{text}");
    assert!(text.contains("FileModel for User"), "{text}");
}

#[test]
fn an_unreadable_item_gets_our_words() {
    let text = guarded("struct User { photo FileField }".parse().unwrap(), derive).to_string();
    assert!(text.contains("`Model` cannot read this item"), "{text}");
}

/// Each case: the keys, the input, and the expected mistakes.
fn listed(source: &str) -> (Vec<String>, Vec<String>) {
    let mut errors = Errors::new();
    let entries = list::parse(source.parse().unwrap(), &crate::attr::file::GRAMMAR, &mut errors);
    let show = |entry: &list::Entry| {
        let given = match &entry.given {
            Given::Bare => String::new(),
            Given::Equals(_) => " =".to_owned(),
            Given::Value(value) => {
                format!(" = {}", value.iter().map(ToString::to_string).collect::<String>())
            }
            Given::Other(token, _) => format!(" ? {}", list::opening(token)),
        };
        format!("{}{given}", entry.key)
    };
    (entries.iter().map(show).collect(), errors.into_texts())
}

#[test]
fn lists() {
    for (source, entries) in [
        ("", &[][..]),
        ("a", &["a"]),
        ("a, b,", &["a", "b"]),
        ("a = \"x\", b", &["a = \"x\"", "b"]),
        ("a = x::<A, B>::y, b = 1", &["a = x::<A,B>::y", "b = 1"]),
        ("a = <A as B<C, D>>::y, b", &["a = <AasB<C,D>>::y", "b"]),
        ("a = f::<fn(A) -> B, C>, b", &["a = f::<fn(A)->B,C>", "b"]),
        ("a = [1, 2], b", &["a = [1 , 2]", "b"]),
        ("a =, b = 1", &["a =", "b = 1"]),
        ("a: 1, b(2), c == 3", &["a ? :", "b ? (", "c ? ="]),
        ("a = if x { y } else { z }", &["a = ifx{ y }else{ z }"]),
    ] {
        assert_eq!(
            listed(source),
            (entries.iter().map(|entry| (*entry).to_owned()).collect(), vec![]),
            "{source}"
        );
    }
}

#[test]
fn lists_recover() {
    for (source, entries, mistakes) in [
        ("a = 1 b = 2", &["a = 1", "b = 2"][..], &["expected `,` before `b`"][..]),
        ("a b, c", &["a", "b", "c"], &["expected `,` before `b`"]),
        ("a = \"x\" b", &["a = \"x\"", "b"], &["expected `,` before `b`"]),
        ("a = x::y b = 2", &["a = x::y", "b = 2"], &["expected `,` before `b`"]),
        ("a,, b", &["a", "b"], &["expected a key, found `,`"]),
        (", a", &["a"], &["expected a key, found `,`"]),
        ("\"x\", a", &["a"], &["expected a key before the value"]),
        ("a::b = 1, c", &["c"], &["expected a plain key, found a path"]),
        ("[1], c", &["c"], &["expected a key, found `[`"]),
        ("a = x < 3, b", &["a = x<3", "b"], &[]),
    ] {
        let (found, texts) = listed(source);
        assert_eq!(found, entries, "{source}");
        let heads: Vec<_> = texts.iter().map(|text| text.lines().next().unwrap()).collect();
        assert_eq!(heads, mistakes, "{source}");
    }
}

/// The first line of every mistake of a struct.
fn mistakes(source: &str) -> Vec<String> {
    let input = syn::parse_str(source).unwrap();
    let mut errors = Errors::new();
    let mut model = crate::model::Model::parse(&input, &mut errors);
    crate::check::all(&mut model, &mut errors);
    errors.into_texts().iter().map(|text| text.lines().next().unwrap().to_owned()).collect()
}

#[test]
fn odd_values_are_mistakes_and_not_panics() {
    let values = [
        "1",
        "-1",
        "1.5",
        "'x'",
        "b\"x\"",
        "c\"x\"",
        "true",
        "self",
        "x",
        "a::b",
        "()",
        "[]",
        "{}",
        "[,]",
        "[1]",
        "&x",
        "|x| y",
        "x!()",
        "f(x)",
        "\"\"",
        "\"\\0\"",
        "\"é\"",
        "..",
        "::",
        "<",
        "a<b>",
        "\"x\" \"y\"",
        "99999999999999999999999",
    ];
    for key in crate::attr::file::GRAMMAR.keys {
        for value in values {
            let source = format!("struct A {{ #[file({} = {value})] photo: FileField, x: u32 }}", key.name);
            let found = mistakes(&source);
            assert!(found.len() <= 1, "{source}: {found:?}");
        }
    }
    for place in [&crate::attr::model::STRUCT, &crate::attr::model::FIELD] {
        for (key, value) in place.keys.iter().flat_map(|key| values.map(|value| (key, value))) {
            let attr = format!("#[model({} = {value})]", key.name);
            let (on_struct, on_field) = if std::ptr::eq(place, &crate::attr::model::STRUCT) {
                (&attr[..], "")
            } else {
                ("", &attr[..])
            };
            let source = format!("{on_struct} struct A {{ #[file] photo: FileField, {on_field} x: u32 }}");
            assert!(mistakes(&source).len() <= 2, "{source}");
        }
    }
}

#[test]
fn rules_over_several_fields() {
    let long = "x".repeat(64);
    for (source, want) in [
        ("struct A { #[file] a: FileField }", &[][..]),
        ("#[model(table = \"a\")] struct A { #[model(primary_key)] id: i64 }", &[]),
        (
            &format!("#[model(table = \"{long}\")] struct A {{ #[model(primary_key)] id: i64 }}"),
            &["`table` is 64 characters long; names in a database may have 63"],
        ),
        (
            "struct A { #[file] #[model(column = \"B\")] a: FileField, #[file] b: FileField }",
            &["two fields have the column `b`"],
        ),
        (
            "#[model(table = \"a\")] struct A { #[model(primary_key, unique)] id: i64 }",
            &["a primary key is unique already"],
        ),
        (
            "#[model(table = \"a\")] struct A { #[model(primary_key)] id: i64, a: Vec<ff::FileField> }",
            &["`a` is a column of files without `#[file]`"],
        ),
        (
            "#[model(table = \"a\")] struct A { #[model(primary_key)] id: i64, #[model(upload_to = \"a\")] a: FileField }",
            &["`upload_to` is not a key of `#[model(...)]` here"],
        ),
        (
            "struct A<const N: usize> { #[file(storage = f::<N>)] a: FileField }",
            &["`storage` cannot depend on `N`"],
        ),
    ] {
        assert_eq!(mistakes(source), want, "{source}");
    }
}

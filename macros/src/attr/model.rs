//! `#[model(..)]` above the struct and on its fields.

use super::value::{kind, path_in, refuse, text};
use super::{Form, Grammar, Key, Known, entries, ours};
use crate::errors::{Errors, Message};
use crate::list::{flatten, split};
use crate::suggest::nearest;
use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::Attribute;

pub(crate) const STRUCT: Grammar = Grammar {
    attribute: "model",
    keys: &[
        Key { name: "table", form: Form::Value, example: "table = \"cars\"" },
        Key { name: "crate", form: Form::Value, example: "crate = ::filefield" },
    ],
    foreign: &[
        ("primary_key", "write `#[model(primary_key)]` on a field"),
        ("unique", "write `#[model(unique)]` on a field"),
        ("column", "write `#[model(column = \"..\")]` on a field"),
        ("upload_to", "write `#[file(upload_to = \"photos/\")]` on a field"),
        ("storage", "write `#[file(storage = select_storage)]` on a field"),
        ("db_table", "write `table = \"cars\"`"),
        ("table_name", "write `table = \"cars\"`"),
        ("name", "write `table = \"cars\"`"),
        ("schema", "leave it out, and choose the schema where you connect"),
        ("schema_name", "leave it out, and choose the schema where you connect"),
        ("rename_all", "write `#[model(column = \"..\")]` on a field"),
        ("tablename", "write `table = \"cars\"`"),
        ("rename", "write `table = \"cars\"`"),
        ("unique_together", "write the constraint into a migration"),
        ("constraints", "write the constraint into a migration"),
        ("indexes", "write the index into a migration"),
        ("index", "write the index into a migration"),
        ("ordering", "order where the rows are asked for, with `order_by`"),
        ("abstract", "leave `table` out for a model without a table"),
        ("managed", "leave `table` out for a model whose table belongs to another library"),
        ("app_label", "leave it out: the table's name is written whole"),
        ("verbose_name", "write a doc comment on the struct"),
    ],
};

pub(crate) const FIELD: Grammar = Grammar {
    attribute: "model",
    keys: &[
        Key { name: "column", form: Form::Value, example: "column = \"photo\"" },
        Key { name: "primary_key", form: Form::Flag, example: "primary_key" },
        Key { name: "unique", form: Form::Flag, example: "unique" },
    ],
    foreign: &[
        ("table", "write `#[model(table = \"..\")]` above the struct"),
        ("crate", "write `#[model(crate = ::path)]` above the struct"),
        ("upload_to", "write `#[file(upload_to = \"photos/\")]`"),
        ("storage", "write `#[file(storage = select_storage)]`"),
        ("max_length", "write `#[file(max_length = 255)]`"),
        ("max_size", "write `#[file(max_size = \"20 MiB\")]`"),
        ("accept", "write `#[file(accept = [\"image/*\"])]`"),
        ("db_column", "write `column = \"photo\"`"),
        ("column_name", "write `column = \"photo\"`"),
        ("name", "write `column = \"photo\"`"),
        ("rename", "write `column = \"photo\"`"),
        ("pk", "write `#[model(primary_key)]`"),
        ("id", "write `#[model(primary_key)]`"),
        ("primary", "write `#[model(primary_key)]`"),
        ("key", "write `#[model(primary_key)]`"),
        ("auto", "leave it out: the database counts integer keys up"),
        ("autoincrement", "leave it out: the database counts integer keys up"),
        ("auto_increment", "leave it out: the database counts integer keys up"),
        ("null", "make the field's type an `Option`"),
        ("nullable", "make the field's type an `Option`"),
        ("default", "give the value where the struct is made"),
        ("default_value", "give the value where the struct is made"),
        ("index", "write the index into a migration"),
        ("indexed", "write the index into a migration"),
        ("skip", "every field is a column: put what is none into another struct"),
        ("ignore", "every field is a column: put what is none into another struct"),
    ],
};

/// The longest name that PostgreSQL does not truncate.
const LONGEST: usize = 63;

/// The prefix of the library's own tables.
const OWN: &str = "filefield_";

/// The keys of the struct.
#[derive(Debug, Default)]
pub(crate) struct StructKeys {
    pub(crate) table: Option<String>,
    /// Whether `table` was given, correctly or not.
    pub(crate) wants_table: bool,
    /// Whether `table` was given incorrectly. The mistake has been reported.
    pub(crate) table_mistaken: bool,
    pub(crate) krate: Option<TokenStream>,
}

/// The keys of a field.
#[derive(Debug, Default)]
pub(crate) struct FieldKeys {
    pub(crate) primary_key: Option<Ident>,
    /// Whether the field was meant to be the primary key, but written incorrectly. The mistake has been
    /// reported.
    pub(crate) key_mistaken: bool,
    pub(crate) unique: Option<Ident>,
    /// Whether the field was meant to be a file field: it has keys that belong in `#[file(..)]`. They have
    /// been reported.
    pub(crate) file_mistaken: bool,
    /// The column name and its token.
    pub(crate) column: Option<(String, TokenTree)>,
}

pub(crate) fn parse_struct(attrs: &[Attribute], errors: &mut Errors) -> StructKeys {
    let mut keys = StructKeys::default();
    let attributes = ours(attrs, &STRUCT, errors);
    for known in
        attributes.first().into_iter().flat_map(|attr| entries(attr, &STRUCT, errors)).collect::<Vec<_>>()
    {
        match known.key.name {
            "table" => {
                keys.wants_table = true;
                keys.table = sql_name(&known, errors);
            }
            _ => keys.krate = krate(&known, errors),
        }
    }
    let meant = mentions(&attributes, &["db_table", "table_name", "tablename", "name", "table"]);
    keys.wants_table |= meant;
    keys.table_mistaken = meant && keys.table.is_none();
    keys
}

/// Whether a key of the attributes is one of `words`, or a misspelling of the last one. The intended key
/// decides which rules apply, so an unknown key is reported once.
fn mentions(attributes: &[&Attribute], words: &[&str]) -> bool {
    let meant = |word: &str| words.contains(&word) || nearest(word, words.last().copied()).is_some();
    attributes.iter().any(|attr| {
        // A single string can only be the name of the table.
        let syn::Meta::List(list) = &attr.meta else { return matches!(attr.meta, syn::Meta::NameValue(_)) };
        let tokens = flatten(list.tokens.clone());
        split(&tokens).iter().any(|part| match part {
            [TokenTree::Ident(key), ..] => meant(&key.to_string()),
            [TokenTree::Literal(_)] => true,
            _ => false,
        })
    })
}

pub(crate) fn parse_field(attrs: &[Attribute], errors: &mut Errors) -> FieldKeys {
    let mut keys = FieldKeys::default();
    let attributes = ours(attrs, &FIELD, errors);
    for known in
        attributes.first().into_iter().flat_map(|attr| entries(attr, &FIELD, errors)).collect::<Vec<_>>()
    {
        match known.key.name {
            "primary_key" => keys.primary_key = Some(known.ident),
            "unique" => keys.unique = Some(known.ident),
            _ => keys.column = sql_name(&known, errors).zip(known.value.into_iter().next()),
        }
    }
    keys.file_mistaken = mentions(&attributes, &["storage", "max_length", "max_size", "accept", "upload_to"]);
    keys.key_mistaken =
        keys.primary_key.is_none() && mentions(&attributes, &["pk", "id", "key", "primary", "primary_key"]);
    keys
}

/// Parses the name of a table or column. Statements quote the name, and it is restricted to what every
/// database accepts.
fn sql_name(known: &Known, errors: &mut Errors) -> Option<String> {
    let name = known.key.name;
    let help = match &known.value[..] {
        [TokenTree::Ident(word)] => Some(format!("write `{name} = \"{word}\"`")),
        _ => None,
    };
    let text = text(known, help, errors)?;
    let message = match &text.value[..] {
        "" => Message::new(format!("empty `{name}`")).help(format!("write `{}`", known.key.example)),
        value if value.contains('.') && name == "table" => {
            let bare = value.rsplit('.').next().filter(|bare| !bare.is_empty() && plain(bare));
            let message = Message::new("a table is named without its schema");
            let message = match bare {
                Some(bare) => message.help(format!("write `table = \"{bare}\"`")),
                None => message,
            };
            message.note("the whole name is quoted in statements; choose the schema where you connect")
        }
        value if name == "table" && value.to_ascii_lowercase().starts_with(OWN) => {
            Message::new(format!("`{value}` may be a table of filefield's own"))
                .help("write another name")
                .note(format!("those that begin with `{OWN}` are the journal's and what belongs to it"))
        }
        value if value.len() > LONGEST => Message::new(format!(
            "`{name}` is {} characters long; names in a database may have {LONGEST}",
            value.len()
        ))
        .help("shorten it"),
        value if !plain(value) => {
            let message = Message::new(format!("`{}` cannot be the name of a {name}", value.escape_debug()));
            let near = value.trim().to_lowercase().replace([' ', '-', '.', '/', ':'], "_");
            let message = match Some(near).filter(|near| !near.is_empty() && plain(near)) {
                Some(near) => message.help(format!("write `{name} = \"{near}\"`")),
                None => message,
            };
            message.note("letters `a` to `z`, digits and `_` are allowed, with no digit at the start")
        }
        _ => return Some(text.value),
    };
    errors.add(text.token, message);
    None
}

fn plain(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn krate(known: &Known, errors: &mut Errors) -> Option<TokenStream> {
    let Some(path) = path_in(&known.value) else {
        let help = match &known.value[..] {
            [TokenTree::Literal(text)] if kind(&known.value) == "a string" => {
                let name = text.to_string().trim_matches('"').trim_start_matches("::").to_owned();
                syn::parse_str::<syn::Path>(&name).ok().map(|_| format!("write `crate = ::{name}`"))
            }
            _ => None,
        };
        return refuse(known, format!("`crate` takes a path, not {}", kind(&known.value)), help, errors);
    };
    let absolute = match &known.value[..] {
        [TokenTree::Ident(first), ..] => first == "crate" || first == "$crate",
        value => crate::list::colons(value),
    };
    if !absolute {
        let value = quote::quote!(#path).to_string().replace(' ', "");
        let bare = value.trim_start_matches("self::").trim_start_matches("super::");
        let help = Some(format!("write `crate = ::{bare}` or `crate = crate::{bare}`"));
        let head = "the path in `crate = ...` must start with `::` or `crate::`".to_owned();
        return refuse(known, head, help, errors);
    }
    Some(path)
}

//! Rules that involve several attributes or fields. One function per rule.

use crate::attr::at_line;
use crate::attr::file::{UploadTo, describe};
use crate::errors::{Errors, Message};
use crate::generics::find_word;
use crate::model::{Field, FileField, Model};
use crate::suggest::{listed, nearest};
use crate::template::{problems, rendered};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Attribute, DeriveInput, Meta, PathArguments, Type};

/// The minimum room for a file name: one character, and `_` with seven more if the name is taken.
const TAKEN: usize = 9;

/// Number of characters that `naming = "unique"` puts before a name.
const TOKEN: usize = 27;

/// Checks all rules and resolves the names of other fields.
pub(crate) fn all(model: &mut Model<'_>, errors: &mut Errors) {
    packed(model, errors);
    if !model.regular {
        return;
    }
    lifetimes(model, errors);
    something_to_do(model, errors);
    files_are_marked(model, errors);
    companions(model, errors);
    storage_is_shared(model, errors);
    for field in &model.fields {
        folder_is_sound(model, field, errors);
        names_have_room(model, field, errors);
        column_keys_have_an_effect(model, field, errors);
    }
    primary_key(model, errors);
    distinct_columns(model, errors);
}

fn packed(model: &mut Model<'_>, errors: &mut Errors) {
    for attr in model.input.attrs.iter().filter(|attr| attr.path().is_ident("repr")) {
        let Meta::List(list) = &attr.meta else { continue };
        if let Some(word) = find_word(list.tokens.clone(), &|word| word == "packed") {
            let message = Message::new("`Model` cannot be derived for a packed struct");
            errors.add(word, message.note("accessors borrow the field"));
            model.regular = false;
        }
    }
}

fn lifetimes(model: &Model<'_>, errors: &mut Errors) {
    let generics = &model.input.generics;
    if let Some(param) = generics.lifetimes().next() {
        let lifetime = &param.lifetime;
        let head = format!("a model cannot borrow: `{}` has the lifetime parameter `{lifetime}`", model.name);
        let message = Message::new(head).help("store an owned value");
        errors.add(lifetime, message.note("models are registered for the whole program"));
    }
}

fn something_to_do(model: &Model<'_>, errors: &mut Errors) {
    if model.files().next().is_none() && !model.wants_table && !meant_a_file(model) {
        errors.add(
            &model.input.ident,
            Message::new("`Model` needs at least one field marked `#[file]`, or a table")
                .help("write `#[file]` above a field of type `FileField`, or `#[model(table = \"..\")]` above the struct"),
        );
    }
}

/// Refuses a column of a file type without `#[file]`: its content would never be stored, and the sweeper does
/// not look there.
fn files_are_marked(model: &Model<'_>, errors: &mut Errors) {
    for field in model.fields.iter().filter(|field| model.wants_table && is_unmarked(field)) {
        // A file as primary key is reported once, by the rule for the key's type.
        if field.keys.primary_key.is_some() || field.keys.file_mistaken || has_slip(field) {
            continue;
        }
        let message = Message::new(format!("`{}` is a column of files without `#[file]`", field.name));
        errors.add(field.ident, message.help("write `#[file]` above it"));
    }
}

/// Whether a file field has an attribute that is a misspelling of `file`. The compiler reports such an
/// attribute as unknown.
fn meant_a_file(model: &Model<'_>) -> bool {
    model.fields.iter().any(|field| is_unmarked(field) && has_slip(field))
}

/// Whether a field without `#[file]` has a file type.
fn is_unmarked(field: &Field<'_>) -> bool {
    let files = |word: &Ident| word == "FileField" || word == "ImageField";
    field.file.is_none() && find_word(field.ty.to_token_stream(), &files).is_some()
}

fn has_slip(field: &Field<'_>) -> bool {
    const SLIPS: &[&str] = &["file", "files", "field", "image", "upload", "file_field", "image_field"];
    let slip = |attr: &Attribute| {
        attr.path()
            .get_ident()
            .is_some_and(|name| nearest(&name.to_string(), SLIPS.iter().copied()).is_some())
    };
    field.attrs.iter().any(slip)
}

/// Checks the keys that name other fields. Each field must exist and be filled from one file only.
fn companions(model: &mut Model<'_>, errors: &mut Errors) {
    let mut filled: Vec<(usize, String)> = Vec::new();
    for index in 0..model.fields.len() {
        let Some(file) = &model.fields[index].file else { continue };
        let owner = &model.fields[index].name;
        let found = [
            (&file.keys.width, "the width of"),
            (&file.keys.height, "the height of"),
            (&file.keys.meta, "what is known of"),
        ]
        .map(|(wanted, what)| companion(model, index, wanted.as_ref()?, (what, owner), &mut filled, errors));
        let file = model.fields[index].file.as_mut();
        if let Some(file) = file {
            [file.width, file.height, file.meta] = found;
        }
    }
}

fn companion(
    model: &Model<'_>,
    index: usize,
    wanted: &Ident,
    (what, owner): (&str, &str),
    filled: &mut Vec<(usize, String)>,
    errors: &mut Errors,
) -> Option<usize> {
    let name = wanted.unraw().to_string();
    let Some(found) = model.fields.iter().position(|field| field.name == name) else {
        let message = Message::new(format!("no field `{name}` in `{}`", model.name));
        let names = || {
            model.fields.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, field)| &field.name[..])
        };
        let message = match nearest(&name, names()) {
            Some(near) => message.help(format!("did you mean `{near}`?")),
            None if names().count() == 0 => message.help("add the field"),
            None if names().count() <= 8 => {
                message.note(format!("the other fields: {}", listed(names(), "and")))
            }
            None => message,
        };
        errors.add(wanted, message);
        return None;
    };
    let first = filled.iter().find(|(field, _)| *field == found);
    if found == index {
        errors.add(
            wanted,
            Message::new(format!("`{name}` cannot hold {what} itself")).help("name another field"),
        );
        return None;
    }
    if model.fields[found].keys.primary_key.is_some() {
        let message = Message::new(format!("`{name}` is the primary key"));
        errors.add(wanted, message.help("name a field of its own"));
        return None;
    }
    if let Some((_, by)) = first {
        let head = format!("`{name}` is already filled with {by}");
        errors.add(wanted, Message::new(head).help("name a field of its own"));
        return None;
    }
    filled.push((found, format!("{what} `{owner}`")));
    Some(found)
}

/// A storage function runs once for all instances, and so for all type arguments.
fn storage_is_shared(model: &mut Model<'_>, errors: &mut Errors) {
    let generics = &model.input.generics;
    let dependent = |word: &Ident| {
        generics.type_params().any(|param| param.ident == *word)
            || generics.const_params().any(|param| param.ident == *word)
            || (word == "Self" && !generics.params.is_empty())
    };
    for field in &mut model.fields {
        let Some(file) = &mut field.file else { continue };
        let Some(word) = file.keys.storage.clone().and_then(|path| find_word(path, &dependent)) else {
            continue;
        };
        let message = Message::new(format!("`storage` cannot depend on `{word}`"));
        let note = format!(
            "one storage serves `{}` of every `{}`, whatever its type arguments",
            field.name, model.name
        );
        errors
            .add(file.keys.storage.take(), message.help("name a function without type arguments").note(note));
    }
}

fn folder_is_sound(model: &Model<'_>, field: &Field<'_>, errors: &mut Errors) {
    let Some(UploadTo::Named(word)) = field.file.as_ref().map(|file| &file.keys.upload_to) else { return };
    let folder = model.folder_of(field);
    for (range, problem) in problems(&folder) {
        let message = describe(&folder, range, problem);
        errors.add(word, message.note(format!("`upload_to` alone means `upload_to = \"{folder}\"`")));
    }
}

/// Checks that a name fits, with room for the suffix that a taken name needs.
fn names_have_room(model: &Model<'_>, field: &Field<'_>, errors: &mut Errors) {
    let Some(FileField { keys, .. }) = &field.file else { return };
    let most = keys.max_length.as_ref().map_or(255, |(most, _)| *most as usize);
    let (name, what) = match keys.unique_names {
        true => (
            TAKEN + TOKEN,
            "its random token, a character of its own, and `_` with seven more if it is taken",
        ),
        false => (TAKEN, "a character of its own, and `_` with seven more if it is taken"),
    };
    let (folder, token) = match &keys.upload_to {
        UploadTo::Template(text) => {
            (rendered(text.value.trim_end_matches('/')), text.token.to_token_stream())
        }
        UploadTo::Named(word) => (model.folder_of(field), word.to_token_stream()),
        UploadTo::Root | UploadTo::Function(_) => {
            if let Some((_, token)) = keys.max_length.as_ref().filter(|_| name > most) {
                let message = Message::new(format!("`max_length` is at least {name} here"));
                errors.add(token, message.note(format!("a name takes {what}")));
            }
            return;
        }
    };
    let takes = [(folder.chars().count(), most, "characters"), (folder.len(), 1024, "bytes")];
    if let Some((least, most, unit)) = takes.into_iter().find(|(least, most, _)| least + 1 + name > *most) {
        let head = format!("`upload_to` takes {least} {unit} or more; whole names may have {most}");
        let message = Message::new(head).help("write a shorter folder, or raise `max_length`");
        errors.add(token, message.note(format!("a name takes {name} behind its `/`: {what}")));
    }
}

fn column_keys_have_an_effect(model: &Model<'_>, field: &Field<'_>, errors: &mut Errors) {
    let keys = &field.keys;
    if !model.wants_table {
        let column = keys.column.as_ref().filter(|_| field.file.is_none());
        let wrong = [
            ("primary_key", keys.primary_key.to_token_stream()),
            ("unique", keys.unique.to_token_stream()),
            ("column", column.map(|(_, token)| token).to_token_stream()),
        ];
        for (key, tokens) in wrong.into_iter().filter(|(_, tokens)| !tokens.is_empty()) {
            let message = Message::new(format!("`{key}` has no effect without a table"));
            errors.add(tokens, message.help("write `#[model(table = \"..\")]` above the struct"));
        }
    } else if let (Some(_), Some(unique)) = (&keys.primary_key, &keys.unique) {
        errors.add(unique, Message::new("a primary key is unique already").help("remove `unique`"));
    }
    if let (Some(key), Some(_)) = (&keys.primary_key, &field.file) {
        let message = Message::new(format!("the file field `{}` cannot be the primary key", field.name));
        errors.add(key, message.note("a file gets another name when it is replaced"));
    }
}

fn primary_key(model: &mut Model<'_>, errors: &mut Errors) {
    if !model.wants_table {
        return;
    }
    let ident = &model.input.ident;
    let keys: Vec<(&Ident, &Field<'_>)> =
        model.fields.iter().filter_map(|field| Some((field.keys.primary_key.as_ref()?, field))).collect();
    match &keys[..] {
        [] if model.fields.iter().any(meant_a_key) => {}
        [] if model.table_mistaken || model.fields.iter().any(|field| field.keys.key_mistaken) => {}
        [] => {
            let message = Message::new("a model with a table needs a primary key");
            let help = match model.fields.iter().find(|field| field.name == "id") {
                Some(_) => "write `#[model(primary_key)]` above `id`".to_owned(),
                None => "add a field, such as `#[model(primary_key)] id: i64`".to_owned(),
            };
            errors.add(ident, message.help(help));
        }
        [(first, one), more @ ..] => {
            if let Type::Tuple(_) = one.ty {
                let message = Message::new("a primary key is one column");
                let help = format!(
                    "write `{}: i64`, and a unique constraint over the others into a migration",
                    one.ident
                );
                errors.add(one.ty, message.help(help));
                model.key_mistaken = true;
            }
            if let Some(inner) = in_option(one.ty) {
                let message = Message::new("a primary key cannot be an `Option`")
                    .help(format!("write `{}: {inner}`", one.ident))
                    .note("0 stands for a row that is not saved yet; set a `Uuid` or `String` yourself");
                errors.add(one.ty, message);
                model.key_mistaken = true;
            }
            if let Some(help) = no_key(model.input, one) {
                let message = Message::new(format!("`{}` cannot be a primary key", one.ty.to_token_stream()));
                errors.add(one.ty, message.help(help));
                model.key_mistaken = true;
            }
            for (key, field) in more {
                let message = Message::new(format!("`{}` is a second primary key", field.name));
                let what = format!("the first is `{}`,", one.name);
                errors.add(key, at_line(message, &what, first.span(), key.span()));
            }
        }
    }
}

/// Whether a field has an attribute that is a misspelling of the primary key attribute. The compiler reports
/// it as unknown.
fn meant_a_key(field: &Field<'_>) -> bool {
    field
        .attrs
        .iter()
        .any(|attr| ["primary_key", "pk", "key", "id"].iter().any(|name| attr.path().is_ident(name)))
}

/// Returns what to write for a type that is known to be unsuitable as a key. The compiler reports all other
/// types, once for each missing bound.
fn no_key(input: &DeriveInput, field: &Field<'_>) -> Option<String> {
    // A file field has already been refused as a key.
    let Type::Path(path) = field.ty else { return None };
    let name = &path.path.segments.last().filter(|_| field.file.is_none())?.ident;
    let generics = &input.generics;
    let bounds = |param: &Ident| {
        let own = generics.type_params().filter(|other| other.ident == *param).map(|own| own.bounds.len());
        let clauses = generics.where_clause.as_ref().map(ToTokens::to_token_stream).unwrap_or_default();
        own.sum::<usize>() + usize::from(find_word(clauses, &|word| word == param).is_some())
    };
    match &name.to_string()[..] {
        "usize" | "u128" => Some("write `u64`, or `i64`".to_owned()),
        "isize" | "i128" => Some("write `i64`".to_owned()),
        "FileField" | "ImageField" => Some("add a field, such as `#[model(primary_key)] id: i64`".to_owned()),
        _ if generics.type_params().any(|param| param.ident == *name) && bounds(name) == 0 => {
            Some(format!("write `{name}: filefield::db::KeyValue` where the parameter is declared"))
        }
        _ => None,
    }
}

/// The text between `Option<` and `>`.
fn in_option(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    Some(arguments.args.to_token_stream().to_string().replace(' ', ""))
}

fn distinct_columns(model: &Model<'_>, errors: &mut Errors) {
    for (index, field) in model.fields.iter().enumerate() {
        let same = |other: &&Field<'_>| other.column().eq_ignore_ascii_case(field.column());
        let Some(other) = model.fields[..index].iter().find(same) else { continue };
        if !model.wants_table && (field.file.is_none() || other.file.is_none()) {
            continue;
        }
        let token: TokenStream = match (&field.keys.column, &other.keys.column) {
            (Some((_, token)), _) | (None, Some((_, token))) => token.to_token_stream(),
            (None, None) => {
                let ident = field.ident;
                quote!(#ident)
            }
        };
        let message = Message::new(format!("two fields have the column `{}`", field.column()));
        let message = message.note(format!("they are `{}` and `{}`", other.name, field.name));
        errors.add(
            token,
            if field.column() == other.column() {
                message
            } else {
                message.note("databases take upper and lower case of a column for the same")
            },
        );
    }
}

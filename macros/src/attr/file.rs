//! `#[file(..)]` on a field.

use super::size::max_size;
use super::value::{Text, choice, field_name, function, kind, number, refuse, text, texts};
use super::{Form, Grammar, Key, Known, entries, ours};
use crate::errors::{Errors, Message};
use crate::suggest::listed;
use crate::template::{self, DIRECTIVES, Problem};
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Attribute;

pub(crate) const GRAMMAR: Grammar = Grammar {
    attribute: "file",
    keys: &[
        Key { name: "upload_to", form: Form::Either, example: "upload_to = \"photos/\"" },
        Key { name: "storage", form: Form::Value, example: "storage = select_storage" },
        Key { name: "max_length", form: Form::Value, example: "max_length = 255" },
        Key { name: "max_size", form: Form::Value, example: "max_size = \"20 MiB\"" },
        Key { name: "accept", form: Form::Value, example: "accept = [\"application/pdf\", \"image/*\"]" },
        Key { name: "width_field", form: Form::Value, example: "width_field = photo_width" },
        Key { name: "height_field", form: Form::Value, example: "height_field = photo_height" },
        Key { name: "meta_field", form: Form::Value, example: "meta_field = photo_meta" },
        Key { name: "naming", form: Form::Value, example: "naming = \"unique\"" },
        Key { name: "on_replace", form: Form::Value, example: "on_replace = \"keep\"" },
        Key { name: "on_delete", form: Form::Value, example: "on_delete = \"keep\"" },
    ],
    foreign: &[
        ("null", "make the field's type an `Option`"),
        ("blank", "make the field's type an `Option`"),
        ("optional", "make the field's type an `Option`"),
        ("required", "leave it out: only an `Option` may hold no file"),
        ("default", "assign the file where the struct is made"),
        ("verbose_name", "write a doc comment on the field"),
        ("help_text", "write a doc comment on the field"),
        ("validators", "write `accept = [..]` and `max_size = ..`, or check before the file is assigned"),
        ("content_types", "write `accept = [\"image/*\"]`"),
        ("mime", "write `accept = [\"image/*\"]`"),
        ("path", "write `upload_to = \"photos/\"`"),
        ("folder", "write `upload_to = \"photos/\"`"),
        ("dir", "write `upload_to = \"photos/\"`"),
        ("size", "write `max_size = \"20 MiB\"`"),
        ("extensions", "write `accept = [\"image/*\"]`"),
        ("allowed_extensions", "write `accept = [\"image/*\"]`"),
        ("max_file_size", "write `max_size = \"20 MiB\"`"),
        ("max_upload_size", "write `max_size = \"20 MiB\"`"),
        ("upload", "write `upload_to = \"photos/\"`"),
        ("rename", "write `#[model(column = \"..\")]` on the field"),
        ("skip", "leave `#[file]` out where the field holds no uploaded file"),
        ("db_column", "write `#[model(column = \"..\")]` on the field"),
        ("column", "write `#[model(column = \"..\")]` on the field"),
        ("unique", "write `#[model(unique)]` on the field"),
        ("primary_key", "a file field cannot be the primary key"),
        ("table", "write `#[model(table = \"..\")]` above the struct"),
        ("crate", "write `#[model(crate = ::path)]` above the struct"),
    ],
};

/// Where names come from.
#[derive(Debug)]
pub(crate) enum UploadTo {
    /// The storage's root.
    Root,
    /// The bare word: a folder made of the names of table and field.
    Named,
    /// A folder.
    Template(Text),
    /// The path of a function.
    Function(TokenStream),
}

/// The keys of a file field.
#[derive(Debug)]
pub(crate) struct FileKeys {
    pub(crate) upload_to: UploadTo,
    pub(crate) storage: Option<TokenStream>,
    pub(crate) max_length: Option<u32>,
    pub(crate) max_size: Option<u64>,
    pub(crate) accept: Vec<String>,
    pub(crate) width: Option<Ident>,
    pub(crate) height: Option<Ident>,
    pub(crate) meta: Option<Ident>,
    pub(crate) unique_names: bool,
    pub(crate) keep_replaced: bool,
    pub(crate) keep_deleted: bool,
}

/// Reads `#[file]`, if the field has it.
pub(crate) fn parse(attrs: &[Attribute], errors: &mut Errors) -> Option<FileKeys> {
    let attributes = ours(attrs, &GRAMMAR, errors);
    let first = attributes.first()?;
    let mut keys = FileKeys {
        upload_to: UploadTo::Root,
        storage: None,
        max_length: None,
        max_size: None,
        accept: Vec::new(),
        width: None,
        height: None,
        meta: None,
        unique_names: false,
        keep_replaced: false,
        keep_deleted: false,
    };
    for known in entries(first, &GRAMMAR, errors) {
        match known.key.name {
            "upload_to" => keys.upload_to = upload_to(&known, errors).unwrap_or(UploadTo::Root),
            "storage" => keys.storage = function(&known, errors),
            "max_length" => keys.max_length = max_length(&known, errors),
            "max_size" => keys.max_size = max_size(&known, errors),
            "accept" => keys.accept = accept(&known, errors).unwrap_or_default(),
            "width_field" => keys.width = field_name(&known, errors),
            "height_field" => keys.height = field_name(&known, errors),
            "meta_field" => keys.meta = field_name(&known, errors),
            "naming" => keys.unique_names = choice(&known, &["keep", "unique"], errors) == Some(1),
            "on_replace" => keys.keep_replaced = choice(&known, &["delete", "keep"], errors) == Some(1),
            _ => keys.keep_deleted = choice(&known, &["delete", "keep"], errors) == Some(1),
        }
    }
    Some(keys)
}

fn upload_to(known: &Known, errors: &mut Errors) -> Option<UploadTo> {
    if known.value.is_empty() {
        return Some(UploadTo::Named);
    }
    let found = kind(&known.value);
    match found {
        "a path" => return function(known, errors).map(UploadTo::Function),
        "a call" => {
            let help = Some("write the function's path without the parentheses".to_owned());
            return refuse(known, "`upload_to` takes the function itself".to_owned(), help, errors);
        }
        "a macro call" | "a closure" | "an expression" | "a block" | "a reference" => {
            let value = &known.value;
            let message =
                Message::new(format!("expected a string literal or the path of a function, found {found}"));
            let message = message
                .help("for a computed name write `upload_to = name_for`, a `fn(&Model, &str) -> String`");
            let message = match found {
                "a macro call" => message.note("the template is checked before macros are expanded"),
                _ => message,
            };
            errors.add(quote::quote!(#(#value)*), message);
            return None;
        }
        _ => {}
    }
    let text = text(known, None, errors)?;
    let problems = template::problems(&text.value);
    for (range, problem) in &problems {
        let message = describe(&text.value, range.clone(), *problem);
        errors.add(&text.token, message);
    }
    problems.is_empty().then_some(UploadTo::Template(text))
}

fn describe(template: &str, range: std::ops::Range<usize>, problem: Problem) -> Message {
    let found = template[range.clone()].to_owned();
    let drawn = |head: String| Message::new(head).under(template, range.clone());
    match problem {
        Problem::Empty => {
            Message::new("empty `upload_to`").help("leave the key out to store at the root of the storage")
        }
        Problem::Absolute => {
            let rest = template[range.end..].trim_start_matches(['/', '\\']).replace('\\', "/");
            let message = Message::new("`upload_to` must be relative to the storage");
            let message = match &rest[..] {
                "" => message.help("leave the key out to store at the root of the storage"),
                rest => message.help(format!("write `\"{}\"`", rest.escape_debug())),
            };
            message.note("the storage decides where its root is")
        }
        Problem::Dots => drawn(format!("`{found}` is not allowed in `upload_to`"))
            .note("a stored name may not leave the root of the storage"),
        Problem::Backslash => drawn("use `/` between folders".to_owned())
            .help(format!("write `\"{}\"`", template.replace('\\', "/").escape_debug())),
        Problem::Colon => drawn("`:` is not allowed in `upload_to`".to_owned())
            .note("some file systems give it a meaning of its own"),
        Problem::Control(c) => {
            drawn(format!("`upload_to` contains the control character U+{:04X}", u32::from(c))).help("remove it")
        }
        Problem::EmptyPart => drawn("empty folder name in `upload_to`".to_owned()).help("remove a `/`"),
        Problem::Directive => {
            let common = listed(["%Y", "%m", "%d"], "and");
            let others: String = DIRECTIVES.chars().filter(|c| !"Ymd%".contains(*c)).collect();
            drawn(format!("`{}` is not a date directive", found.escape_debug()))
                .help(format!("the usual ones are {common}; `%%` is a percent sign"))
                .note(format!("after `%` may stand one of `{others}` too"))
        }
        Problem::LonePercent => drawn("`upload_to` ends with a lone `%`".to_owned()).help("write `%%` for a percent sign"),
        Problem::Brace => drawn(format!("`upload_to` has no placeholders such as `{found}`"))
            .help("for a name made of other fields write `upload_to = name_for`, a `fn(&Model, &str) -> String`")
            .note("a template has date directives only, such as `%Y`"),
    }
}

fn max_length(known: &Known, errors: &mut Errors) -> Option<u32> {
    let length: u32 = number(known, errors)?;
    if length > 1024 {
        return refuse(known, "`max_length` is at most 1024 characters".to_owned(), None, errors);
    }
    Some(length)
}

/// Extensions that are taken for media types.
const EXTENSIONS: &[(&str, &str)] = &[
    ("pdf", "application/pdf"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("png", "image/png"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("json", "application/json"),
    ("zip", "application/zip"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("image", "image/*"),
    ("video", "video/*"),
    ("audio", "audio/*"),
    ("text", "text/*"),
];

fn accept(known: &Known, errors: &mut Errors) -> Option<Vec<String>> {
    let texts = texts(known, errors)?;
    if texts.is_empty()
        && known
            .value
            .iter()
            .any(|value| matches!(value, TokenTree::Group(group) if group.stream().is_empty()))
    {
        let help = Some("leave the key out to accept every type".to_owned());
        return refuse(known, "an empty list accepts no file at all".to_owned(), help, errors);
    }
    let mut types: Vec<String> = Vec::new();
    for text in texts {
        let media_type = text.value.to_ascii_lowercase();
        match media_type_error(&media_type) {
            Some(message) => errors.add(text.token.to_token_stream(), message),
            None if types.contains(&media_type) => {
                errors.add(
                    text.token.to_token_stream(),
                    Message::new(format!("`{media_type}` is listed twice")),
                );
            }
            None => types.push(media_type),
        }
    }
    Some(types)
}

/// What is wrong with a media type in lower case (RFC 9110, 8.3.1), where `*` may stand for the subtype.
fn media_type_error(media_type: &str) -> Option<Message> {
    let token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let message = Message::new(format!("`{}` is not a media type", media_type.escape_debug()));
    if media_type == "*/*" || media_type == "*" {
        return Some(
            Message::new(format!("`{media_type}` accepts everything")).help("leave the key `accept` out"),
        );
    }
    let bare = media_type.trim_start_matches("*.").trim_start_matches('.');
    if let Some((_, known)) = EXTENSIONS.iter().find(|(extension, _)| *extension == bare) {
        return Some(message.help(format!("write `\"{known}\"`")));
    }
    if media_type.contains(';') {
        return Some(message.help("leave the parameters after `;` out"));
    }
    match media_type.split_once('/') {
        Some((main, sub)) if token(main) && (token(sub) || sub == "*") => None,
        _ => Some(message.help("write a type such as `\"application/pdf\"` or `\"image/*\"`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        for good in ["image/*", "application/pdf", "image/svg+xml", "application/vnd.ms-excel"] {
            assert!(media_type_error(good).is_none(), "{good}");
        }
        for bad in [
            "",
            "pdf",
            ".pdf",
            "*.pdf",
            "*/*",
            "*",
            "*/png",
            "image/",
            "/png",
            "a/b/c",
            "text/plain; charset=utf-8",
            "im age/png",
            "image/p*",
        ] {
            assert!(media_type_error(bad).is_some(), "{bad}");
        }
    }
}

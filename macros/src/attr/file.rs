//! `#[file(..)]` on a field.

use super::accept::accept;
use super::size::max_size;
use super::value::{Text, choice, field_name, function, kind, number, refuse, text};
use super::{Form, Grammar, Key, Known, entries, ours};
use crate::errors::{Errors, Message};
use crate::list::is;
use crate::suggest::listed;
use crate::template::{self, DIRECTIVES, Problem};
use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::Attribute;

pub(crate) const GRAMMAR: Grammar = Grammar {
    attribute: "file",
    keys: &[
        Key { name: "upload_to", form: Form::Either, example: "upload_to = \"photos/\"" },
        Key { name: "storage", form: Form::Value, example: "storage = select_storage" },
        Key { name: "max_length", form: Form::Value, example: "max_length = 255" },
        Key { name: "max_size", form: Form::Value, example: "max_size = \"20 MiB\"" },
        Key { name: "accept", form: Form::Value, example: "accept = [\"application/pdf\", \"image/*\"]" },
        Key { name: "verify", form: Form::Value, example: "verify = check_pixels" },
        Key { name: "width_field", form: Form::Value, example: "width_field = photo_width" },
        Key { name: "height_field", form: Form::Value, example: "height_field = photo_height" },
        Key { name: "meta_field", form: Form::Value, example: "meta_field = photo_meta" },
        Key { name: "naming", form: Form::Value, example: "naming = \"unique\"" },
        Key { name: "extension", form: Form::Value, example: "extension = \"detected\"" },
        Key { name: "on_replace", form: Form::Value, example: "on_replace = \"keep\"" },
        Key { name: "on_delete", form: Form::Value, example: "on_delete = \"keep\"" },
    ],
    foreign: &[
        ("null", "make the field's type an `Option`"),
        ("blank", "make the field's type an `Option`"),
        ("optional", "make the field's type an `Option`"),
        ("width", "write `width_field = photo_width`"),
        ("height", "write `height_field = photo_height`"),
        ("meta", "write `meta_field = photo_meta`"),
        ("metadata", "write `meta_field = photo_meta`"),
        ("max_width", "check it before the file is assigned"),
        ("required", "leave it out: only an `Option` may hold no file"),
        ("default", "assign the file where the struct is made"),
        ("verbose_name", "write a doc comment on the field"),
        ("help_text", "write a doc comment on the field"),
        ("validators", "write `accept = [..]`, `max_size = ..` or `verify = check`, a function"),
        ("validator", "write `verify = check`, a function that looks at the bytes"),
        ("validate", "write `verify = check`, a function that looks at the bytes"),
        ("check", "write `verify = check`, a function that looks at the bytes"),
        ("decode", "write `verify = check`, a function that looks at the bytes"),
        ("ext", "write `extension = \"detected\"`"),
        ("suffix", "write `extension = \"detected\"`"),
        ("content_type", "write `accept = [\"image/*\"]`"),
        ("content_types", "write `accept = [\"image/*\"]`"),
        ("mime", "write `accept = [\"image/*\"]`"),
        ("mime_type", "write `accept = [\"image/*\"]`"),
        ("mime_types", "write `accept = [\"image/*\"]`"),
        ("media_types", "write `accept = [\"image/*\"]`"),
        ("types", "write `accept = [\"image/*\"]`"),
        ("allowed_types", "write `accept = [\"image/*\"]`"),
        ("accepted_types", "write `accept = [\"image/*\"]`"),
        ("file_types", "write `accept = [\"image/*\"]`"),
        ("extensions", "write `accept = [\"image/*\"]`"),
        ("allowed_extensions", "write `accept = [\"image/*\"]`"),
        ("path", "write `upload_to = \"photos/\"`"),
        ("folder", "write `upload_to = \"photos/\"`"),
        ("dir", "write `upload_to = \"photos/\"`"),
        ("directory", "write `upload_to = \"photos/\"`"),
        ("subdir", "write `upload_to = \"photos/\"`"),
        ("prefix", "write `upload_to = \"photos/\"`"),
        ("location", "write `upload_to = \"photos/\"`"),
        ("destination", "write `upload_to = \"photos/\"`"),
        ("dest", "write `upload_to = \"photos/\"`"),
        ("to", "write `upload_to = \"photos/\"`"),
        ("upload", "write `upload_to = \"photos/\"`"),
        ("name", "write `upload_to = name_for`, a `fn(&Model, &str) -> String`"),
        ("filename", "write `upload_to = name_for`, a `fn(&Model, &str) -> String`"),
        ("rename_to", "write `upload_to = name_for`, a `fn(&Model, &str) -> String`"),
        ("size", "write `max_size = \"20 MiB\"`"),
        ("limit", "write `max_size = \"20 MiB\"`"),
        ("max_file_size", "write `max_size = \"20 MiB\"`"),
        ("max_upload_size", "write `max_size = \"20 MiB\"`"),
        ("length", "write `max_length = 255`"),
        ("max_len", "write `max_length = 255`"),
        ("max_name_length", "write `max_length = 255`"),
        ("backend", "write `storage = select_storage`, a function that gives the storage"),
        ("bucket", "write `storage = select_storage`, a function that gives the storage"),
        ("disk", "write `storage = select_storage`, a function that gives the storage"),
        ("alias", "write `storage = select_storage`, a function that gives the storage"),
        ("public", "write `storage = select_storage`, a function that gives the storage"),
        ("private", "write `storage = select_storage`, a function that gives the storage"),
        ("acl", "write `storage = select_storage`, a function that gives the storage"),
        ("unique_names", "write `naming = \"unique\"`"),
        ("unique_name", "write `naming = \"unique\"`"),
        ("random", "write `naming = \"unique\"`"),
        ("uuid", "write `naming = \"unique\"`"),
        ("keep", "write `on_delete = \"keep\"` or `on_delete = \"delete\"`"),
        ("delete", "write `on_delete = \"keep\"` or `on_delete = \"delete\"`"),
        ("cleanup", "write `on_delete = \"keep\"` or `on_delete = \"delete\"`"),
        ("cascade", "write `on_delete = \"keep\"` or `on_delete = \"delete\"`"),
        ("overwrite", "write `on_replace = \"keep\"` or `on_replace = \"delete\"`"),
        ("replace", "write `on_replace = \"keep\"` or `on_replace = \"delete\"`"),
        ("image", "make the field's type an `ImageField`"),
        ("type", "make the field's type a `FileField` or an `ImageField`"),
        ("kind", "make the field's type a `FileField` or an `ImageField`"),
        ("multiple", "put each file into a row of a model of their own"),
        ("resize", "leave it out: images are stored as they are"),
        ("thumbnail", "leave it out: images are stored as they are"),
        ("quality", "leave it out: images are stored as they are"),
        ("min_size", "check it before the file is assigned"),
        ("min_width", "check it before the file is assigned"),
        ("min_height", "check it before the file is assigned"),
        ("max_height", "check it before the file is assigned"),
        ("editable", "leave it out: forms are not made from models"),
        ("choices", "leave it out: forms are not made from models"),
        ("index", "write the index into a migration"),
        ("db_index", "write the index into a migration"),
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

/// How files are named.
#[derive(Debug)]
pub(crate) enum UploadTo {
    /// The storage's root.
    Root,
    /// `upload_to` without a value: a folder made of the names of table and field.
    Named(Ident),
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
    pub(crate) max_length: Option<(u32, TokenStream)>,
    pub(crate) max_size: Option<u64>,
    pub(crate) accept: Vec<String>,
    pub(crate) verify: Option<TokenStream>,
    pub(crate) width: Option<Ident>,
    pub(crate) height: Option<Ident>,
    pub(crate) meta: Option<Ident>,
    pub(crate) unique_names: bool,
    pub(crate) detected_extension: bool,
    pub(crate) keep_replaced: bool,
    pub(crate) keep_deleted: bool,
}

/// Parses `#[file]` if the field has it.
pub(crate) fn parse(attrs: &[Attribute], errors: &mut Errors) -> Option<FileKeys> {
    let attributes = ours(attrs, &GRAMMAR, errors);
    let first = attributes.first()?;
    let mut keys = FileKeys {
        upload_to: UploadTo::Root,
        storage: None,
        max_length: None,
        max_size: None,
        accept: Vec::new(),
        verify: None,
        width: None,
        height: None,
        meta: None,
        unique_names: false,
        detected_extension: false,
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
            "verify" => keys.verify = function(&known, errors),
            "width_field" => keys.width = field_name(&known, errors),
            "height_field" => keys.height = field_name(&known, errors),
            "meta_field" => keys.meta = field_name(&known, errors),
            "naming" => keys.unique_names = choice(&known, &["keep", "unique"], errors) == Some(1),
            "extension" => {
                keys.detected_extension = choice(&known, &["given", "detected"], errors) == Some(1);
            }
            "on_replace" => keys.keep_replaced = choice(&known, &["delete", "keep"], errors) == Some(1),
            "on_delete" => keys.keep_deleted = choice(&known, &["delete", "keep"], errors) == Some(1),
            // A test uses every key of the grammar.
            unread => unreachable!("the key `{unread}` is known, and nothing reads it"),
        }
    }
    Some(keys)
}

fn upload_to(known: &Known, errors: &mut Errors) -> Option<UploadTo> {
    if known.value.is_empty() {
        return Some(UploadTo::Named(known.ident.clone()));
    }
    let found = kind(&known.value);
    match found {
        "a path" => return function(known, errors).map(UploadTo::Function),
        "a call" | "an expression" if literal_in(&known.value).is_some() => {
            let help = literal_in(&known.value).map(|text| format!("write `upload_to = {text}`"));
            return refuse(known, format!("expected a string literal, found {found}"), help, errors);
        }
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

/// Describes a problem of a template and how to fix it.
pub(crate) fn describe(template: &str, range: std::ops::Range<usize>, problem: Problem) -> Message {
    let found = template[range.clone()].to_owned();
    let drawn = |head: String| Message::new(head).under(template, range.clone());
    let replaced = |part: &str| {
        let whole = format!("{}{part}{}", &template[..range.start], &template[range.end..]);
        instead(whole.split('/').filter(|part| !part.is_empty()))
    };
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
            .help(instead(template.split('/').filter(|part| !matches!(*part, "" | "." | ".."))))
            .note("a stored name may not leave the root of the storage"),
        Problem::Url => {
            let host = &template[range.end..];
            drawn("`upload_to` is a folder, not a URL".to_owned())
                .help(instead(host.split('/').skip(1).filter(|part| !part.is_empty())))
                .note("the storage decides where its root is, and makes the URLs")
        }
        Problem::Expanded => drawn(format!("`{found}` is not expanded in `upload_to`"))
            .help(instead(template.split('/').skip(1).filter(|part| !part.is_empty())))
            .note("the storage decides where its root is"),
        Problem::Letters => drawn(format!("`{found}` is not a date directive, and would be the folder's name"))
            .help(format!("write `\"{}\"`", template::directives(template).escape_debug())),
        Problem::Space => drawn("a folder name in `upload_to` starts or ends with a space".to_owned())
            .help(instead(template.split('/').map(str::trim))),
        Problem::LongPart(bytes) => Message::new(format!("a folder name in `upload_to` has {bytes} bytes"))
            .help("shorten it: file systems take 255"),
        Problem::Backslash => drawn("use `/` between folders".to_owned())
            .help(format!("write `\"{}\"`", template.replace('\\', "/").escape_debug())),
        Problem::Forbidden => {
            let rest = template.replace(':', "-").replace(['<', '>', '"', '|', '?', '*'], "");
            drawn(format!("`{found}` is not allowed in `upload_to`"))
                .help(instead(rest.split('/').filter(|part| !part.is_empty())))
                .note("some file systems give it a meaning of its own")
        }
        Problem::Hidden(c) => {
            let kind = if c.is_control() { "control" } else { "invisible" };
            drawn(format!("`upload_to` contains the {kind} character U+{:04X}", u32::from(c))).help("remove it")
        }
        Problem::DotFirst | Problem::DotLast => {
            let (does, part) = match problem {
                Problem::DotFirst => ("begins with", found.trim_start_matches('.')),
                _ => ("ends in", found.trim_end_matches('.')),
            };
            drawn(format!("a folder name in `upload_to` {does} a dot"))
                .help(replaced(part))
                .note("such names are hidden, reserved, or cut by some file systems")
        }
        Problem::Mark => drawn("a folder name in `upload_to` ends in `#` and digits".to_owned())
            .help(replaced(&found.replace('#', "-")))
            .note("such names are those of files that are being written"),
        Problem::Device => {
            let stem = found.find('.').unwrap_or(found.len());
            drawn(format!("`{found}` is the name of a device on Windows"))
                .help(replaced(&format!("{}_{}", &found[..stem], &found[stem..])))
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
            .help(match template::directives(template) {
                dated if !dated.contains(['{', '}']) => format!("write `\"{}\"`", dated.escape_debug()),
                _ => "for a name made of other fields write `upload_to = name_for`, a `fn(&Model, &str) -> String`".to_owned(),
            })
            .note("a template has date directives only, such as `%Y`"),
    }
}

/// Returns the string in `Some("cars")`, `String::from("cars")` or `"cars".to_owned()`.
fn literal_in(value: &[TokenTree]) -> Option<String> {
    let text = |token: &TokenTree| Some(token.to_string()).filter(|text| text.starts_with('"'));
    match value {
        [first, dot, TokenTree::Ident(_), TokenTree::Group(none)]
            if is(dot, '.') && none.stream().is_empty() =>
        {
            text(first)
        }
        [.., TokenTree::Group(group)] => {
            let inner = crate::list::flatten(group.stream());
            if let [only] = &inner[..] { text(only) } else { None }
        }
        _ => None,
    }
}

/// Suggests the template that was probably meant.
fn instead<'p>(parts: impl Iterator<Item = &'p str>) -> String {
    match &parts.collect::<Vec<_>>().join("/")[..] {
        "" => "leave the key out to store at the root of the storage".to_owned(),
        folder => format!("write `\"{}\"`", folder.escape_debug()),
    }
}

fn max_length(known: &Known, errors: &mut Errors) -> Option<(u32, TokenStream)> {
    let length: u32 = number(known, errors)?;
    if length > 1024 {
        return refuse(known, "`max_length` is at most 1024 characters".to_owned(), None, errors);
    }
    Some((length, known.value.iter().cloned().collect()))
}

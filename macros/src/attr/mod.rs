//! The parts that `#[file(..)]` and `#[model(..)]` share: the syntax of the attribute and its entries.

mod accept;
pub(crate) mod file;
pub(crate) mod model;
mod size;
mod types;
pub(crate) mod value;

use crate::errors::{Errors, Message};
use crate::list::{self, Entry, Given};
use crate::suggest::{listed, nearest};
use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Attribute, Meta};

/// Whether a key has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `key = value`
    Value,
    /// `key`
    Flag,
    /// Both forms are valid and mean different things.
    Either,
}

/// A key and how it is written.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    /// The key with its value, as a message shows it.
    pub(crate) example: &'static str,
}

/// The keys of an attribute in one position.
#[derive(Debug)]
pub(crate) struct Grammar {
    /// `file` or `model`.
    pub(crate) attribute: &'static str,
    pub(crate) keys: &'static [Key],
    /// Words that people know from other libraries, or that belong to another attribute, and what to write
    /// here.
    pub(crate) foreign: &'static [(&'static str, &'static str)],
}

/// A known key, written once and in a valid form.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) key: &'static Key,
    /// The key as the user wrote it.
    pub(crate) ident: Ident,
    /// Empty for a flag.
    pub(crate) value: Vec<TokenTree>,
}

/// Finds the attribute in `attrs`. If there are several, reports that and returns all of them.
pub(crate) fn ours<'a>(attrs: &'a [Attribute], grammar: &Grammar, errors: &mut Errors) -> Vec<&'a Attribute> {
    let found: Vec<_> = attrs.iter().filter(|attr| attr.path().is_ident(grammar.attribute)).collect();
    for second in found.iter().skip(1) {
        let name = grammar.attribute;
        errors.add(
            second,
            Message::new(format!("`#[{name}]` is given twice here")).help("put all keys into one attribute"),
        );
    }
    found
}

/// The well-formed entries of `attr`.
pub(crate) fn entries(attr: &Attribute, grammar: &Grammar, errors: &mut Errors) -> Vec<Known> {
    let Some(tokens) = content(attr, grammar, errors) else { return Vec::new() };
    let mut known: Vec<Known> = Vec::new();
    for entry in list::parse(tokens, grammar, errors) {
        let Some(key) = grammar.keys.iter().find(|key| entry.key == key.name) else {
            unknown(&entry, grammar, errors);
            continue;
        };
        if let Some(first) = known.iter().find(|known| known.key.name == key.name) {
            let message =
                Message::new(format!("`{}` is given twice", key.name)).help("remove one of the two");
            errors.add(entry.tokens(), at_line(message, "first given", first.ident.span(), entry.key.span()));
            continue;
        }
        if let Some(value) = value(&entry, key, grammar, errors) {
            known.push(Known { key, ident: entry.key, value });
        }
    }
    known
}

/// The content of the parentheses.
fn content(attr: &Attribute, grammar: &Grammar, errors: &mut Errors) -> Option<TokenStream> {
    let name = grammar.attribute;
    let example = grammar.keys[0].example;
    match &attr.meta {
        Meta::Path(_) if name == "file" => Some(TokenStream::new()),
        Meta::Path(_) => {
            let message = Message::new(format!("`#[{name}]` alone says nothing"));
            errors.add(attr, message.help(format!("remove it, or write `#[{name}({example})]`")));
            None
        }
        Meta::NameValue(given) => {
            let value = given.value.to_token_stream().to_string();
            let key = grammar.keys[0].name;
            let right = if value.starts_with('"') { format!("{key} = {value}") } else { example.to_owned() };
            errors.add(
                attr,
                Message::new(format!("expected `#[{name}(...)]`"))
                    .help(format!("write `#[{name}({right})]`")),
            );
            None
        }
        Meta::List(list) => {
            let group = list.to_token_stream().into_iter().last()?;
            let lone = matches!(&list::flatten(list.tokens.clone())[..], [TokenTree::Literal(_)]);
            let round =
                matches!(&group, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis);
            // A value without its key is one mistake.
            if !round && !lone {
                errors.add(
                    group,
                    Message::new(format!("wrong delimiters: `#[{name}(...)]` takes parentheses"))
                        .help(format!("write `#[{name}({})]`", list.tokens)),
                );
            } else if list.tokens.is_empty() {
                let bare = if name == "file" { "write `#[file]`, or add" } else { "remove it, or add" };
                let message = Message::new(format!("empty `#[{name}()]`"));
                errors.add(group, message.help(format!("{bare} a key such as `{example}`")));
            }
            Some(list.tokens.clone())
        }
    }
}

fn unknown(entry: &Entry, grammar: &Grammar, errors: &mut Errors) {
    let name = entry.key.unraw().to_string();
    if let Some((_, answer)) = grammar.foreign.iter().find(|(word, _)| *word == name) {
        let attribute = grammar.attribute;
        let message = Message::new(format!("`{name}` is not a key of `#[{attribute}(...)]` here"));
        return errors.add(&entry.key, message.help(answer));
    }
    let message = Message::new(format!("unknown key `{}` in `#[{}(...)]`", entry.key, grammar.attribute));
    let names = || grammar.keys.iter().map(|key| key.name);
    errors.add(
        &entry.key,
        match nearest(&name, names()) {
            Some(near) => message.help(format!("did you mean `{near}`?")),
            None => message.note(format!("the keys are {}", listed(names(), "and"))),
        },
    );
}

/// The value of the entry `key`; empty for a flag.
fn value(entry: &Entry, key: &Key, grammar: &Grammar, errors: &mut Errors) -> Option<Vec<TokenTree>> {
    let Key { name, form, example } = key;
    let right = || match form {
        Form::Flag => format!("write `#[{}({name})]`", grammar.attribute),
        _ => match &entry.given {
            Given::Other(_, Some(value)) if is_string(value) == is_string(example) => {
                format!("write `{name} = {value}`")
            }
            _ => format!("write `{example}`"),
        },
    };
    let head = match (&entry.given, form) {
        (Given::Bare, Form::Flag | Form::Either) => return Some(Vec::new()),
        // The compiler has already refused `'cars'` and shows the quotes to write.
        (Given::Value(value), _) if value.iter().any(is_no_literal) => return None,
        (Given::Value(value), Form::Value | Form::Either) => return Some(value.clone()),
        (Given::Bare | Given::Equals(_), Form::Value | Form::Either) => format!("`{name}` needs a value"),
        (Given::Other(..), Form::Value | Form::Either) => format!("expected `=` after `{name}`"),
        (_, Form::Flag) => format!("`{name}` takes no value"),
    };
    errors.add(entry.tokens(), Message::new(head).help(right()));
    // A flag with a value still counts as that flag.
    (*form == Form::Flag).then(Vec::new)
}

fn is_no_literal(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Literal(literal) if literal.to_string().starts_with('\'')
        && matches!(syn::Lit::new(literal.clone()), syn::Lit::Verbatim(_)))
}

/// Whether a value, or an example value, is a string.
fn is_string(value: &str) -> bool {
    value.ends_with('"')
}

/// Adds a note with the line of `first`, if the compiler gives it and it differs from the line of `here`.
pub(crate) fn at_line(message: Message, what: &str, first: Span, here: Span) -> Message {
    if !proc_macro::is_available() || first.unwrap().line() == here.unwrap().line() {
        return message;
    }
    message.note(format!("{what} on line {}", first.unwrap().line()))
}

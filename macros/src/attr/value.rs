//! Values of keys: texts, numbers, paths and names of fields.

use super::Known;
use crate::errors::{Errors, Message};
use crate::list::{colons, is, split};
use proc_macro2::{Delimiter, Ident, Literal, TokenStream, TokenTree};
use quote::quote;
use std::str::FromStr;
use syn::Lit;

/// A string literal, with its token for underlining.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) token: Literal,
}

/// What the user wrote in place of the expected value.
pub(crate) fn kind(value: &[TokenTree]) -> &'static str {
    match value {
        [TokenTree::Literal(literal)] => match Lit::new(literal.clone()) {
            Lit::Str(_) => "a string",
            Lit::ByteStr(_) | Lit::CStr(_) | Lit::Byte(_) => "a byte string",
            Lit::Char(_) => "a character",
            _ => "a number",
        },
        [minus, TokenTree::Literal(_)] if is(minus, '-') => "a negative number",
        [TokenTree::Ident(word)] if word == "true" || word == "false" => "`true` or `false`",
        [TokenTree::Ident(word), ..] if word == "move" || word == "async" => "a closure",
        [first, ..] if is(first, '|') => "a closure",
        [first, ..] if is(first, '&') => "a reference",
        [TokenTree::Group(group)] => match group.delimiter() {
            Delimiter::Brace => "a block",
            Delimiter::Bracket => "a list",
            _ => "an expression in parentheses",
        },
        [.., bang, TokenTree::Group(_)] if is(bang, '!') => "a macro call",
        [before @ .., TokenTree::Group(group)]
            if group.delimiter() == Delimiter::Parenthesis && path_in(before).is_some() =>
        {
            "a call"
        }
        value if path_in(value).is_some() => "a path",
        _ => "an expression",
    }
}

/// Parses a string literal. The caller's `help` is added to the error for every other value.
pub(crate) fn text(known: &Known, help: Option<String>, errors: &mut Errors) -> Option<Text> {
    let name = known.key.name;
    let [TokenTree::Literal(token), extra @ ..] = &known.value[..] else {
        return refuse(
            known,
            format!("expected a string literal, found {}", kind(&known.value)),
            help,
            errors,
        );
    };
    match string(token) {
        _ if !extra.is_empty() => after(extra, errors),
        Ok(value) => Some(Text { value, token: token.clone() }),
        Err(Wrong::Suffix) => suffixed(token, errors),
        Err(Wrong::Kind(rewrite)) => {
            let help = rewrite.map(|text| format!("write `{text}`")).or(help);
            refuse(known, format!("`{name}` takes a string literal"), help, errors)
        }
    }
}

enum Wrong {
    Suffix,
    /// Not a string; holds the string that was probably meant.
    Kind(Option<String>),
}

fn string(token: &Literal) -> Result<String, Wrong> {
    match Lit::new(token.clone()) {
        Lit::Str(text) if text.suffix().is_empty() => Ok(text.value()),
        Lit::Str(_) => Err(Wrong::Suffix),
        Lit::ByteStr(text) => {
            Err(Wrong::Kind(String::from_utf8(text.value()).ok().map(|text| format!("{text:?}"))))
        }
        Lit::Char(c) => Err(Wrong::Kind(Some(format!("{:?}", c.value().to_string())))),
        Lit::Int(int) => Err(Wrong::Kind(Some(format!("\"{int}\"")))),
        _ => Err(Wrong::Kind(None)),
    }
}

fn suffixed<T>(token: &Literal, errors: &mut Errors) -> Option<T> {
    errors.add(
        token,
        Message::new("a suffix is not allowed here").help("end the literal at its quote or last digit"),
    );
    None
}

fn after<T>(extra: &[TokenTree], errors: &mut Errors) -> Option<T> {
    errors.add(
        quote!(#(#extra)*),
        Message::new(format!("expected `,` or the end, found `{}`", crate::list::opening(&extra[0]))),
    );
    None
}

/// Reports the whole value.
pub(crate) fn refuse<T>(known: &Known, head: String, help: Option<String>, errors: &mut Errors) -> Option<T> {
    let message = Message::new(head);
    let value = &known.value;
    errors.add(
        quote!(#(#value)*),
        match help {
            Some(help) => message.help(help),
            None => message.help(format!("write `{}`", known.key.example)),
        },
    );
    None
}

/// Parses a whole number of at least 1, without a suffix.
pub(crate) fn number<N: FromStr>(known: &Known, errors: &mut Errors) -> Option<N> {
    let name = known.key.name;
    let head = match &known.value[..] {
        [TokenTree::Literal(token), extra @ ..] => match Lit::new(token.clone()) {
            _ if !extra.is_empty() => "expected a whole number, found an expression".to_owned(),
            Lit::Int(int) if !int.suffix().is_empty() => return suffixed(token, errors),
            Lit::Str(text) if text.value().parse::<u32>().is_ok_and(|number| number > 0) => {
                let help = format!("write `{name} = {}`", text.value());
                return refuse(known, format!("`{name}` takes a whole number"), Some(help), errors);
            }
            Lit::Int(int) => match int.base10_digits().parse() {
                Ok(_) if int.base10_digits() == "0" => format!("`{name}` cannot be 0"),
                Ok(number) => return Some(number),
                Err(_) => format!("`{int}` is too large for `{name}`"),
            },
            _ => format!("`{name}` takes a whole number"),
        },
        _ => format!("expected a whole number, found {}", kind(&known.value)),
    };
    refuse(known, head, None, errors)
}

/// Parses strings in brackets.
pub(crate) fn texts(known: &Known, errors: &mut Errors) -> Option<Vec<Text>> {
    let name = known.key.name;
    let [TokenTree::Group(group)] = &known.value[..] else {
        let parts: Option<Vec<String>> = split(&known.value).into_iter().map(quoted).collect();
        let found = match &parts {
            Some(parts) if parts.len() > 1 => "strings",
            _ => kind(&known.value),
        };
        let help = parts.map(|parts| format!("write `{name} = [{}]`", parts.join(", ")));
        return refuse(known, format!("expected a list in brackets, found {found}"), help, errors);
    };
    if group.delimiter() != Delimiter::Bracket {
        return refuse(known, format!("wrong delimiters: `{name}` takes brackets"), None, errors);
    }
    let tokens = crate::list::flatten(group.stream());
    let mut found = Vec::new();
    for part in split(&tokens) {
        match part {
            [TokenTree::Literal(token)] => match string(token) {
                Ok(value) => found.push(Text { value, token: token.clone() }),
                Err(Wrong::Suffix) => return suffixed(token, errors),
                Err(Wrong::Kind(_)) => {
                    errors.add(
                        token,
                        Message::new(format!("`{name}` lists string literals"))
                            .help(format!("write `{}`", known.key.example)),
                    );
                }
            },
            [] => errors.add(
                group_token(group),
                Message::new("expected a string between the commas").help("remove a comma"),
            ),
            [TokenTree::Literal(first), extra @ ..] => {
                let message = Message::new(format!("expected `,` between the strings of `{name}`"));
                let message = match quoted(extra) {
                    Some(next) => message.help(format!("write `{first}, {next}`")),
                    None => message,
                };
                errors.add(quote!(#(#extra)*), message);
                return None;
            }
            part => {
                let message = Message::new(format!("expected a string literal, found {}", kind(part)));
                let message = message.help(match quoted(part) {
                    Some(text) => format!("write `{text}`"),
                    None => format!("write `{}`", known.key.example),
                });
                errors.add(quote!(#(#part)*), message);
            }
        }
    }
    Some(found)
}

/// Returns the string that was meant by `"a/b"` or the bare `a/b`.
fn quoted(part: &[TokenTree]) -> Option<String> {
    match part {
        [TokenTree::Literal(literal)] if literal.to_string().starts_with('"') => Some(literal.to_string()),
        [] | [.., TokenTree::Group(_)] => None,
        part => {
            let word =
                |token: &TokenTree| matches!(token, TokenTree::Ident(_)) || is(token, '/') || is(token, '*');
            let bare = part.iter().any(|token| is(token, '/')) && part.iter().all(word);
            bare.then(|| format!("\"{}\"", part.iter().map(ToString::to_string).collect::<String>()))
        }
    }
}

fn group_token(group: &proc_macro2::Group) -> TokenStream {
    TokenTree::Group(group.clone()).into()
}

/// Parses the name of another field.
pub(crate) fn field_name(known: &Known, errors: &mut Errors) -> Option<Ident> {
    let name = known.key.name;
    let (head, help) = match &known.value[..] {
        [TokenTree::Ident(ident)]
            if !matches!(ident.to_string().as_str(), "true" | "false" | "self" | "Self") =>
        {
            return Some(ident.clone());
        }
        [TokenTree::Literal(literal)] => {
            let help = match string(literal) {
                Ok(text) if syn::parse_str::<Ident>(&text).is_ok() => {
                    Some(format!("write `{name} = {text}`"))
                }
                _ => None,
            };
            (format!("`{name}` takes the name of a field, not {}", kind(&known.value)), help)
        }
        value => {
            let help = match value {
                // `self.width`, `User::width`
                [.., dot, TokenTree::Ident(last)] if is(dot, '.') || is(dot, ':') => {
                    Some(format!("write `{name} = {last}`"))
                }
                _ => None,
            };
            (format!("`{name}` takes the name of a field, not {}", kind(value)), help)
        }
    };
    refuse(known, head, help, errors)
}

/// Parses a string that must be one of `words`, and returns its index.
pub(crate) fn choice(known: &Known, words: &[&str], errors: &mut Errors) -> Option<usize> {
    let name = known.key.name;
    let quoted = |word: &str| format!("`{name} = \"{word}\"`");
    let choices =
        || format!("write {}", words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" or "));
    let bare = match &known.value[..] {
        [TokenTree::Ident(ident)] => {
            words.iter().find(|word| ident == *word).map(|word| format!("write {}", quoted(word)))
        }
        _ => None,
    };
    let text = text(known, Some(bare.unwrap_or_else(choices)), errors)?;
    if let Some(index) = words.iter().position(|word| *word == text.value) {
        return Some(index);
    }
    let near = crate::suggest::nearest(&text.value, words.iter().copied());
    let help = near.map_or_else(choices, |near| format!("write {}", quoted(near)));
    refuse(known, format!("`{name}` cannot be `{}`", text.value.escape_debug()), Some(help), errors)
}

/// Returns the value as a path that an expression can hold, if it is one: `a::b`, `::a::<T>::b`, `<T as
/// Trait>::f`.
pub(crate) fn path_in(value: &[TokenTree]) -> Option<TokenStream> {
    let tokens = quote!(#(#value)*);
    let path = syn::parse2::<syn::TypePath>(tokens.clone()).ok()?;
    // `f<T>` is a type. An expression needs `f::<T>`.
    let turbofish =
        path.path.segments.iter().skip(path.qself.as_ref().map_or(0, |qself| qself.position)).all(
            |segment| match &segment.arguments {
                syn::PathArguments::None => true,
                syn::PathArguments::AngleBracketed(arguments) => arguments.colon2_token.is_some(),
                syn::PathArguments::Parenthesized(_) => false,
            },
        );
    turbofish.then_some(tokens)
}

/// Parses the path of a function. Messages show `what`.
pub(crate) fn function(known: &Known, errors: &mut Errors) -> Option<TokenStream> {
    let name = known.key.name;
    let value = &known.value;
    if matches!(&value[..], [TokenTree::Ident(word)] if word == "None") {
        let head = format!("`{name}` takes the path of a function, not `None`");
        return refuse(known, head, Some(format!("leave `{name}` out")), errors);
    }
    if let Some(path) = path_in(value).filter(|_| kind(value) == "a path") {
        return Some(path);
    }
    let (head, help) = match kind(value) {
        "a string" => {
            let text = match &value[..] {
                [TokenTree::Literal(literal)] => string(literal).unwrap_or_default(),
                _ => String::new(),
            };
            let path =
                TokenStream::from_str(&text).ok().and_then(|path| path_in(&crate::list::flatten(path)));
            let help = match &text[..] {
                _ if name != "storage" => path.map(|_| format!("write `{name} = {text}`")),
                "default" => Some(format!("leave `{name}` out: that is the default storage")),
                _ => Some(match path {
                    Some(_) if text.contains("::") => format!("write `{name} = {text}`"),
                    Some(_) => {
                        format!("write `{name} = {text}`, and `fn {text}() -> &'static str {{ \"{text}\" }}`")
                    }
                    None => "write a `fn` that returns the storage, and its name here".to_owned(),
                }),
            };
            (format!("`{name}` takes a path, not a string"), help)
        }
        "a call" => {
            let empty = matches!(value.last(), Some(TokenTree::Group(group)) if group.stream().is_empty());
            let help = if empty {
                "remove the parentheses"
            } else {
                "move the call into a `fn` and write its name here"
            };
            (format!("`{name}` takes the function itself"), Some(help.to_owned()))
        }
        "a closure"
        | "a block"
        | "a reference"
        | "a macro call"
        | "an expression"
        | "an expression in parentheses" => {
            let help = "move the expression into a `fn` and write its name here".to_owned();
            (format!("`{name}` takes the path of a function, not {}", kind(value)), Some(help))
        }
        kind => (format!("`{name}` takes the path of a function, not {kind}"), None),
    };
    let help = match &value[..] {
        [.., last] if kind(value) == "an expression" && is(last, '>') && !colons(value) => {
            Some("write `::<` before the type arguments".to_owned())
        }
        _ => help,
    };
    refuse(known, head, help, errors)
}

//! Parser for `key = value, flag, ..`. It resumes at the next comma after a mistake, so all mistakes of a
//! list are reported at once.

use crate::attr::Grammar;
use crate::errors::{Errors, Message};
use proc_macro2::{Delimiter, Ident, Punct, Spacing, TokenStream, TokenTree};
use quote::quote;

/// What follows a key.
#[derive(Debug)]
pub(crate) enum Given {
    /// Nothing.
    Bare,
    /// `=` without a value.
    Equals(TokenTree),
    /// `=` and at least one token.
    Value(Vec<TokenTree>),
    /// Something other than `=`, and the literal that follows it or is in it.
    Other(TokenTree, Option<String>),
}

/// One `key` or `key = value`.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Ident,
    pub(crate) given: Given,
}

impl Entry {
    /// All tokens of the entry, for underlining.
    pub(crate) fn tokens(&self) -> TokenStream {
        let key = &self.key;
        match &self.given {
            Given::Bare => quote!(#key),
            Given::Equals(token) | Given::Other(token, _) => quote!(#key #token),
            Given::Value(value) => quote!(#key #(#value)*),
        }
    }
}

/// Splits the content of an attribute into its entries.
pub(crate) fn parse(tokens: TokenStream, grammar: &Grammar, errors: &mut Errors) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut rest = &flatten(tokens)[..];
    while !rest.is_empty() {
        let end = comma(rest);
        let part = &rest[..end];
        if part.is_empty() {
            errors.add(&rest[0], Message::new("expected a key, found `,`").help("remove the comma"));
        }
        if let Some(found) = rest.get(end).filter(|found| is(found, ';')) {
            errors.add(found, Message::new("expected `,` between keys, found `;`").help("write a `,`"));
        }
        segment(part, &mut entries, grammar, errors);
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    entries
}

/// Removes the invisible delimiters that `macro_rules!` puts around its fragments.
pub(crate) fn flatten(tokens: TokenStream) -> Vec<TokenTree> {
    let mut flat = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                flat.extend(flatten(group.stream()));
            }
            token => flat.push(token),
        }
    }
    flat
}

/// Splits at the commas outside of `<..>`.
pub(crate) fn split(mut rest: &[TokenTree]) -> Vec<&[TokenTree]> {
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let end = comma(rest);
        parts.push(&rest[..end]);
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    parts
}

/// Index of the first comma outside `<..>` and outside a closure's parameters, or the length. `;` counts as a
/// comma.
fn comma(tokens: &[TokenTree]) -> usize {
    let mut at = 0;
    while at < tokens.len() && !is(&tokens[at], ',') && !is(&tokens[at], ';') {
        // A `<` or `|` without a closing partner opens no list.
        at += match &tokens[at] {
            token if is(token, '<') => angle(&tokens[at..]).unwrap_or(1),
            token if is(token, '|') => {
                let close = tokens[at + 1..].iter().position(|token| is(token, '|'));
                close.map_or(1, |close| close + 2)
            }
            _ => 1,
        };
    }
    at.min(tokens.len())
}

/// Length of the leading `<..>`.
fn angle(tokens: &[TokenTree]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        let arrow = at > 0 && (is(&tokens[at - 1], '-') || is(&tokens[at - 1], '='));
        if is(token, '<') {
            depth += 1;
        } else if is(token, '>') && !arrow {
            depth -= 1;
            if depth == 0 {
                return Some(at + 1);
            }
        }
    }
    None
}

/// Parses the tokens between two commas: one entry, or several if a comma is missing.
fn segment(mut part: &[TokenTree], entries: &mut Vec<Entry>, grammar: &Grammar, errors: &mut Errors) {
    while let [first, after @ ..] = part {
        let key = match first {
            TokenTree::Ident(key) => key.clone(),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if after.is_empty()
                    && let Some(Entry { key, given: Given::Value(list) }) = entries.last_mut()
                    && grammar.keys.iter().any(|known| key == known.name && known.example.contains('['))
                {
                    // The brackets are one mistake.
                    list.extend([TokenTree::Punct(Punct::new(',', Spacing::Alone)), first.clone()]);
                    return;
                }
                let message = Message::new("expected a key before the value");
                let message = if text.starts_with('"') && after.is_empty() {
                    message.help(format!("write `{} = {text}`", grammar.keys[0].name))
                } else {
                    message.help("write `key = value`")
                };
                return errors.add(quote!(#(#part)*), message);
            }
            _ => {
                return errors.add(
                    quote!(#(#part)*),
                    Message::new(format!("expected a key, found `{}`", opening(first)))
                        .help("write `key = value`"),
                );
            }
        };
        if colons(after) {
            return errors.add(
                quote!(#(#part)*),
                Message::new("expected a plain key, found a path")
                    .help("keys are single words, such as `upload_to`"),
            );
        }
        let own = &after[..next_entry(after, grammar)];
        let given = match own {
            [] => Given::Bare,
            [equals] if single_equals(own) => Given::Equals(equals.clone()),
            [_, value @ ..] if single_equals(own) => Given::Value(value.to_vec()),
            [TokenTree::Group(group)] => Given::Other(own[0].clone(), literal(&flatten(group.stream()))),
            [found, value @ ..] => Given::Other(found.clone(), literal(value)),
        };
        entries.push(Entry { key, given });
        let last = own.last().unwrap_or(first);
        part = &after[own.len()..];
        if let [next, ..] = part {
            let message = Message::new(format!("expected `,` before `{next}`"));
            errors.add(next, message.help(format!("write `{last}, {next}`")));
        }
    }
}

fn literal(tokens: &[TokenTree]) -> Option<String> {
    match tokens {
        [TokenTree::Literal(literal)] => Some(literal.to_string()),
        _ => None,
    }
}

/// Index at which, after a key, the next entry begins without a comma; else the length.
fn next_entry(after: &[TokenTree], grammar: &Grammar) -> usize {
    let starts = |at: usize| match (&after[at], at.checked_sub(1).map(|before| &after[before])) {
        (TokenTree::Ident(_), None) => true,
        (TokenTree::Ident(word), Some(before)) if at > 1 => {
            let glued = match before {
                // A number and its unit are one value.
                TokenTree::Literal(literal) => {
                    literal.to_string().contains('"') || grammar.keys.iter().any(|key| word == key.name)
                }
                TokenTree::Ident(before) => !is_keyword(before),
                _ => false,
            };
            (glued && !is_keyword(word)) || single_equals(&after[at + 1..])
        }
        _ => false,
    };
    (0..after.len()).find(|at| starts(*at)).unwrap_or(after.len())
}

/// Words that join their neighbours into one expression.
fn is_keyword(word: &Ident) -> bool {
    const WORDS: &[&str] = &[
        "as", "async", "const", "dyn", "else", "for", "if", "in", "loop", "match", "move", "mut", "unsafe",
        "while",
    ];
    WORDS.iter().any(|keyword| word == keyword)
}

/// Whether the tokens start with `=` that is not part of `==` or `=>`.
fn single_equals(tokens: &[TokenTree]) -> bool {
    matches!(tokens.first(), Some(TokenTree::Punct(punct)) if punct.as_char() == '='
        && (punct.spacing() == Spacing::Alone || !tokens.get(1).is_some_and(|next| is(next, '=') || is(next, '>'))))
}

/// Whether the tokens start with `::`.
pub(crate) fn colons(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [first, second, ..] if is(first, ':') && is(second, ':'))
}

pub(crate) fn is(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == punct)
}

/// A token as a message shows it. A group is shown by its opening delimiter.
pub(crate) fn opening(token: &TokenTree) -> String {
    match token {
        TokenTree::Group(group) => match group.delimiter() {
            Delimiter::Parenthesis => "(".to_owned(),
            Delimiter::Brace => "{".to_owned(),
            _ => "[".to_owned(),
        },
        token => token.to_string(),
    }
}

//! Completion and hover for the keys of the attributes.

use crate::list::{flatten, split};
use crate::model::Model;
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::quote;
use syn::{Attribute, Meta};

/// The keys as the user wrote them, half-typed ones too, for a macro of the runtime: under rust-analyzer it imports
/// them, because that completes and explains a path in an import, and knows nothing of the lists in attributes. For the
/// compiler it is empty. Which of the two is chosen in the runtime, so that no `cfg` of ours is in the user's crate.
pub(super) fn keys(model: &Model<'_>) -> TokenStream {
    let attrs = model.attributes();
    let [file, model] = ["file", "model"].map(|name| named(&attrs, name));
    if file.is_empty() && model.is_empty() {
        return TokenStream::new();
    }
    quote!(__ff::keys! { file #(#file)*; model #(#model)* })
}

fn named(attrs: &[&Attribute], name: &str) -> Vec<Ident> {
    let mut keys = Vec::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident(name)) {
        let Meta::List(list) = &attr.meta else { continue };
        let tokens = flatten(list.tokens.clone());
        keys.extend(split(&tokens).iter().filter_map(|part| match part {
            // A keyword cannot be imported, and is not worth a parser.
            [TokenTree::Ident(key), ..] if key != "crate" => Some(key.clone()),
            _ => None,
        }));
    }
    keys
}

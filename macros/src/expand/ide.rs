//! Completion and hover for the keys of the attributes.

use crate::list::{flatten, split};
use crate::model::Model;
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::quote;
use syn::{Attribute, Meta};

/// Passes the keys as the user wrote them, including half-typed ones, to a macro of the runtime. Under
/// rust-analyzer that macro imports them, because rust-analyzer completes and explains paths in imports but
/// not lists in attributes. For the compiler the macro is empty. The runtime makes that choice, so the user's
/// crate contains no `cfg` of this crate.
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
            // A keyword cannot be imported.
            [TokenTree::Ident(key), ..] if key != "crate" => Some(key.clone()),
            _ => None,
        }));
    }
    keys
}

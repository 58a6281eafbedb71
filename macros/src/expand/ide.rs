//! Completion and hover for the keys of the attributes.

use crate::list::{flatten, split};
use crate::model::Model;
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::quote;
use syn::{Attribute, Meta};

/// Imports of the keys as the user wrote them, half-typed ones too. Only rust-analyzer sees them: it completes and
/// explains a path in an import, and knows nothing of the lists in attributes.
pub(super) fn keys(model: &Model<'_>) -> TokenStream {
    let attrs = model.attributes();
    let [file, model] = ["file", "model"].map(|name| named(&attrs, name));
    if file.is_empty() && model.is_empty() {
        return TokenStream::new();
    }
    quote! {
        #[cfg(rust_analyzer)]
        const _: () = {
            #(use __ff::keys::file::#file as _;)*
            #(use __ff::keys::model::#model as _;)*
        };
    }
}

fn named(attrs: &[&Attribute], name: &str) -> Vec<Ident> {
    let mut keys = Vec::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident(name)) {
        let Meta::List(list) = &attr.meta else { continue };
        let tokens = flatten(list.tokens.clone());
        keys.extend(split(&tokens).iter().filter_map(|part| match part {
            // A keyword cannot be imported.
            [TokenTree::Ident(key), ..] if syn::parse_str::<Ident>(&key.to_string()).is_ok() => {
                Some(key.clone())
            }
            _ => None,
        }));
    }
    keys
}

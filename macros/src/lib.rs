//! The `Model` derive of `filefield`: parse, check, expand.
//!
//! Depend on `filefield`, which re-exports the derive. The two crates share a private contract, so their versions
//! must match exactly.

mod attr;
mod check;
mod errors;
mod expand;
mod generics;
mod list;
mod model;
mod suggest;
mod template;
#[cfg(test)]
mod tests;

use errors::{Errors, Message};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use std::panic::{AssertUnwindSafe, catch_unwind};
use syn::DeriveInput;

/// Derives `filefield::FileModel` and the accessors of the file fields.
///
/// `filefield::Model` documents all attributes, with examples that compile.
#[proc_macro_derive(Model, attributes(file, model))]
pub fn derive_model(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    guarded(input.into(), derive).into()
}

/// A panic is a bug of this crate. It is reported as such, and the rest of the user's crate still compiles.
fn guarded(input: TokenStream, derive: fn(&DeriveInput) -> TokenStream) -> TokenStream {
    let input = match syn::parse2::<DeriveInput>(input) {
        Ok(input) => input,
        // A keyword is not valid there in any edition. The compiler has already said so, and how to escape
        // it.
        Err(error) if error.to_string().starts_with("expected identifier, found keyword") => {
            return TokenStream::new();
        }
        Err(error) => {
            let message = Message::new("`Model` cannot read this item")
                .note("it can be derived for structs in the syntax of Rust 1.95");
            return syn::Error::new(error.span(), message).to_compile_error();
        }
    };
    catch_unwind(AssertUnwindSafe(|| derive(&input))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text =
            text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        let message = Message::new(format!("internal error in `#[derive(Model)]`: {text}"))
            .help("please report it, with the struct");
        let error = syn::Error::new(Span::call_site(), message).to_compile_error();
        let stub = expand::stub(&input, &quote!(::filefield));
        quote!(#error #stub)
    })
}

fn derive(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::new();
    let mut model = model::Model::parse(input, &mut errors);
    check::all(&mut model, &mut errors);
    let body = expand::all(&model);
    let errors = errors.into_tokens();
    quote!(#errors #body)
}

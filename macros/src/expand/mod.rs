//! Generates tokens from the checked model. Fields with mistakes are generated with defaults, so that one
//! mistake stays one error.

mod access;
mod ide;
mod model;
mod table;
mod text;

use crate::generics::{self, Split};
use crate::model::Model;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{DeriveInput, Type};

/// Everything but the errors.
pub(crate) fn all(model: &Model<'_>) -> TokenStream {
    if !model.regular {
        return stub(model.input, &model.krate);
    }
    let split = generics::split(model);
    let body = [
        model::implementation(model, &split),
        access::accessors(model, &split),
        table::implementation(model, &split),
        ide::keys(model),
    ];
    anonymous(model.input, &model.krate, &quote!(#(#body)*))
}

/// The impl alone, without fields, for input that is not a struct with named fields.
pub(crate) fn stub(input: &DeriveInput, krate: &TokenStream) -> TokenStream {
    let ident = &input.ident;
    let name = syn::ext::IdentExt::unraw(ident).to_string();
    let (params, arguments, predicates) = input.generics.split_for_impl();
    let predicates = predicates.map(|clause| &clause.predicates);
    let body = quote! {
        #[automatically_derived]
        impl #params __ff::FileModel for #ident #arguments
        where
            Self: ::core::marker::Send + ::core::marker::Sync + 'static,
            #predicates
        {
            const DEF: __ff::ModelDef = __ff::ModelDef::new(#name, &[]);
        }
    };
    anonymous(input, krate, &body)
}

/// Wraps the expansion in an anonymous constant, so that `__ff` does not become a name of the user's module. A
/// missing runtime is one error, at the `use`.
fn anonymous(input: &DeriveInput, krate: &TokenStream, body: &TokenStream) -> TokenStream {
    // Emitted for deprecated structs only, because `allow` is an error under the user's `forbid`.
    let deprecated = input.attrs.iter().any(|attr| attr.path().is_ident("deprecated"));
    let allow = deprecated.then(|| quote!(#[allow(deprecated)]));
    quote! {
        #allow
        const _: () = {
            use #krate::__private as __ff;
            #body
        };
    }
}

/// `Slot { get, get_mut }` for a field.
fn slot(ident: &Ident) -> TokenStream {
    // A constant of the user with the same name would turn a parameter into a pattern.
    let model = Ident::new("__model", Span::mixed_site());
    let borrow = quote_spanned!(Span::call_site()=> #model.#ident);
    quote!(__ff::Slot { get: |#model| &#borrow, get_mut: |#model| &mut #borrow })
}

/// The span of an accessor's name: it points at the field, but counts as generated, so lints ignore it.
fn at(ident: &Ident) -> Span {
    Span::call_site().located_at(ident.span())
}

/// The name of a field for generated code. The span has this crate's edition, in which `gen` is a keyword.
fn name_of(ident: &Ident) -> Ident {
    if ident == "gen" {
        return Ident::new_raw("gen", at(ident));
    }
    let mut name = ident.clone();
    name.set_span(at(ident));
    name
}

/// The type, with `Self` replaced by the struct's own name.
fn outside(ty: &Type, split: &Split) -> TokenStream {
    generics::replace_self(quote!(#ty), &split.self_ty)
}

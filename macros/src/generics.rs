//! Type parameters: the bounds that the generated impls require, and the items that must not mention the
//! parameters.

use crate::model::Model;
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{GenericParam, Generics, Type, WherePredicate};

/// The pieces of `impl<..> Trait for Name<..> where ..`.
#[derive(Debug)]
pub(crate) struct Split {
    pub(crate) params: TokenStream,
    pub(crate) self_ty: TokenStream,
    /// Name and arguments of the struct, without a turbofish.
    pub(crate) arguments: TokenStream,
    pub(crate) predicates: TokenStream,
    /// The predicates, plus `Clone` for the struct if it has parameters.
    pub(crate) cloneable: TokenStream,
}

/// Splits the generics. Models are shared between threads and have no lifetime limit, so every type parameter
/// is `Send + Sync + 'static`.
pub(crate) fn split(model: &Model<'_>) -> Split {
    let ident = &model.input.ident;
    let mut generics = owned(&model.input.generics);
    let bounds = model.input.generics.type_params().map(|param| -> WherePredicate {
        let param = &param.ident;
        syn::parse_quote!(#param: ::core::marker::Send + ::core::marker::Sync + 'static)
    });
    let bounds: Vec<_> = bounds.collect();
    if !bounds.is_empty() {
        generics.make_where_clause().predicates.extend(bounds);
    }
    let arguments = arguments(&model.input.generics);
    let self_ty = quote!(#ident #arguments);
    // The struct of the columns has the same generics, and its `Self` is another type.
    let outside = |tokens: TokenStream| replace_self(tokens, &self_ty);
    let params = outside(generics.split_for_impl().0.to_token_stream());
    let predicates = outside(generics.where_clause.to_token_stream());
    if !arguments.is_empty() {
        generics.make_where_clause().predicates.push(syn::parse_quote!(#self_ty: ::core::clone::Clone));
    }
    let cloneable = replace_self(generics.where_clause.to_token_stream(), &self_ty);
    Split { params, self_ty, arguments, predicates, cloneable }
}

/// Removes the lifetime parameters, which have been reported already: the stub uses `'static`.
fn owned(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    let lifetimes: Vec<String> = generics.lifetimes().map(|param| param.lifetime.to_string()).collect();
    if lifetimes.is_empty() {
        return generics;
    }
    let borrows = |tokens: TokenStream| lifetimes.iter().any(|name| mentions_lifetime(tokens.clone(), name));
    generics.params = generics.params.into_iter().filter(|param| !borrows(param.to_token_stream())).collect();
    if let Some(clause) = &mut generics.where_clause {
        let kept = clause.predicates.iter().filter(|predicate| !borrows(predicate.to_token_stream()));
        clause.predicates = kept.cloned().collect();
    }
    generics
}

fn arguments(generics: &Generics) -> TokenStream {
    let arguments = generics.params.iter().map(|param| match param {
        GenericParam::Lifetime(_) => quote!('static),
        GenericParam::Type(param) => param.ident.to_token_stream(),
        GenericParam::Const(param) => param.ident.to_token_stream(),
    });
    if generics.params.is_empty() { TokenStream::new() } else { quote!(<#(#arguments),*>) }
}

fn mentions_lifetime(tokens: TokenStream, name: &str) -> bool {
    let mut quote = false;
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => mentions_lifetime(group.stream(), name),
        TokenTree::Punct(punct) => {
            quote = punct.as_char() == '\'';
            false
        }
        TokenTree::Ident(ident) => std::mem::take(&mut quote) && ident == name[1..],
        TokenTree::Literal(_) => false,
    })
}

/// Whether the tokens mention a lifetime parameter of the struct.
pub(crate) fn borrows(tokens: &impl ToTokens, generics: &Generics) -> bool {
    generics.lifetimes().any(|param| mentions_lifetime(tokens.to_token_stream(), &param.lifetime.to_string()))
}

/// Whether the type mentions a parameter of the struct, or mentions the struct if the struct has parameters.
pub(crate) fn is_generic(ty: &Type, generics: &Generics) -> bool {
    let named = |ident: &Ident| {
        ident == "Self"
            || generics.type_params().any(|param| param.ident == *ident)
            || generics.const_params().any(|param| param.ident == *ident)
    };
    !generics.params.is_empty() && find_word(ty.to_token_stream(), &named).is_some()
}

/// Returns the first word of `tokens` that `wanted` accepts.
pub(crate) fn find_word(tokens: TokenStream, wanted: &dyn Fn(&Ident) -> bool) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Group(group) => find_word(group.stream(), wanted),
        TokenTree::Ident(ident) => wanted(&ident).then_some(ident),
        _ => None,
    })
}

/// Replaces `Self` by the struct's own type, because `Self` is another type where the tokens go.
pub(crate) fn replace_self(tokens: TokenStream, self_ty: &TokenStream) -> TokenStream {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Ident(ident) if ident == "Self" => self_ty
                .clone()
                .into_iter()
                .map(|mut token| {
                    token.set_span(ident.span());
                    token
                })
                .collect(),
            TokenTree::Group(group) => {
                let mut new =
                    proc_macro2::Group::new(group.delimiter(), replace_self(group.stream(), self_ty));
                new.set_span(group.span());
                TokenTree::Group(new).into()
            }
            token => TokenStream::from(token),
        })
        .collect()
}

//! The accessors.

use super::{at, text};
use crate::generics::{Split, borrows};
use crate::model::Model;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Index;

/// `photo()` and `photo_mut()`, as visible as the struct: they are there because its fields may be private. No bound
/// here, so that a wrong type is not reported again.
pub(super) fn accessors(model: &Model<'_>, split: &Split) -> TokenStream {
    let Split { params, self_ty, predicates, .. } = split;
    let visibility = &model.input.vis;
    let methods =
        model.files().enumerate().filter(|(_, (field, _))| !borrows(field.ty, &model.input.generics)).map(
            |(index, (field, _))| {
                let (ty, docs, index) = (field.ty, &field.docs, Index::from(index));
                let mut getter: Ident = field.ident.clone();
                getter.set_span(at(field.ident));
                let setter = format_ident!("{}_mut", field.name, span = at(field.ident));
                let gap = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
                let (get, set) = (text::accessor(&field.name), text::accessor_mut(&field.name));
                quote_spanned! {at(field.ident)=>
                    #(#docs)*
                    #gap
                    #[doc = #get]
                    #[inline]
                    #visibility fn #getter(&self) -> __ff::FieldFile<'_, Self, #ty> {
                        __ff::field_file(self, #index)
                    }
                    #(#docs)*
                    #gap
                    #[doc = #set]
                    #[inline]
                    #visibility fn #setter(&mut self) -> __ff::FieldFileMut<'_, Self> {
                        __ff::field_file_mut(self, #index)
                    }
                }
            },
        );
    let methods: TokenStream = methods.collect();
    if methods.is_empty() {
        return methods;
    }
    quote! {
        impl #params #self_ty #predicates {
            #methods
        }
    }
}

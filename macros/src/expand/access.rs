//! The accessors.

use super::{at, name_of, text};
use crate::generics::{Split, borrows};
use crate::model::Model;
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::Index;

/// Generates `photo()`, `photo_mut()` and, if the model has a table, `photo_upload(..)`. They are as visible
/// as the struct, because its fields may be private. They have no bounds, so a wrong type is not reported
/// twice.
pub(super) fn accessors(model: &Model<'_>, split: &Split) -> TokenStream {
    let Split { params, self_ty, predicates, .. } = split;
    let visibility = &model.input.vis;
    let methods =
        model.files().enumerate().filter(|(_, (field, _))| !borrows(field.ty, &model.input.generics)).map(
            |(index, (field, _))| {
                let (ty, docs, index) = (field.ty, &field.docs, Index::from(index));
                let getter = name_of(field.ident);
                let setter = format_ident!("{}_mut", field.name, span = at(field.ident));
                let gap = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
                let (get, set) = (text::accessor(&field.name), text::accessor_mut(&field.name));
                let upload = model.wants_table.then(|| {
                let name = format_ident!("{}_upload", field.name, span = at(field.ident));
                let doc = text::upload(&field.name);
                quote_spanned! {at(field.ident)=>
                    #[doc = #doc]
                    #visibility fn #name(__filename: &__ff::str, __size: __ff::u64) -> __ff::NewUpload<Self> {
                        __ff::new_upload(#index, __filename, __size)
                    }
                }
            });
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
                    #upload
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

//! `impl Table`, and the struct of its columns.

use super::model::wants_image;
use super::{name_of, outside, slot, text};
use crate::generics::Split;
use crate::model::{Field, Model};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::Index;

/// Returns nothing if there is no table, or no field that could be its key.
pub(super) fn implementation(model: &Model<'_>, split: &Split) -> TokenStream {
    let key = model.fields.iter().find(|field| field.keys.primary_key.is_some() && field.file.is_none());
    let key = key.or_else(|| model.fields.iter().find(|field| field.name == "id" && field.file.is_none()));
    let (true, Some(key)) = (model.wants_table, key) else { return TokenStream::new() };
    if model.key_mistaken {
        return TokenStream::new();
    }
    if model.input.generics.lifetimes().next().is_some() {
        return TokenStream::new();
    }
    let Split { params, self_ty, arguments, predicates, cloneable } = split;
    let name = &model.name;
    let columns = format_ident!("__{}Columns", name, span = Span::call_site());
    let columns_doc = text::columns(name);
    let key_ty = key.ty;
    let idents: Vec<Ident> = model.fields.iter().map(|field| name_of(field.ident)).collect();
    let docs = model.fields.iter().map(|field| text::column(field.column()));
    let types: Vec<TokenStream> = model.fields.iter().map(|field| outside(field.ty, split)).collect();
    let values = model.fields.iter().zip(&types).map(|(field, ty)| {
        let (spec, slot) = (spec(model, field), slot(field.ident));
        // `type Key` is the only mention of the key's type.
        if std::ptr::eq(field, key) {
            quote!(__ff::primary_key::<#self_ty>(#spec, #slot))
        } else if let Some(file) = &field.file {
            let declare = if wants_image(file) { quote!(image_column) } else { quote!(file_column) };
            quote!(__ff::#declare::<#self_ty, #ty>(#spec, #slot))
        } else {
            quote!(__ff::column::<#self_ty, #ty>(#spec, #slot))
        }
    });
    let fields = model.fields.iter().map(|field| field.ident);
    let all = quote!(<#columns #arguments>::__ALL);
    // The values are a constant of the new struct. If they were named through the trait, errors of its
    // supertraits would be reported again.
    quote! {
        #[doc = #columns_doc]
        pub struct #columns #params #predicates {
            #(#[doc = #docs] pub #idents: __ff::Column<#self_ty, #types>,)*
        }
        impl #params #columns #arguments #cloneable {
            const __ALL: &'static Self = &Self { #(#idents: #values,)* };
        }
        #[automatically_derived]
        impl #params __ff::Table for #self_ty #cloneable {
            type Key = #key_ty;
            type Columns = #columns #arguments;
            const COLUMNS: &'static #columns #arguments = #all;
            const ALL: &'static [&'static dyn __ff::AnyColumn<Self>] = &[#(&#all.#idents),*];
            fn from_row(__row: &__ff::Row<'_>) -> __ff::Result<Self> {
                __ff::Result::Ok(Self { #(#fields: __row.get(&#all.#idents)?,)* })
            }
        }
    }
}

fn spec(model: &Model<'_>, field: &Field<'_>) -> TokenStream {
    let name = &field.name;
    let mut set = TokenStream::new();
    if let Some((column, _)) = &field.keys.column {
        set.extend(quote!(name: #column,));
    }
    if field.keys.unique.is_some() {
        set.extend(quote!(unique: true,));
    }
    if let Some(index) = model.files().position(|(file, _)| std::ptr::eq(file, field)) {
        let index = Index::from(index);
        set.extend(quote!(file: __ff::Some(#index),));
    }
    if set.is_empty() {
        return quote!(__ff::ColumnSpec::new(#name));
    }
    quote!(__ff::ColumnSpec { #set ..__ff::ColumnSpec::new(#name) })
}

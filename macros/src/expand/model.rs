//! Generates `impl FileModel`, with one definition per file field.

use super::outside;
use crate::attr::file::UploadTo;
use crate::generics::{Split, borrows, is_generic, replace_self};
use crate::model::{Field, FileField, Model};
use proc_macro2::TokenStream;
use quote::quote;
use syn::Index;

pub(super) fn implementation(model: &Model<'_>, split: &Split) -> TokenStream {
    let Split { params, self_ty, predicates, .. } = split;
    let name = &model.name;
    // If the table name was wrong, that has been reported, and any other name does.
    let table = model.wants_table.then(|| model.table.as_ref().unwrap_or(&model.name));
    let table = table.map(|table| quote!(.table(#table)));
    let files: Vec<_> = files(model).collect();
    let mut handed = Handed { fields: files.iter().map(|(field, _)| *field).collect(), later: Vec::new() };
    let defs: Vec<_> =
        files.iter().map(|(field, file)| definition(model, field, file, split, &mut handed)).collect();
    let (definitions, files_ref) = if defs.is_empty() {
        (TokenStream::new(), quote!(&[]))
    } else {
        let count = Index::from(defs.len());
        let definitions =
            quote!(static __FILES: [__ff::FieldDef; #count] = [#(__ff::FieldDef::new(#defs)),*];);
        (definitions, quote!(&__FILES))
    };
    let mut def = quote!(__ff::ModelDef::new(#name, #files_ref)#table);
    if !handed.later.is_empty() {
        let later = &handed.later;
        def = quote!({ #(let _ = #later;)* #def });
    }
    let (projections, upload_to) = (projections(&handed.fields), upload_to(&files));
    quote! {
        #definitions
        #[automatically_derived]
        impl #params __ff::FileModel for #self_ty #predicates {
            const DEF: __ff::ModelDef = #def;
            #projections
            #upload_to
        }
    }
}

/// The file fields whose types do not borrow: a model cannot have others.
fn files<'m>(model: &'m Model<'_>) -> impl Iterator<Item = (&'m Field<'m>, &'m FileField)> {
    model.files().filter(|(field, _)| !borrows(field.ty, &model.input.generics))
}

/// The fields that a model gives access to, by index.
struct Handed<'m> {
    fields: Vec<&'m Field<'m>>,
    /// Functions whose bounds are checked in the impl, because a `static` cannot use the struct's parameters.
    later: Vec<TokenStream>,
}

/// Generates two methods that look a field up by index. They return it without a type, so they need no type
/// names.
fn projections(fields: &[&Field<'_>]) -> TokenStream {
    let body = |borrow: TokenStream| {
        let mut values: Vec<_> =
            fields.iter().map(|field| field.ident).map(|ident| quote!(#borrow self.#ident)).collect();
        let last = values.pop();
        let numbers = (0..values.len()).map(Index::from);
        match values.is_empty() {
            true => quote!(#last),
            false => quote!(match __number { #(#numbers => #values,)* _ => #last, }),
        }
    };
    let number = match fields.len() {
        0 => return TokenStream::new(),
        1 => quote!(_),
        _ => quote!(__number),
    };
    let (read, write) = (body(quote!(&)), body(quote!(&mut)));
    quote! {
        #[inline]
        fn __field(&self, #number: __ff::usize) -> &dyn __ff::Any {
            #read
        }
        #[inline]
        fn __field_mut(&mut self, #number: __ff::usize) -> &mut dyn __ff::Any {
            #write
        }
    }
}

/// The functions that make file names.
fn upload_to(files: &[(&Field<'_>, &FileField)]) -> TokenStream {
    let paths = files.iter().enumerate().filter_map(|(number, (_, file))| match &file.keys.upload_to {
        UploadTo::Function(path) => Some((Index::from(number), path)),
        _ => None,
    });
    let (numbers, paths): (Vec<_>, Vec<_>) = paths.unzip();
    if paths.is_empty() {
        return TokenStream::new();
    }
    quote! {
        fn __upload_to(&self, __number: __ff::usize, __filename: &__ff::str) -> __ff::Option<__ff::String> {
            match __number {
                #(#numbers => __ff::upload_to::<Self>(#paths, self, __filename),)*
                _ => __ff::None,
            }
        }
    }
}

/// The keys that differ from their defaults.
fn definition<'m>(
    model: &'m Model<'_>,
    field: &Field<'_>,
    file: &FileField,
    split: &Split,
    handed: &mut Handed<'m>,
) -> TokenStream {
    let (model_name, name, keys, ty) = (&model.name, &field.name, &file.keys, field.ty);
    let folder = match &keys.upload_to {
        UploadTo::Root | UploadTo::Function(_) => String::new(),
        UploadTo::Named(_) => model.folder_of(field),
        UploadTo::Template(template) => template.value.clone(),
    };
    let declare = if wants_image(file) { quote!(image_field) } else { quote!(file_field) };
    let generic = |ty| is_generic(ty, &model.input.generics);
    let declare = if model.wants_table {
        quote!(field)
    } else if generic(ty) {
        handed.later.push(quote!(__ff::#declare::<#ty>));
        quote!(field)
    } else {
        let ty = outside(ty, split);
        quote!(#declare::<#ty>)
    };
    let mut spec = quote!(__ff::#declare(#model_name, #name, #folder));
    if let Some((column, _)) = &field.keys.column {
        spec.extend(quote!(.column(#column)));
    }
    if let UploadTo::Function(_) = &keys.upload_to {
        spec.extend(quote!(.upload_to(__ff::UploadTo::Function)));
    }
    if let Some(path) = &keys.storage {
        let path = replace_self(path.clone(), &split.self_ty);
        spec.extend(quote!(.storage(|| __ff::storage_function(#path))));
    }
    if let Some((length, _)) = &keys.max_length {
        spec.extend(quote!(.max_length(#length)));
    }
    if let Some(size) = keys.max_size {
        spec.extend(quote!(.max_size(#size)));
    }
    if !keys.accept.is_empty() {
        let accept = &keys.accept;
        spec.extend(quote!(.accept(&[#(#accept),*])));
    }
    if let Some(path) = &keys.verify {
        let path = replace_self(path.clone(), &split.self_ty);
        spec.extend(quote!(.verify(|file| __ff::verify(#path, file))));
    }
    if keys.unique_names {
        spec.extend(quote!(.naming(__ff::Naming::Unique)));
    }
    if keys.detected_extension {
        spec.extend(quote!(.detected_extension()));
    }
    if keys.keep_replaced {
        spec.extend(quote!(.on_replace(__ff::Retention::Keep)));
    }
    if keys.keep_deleted {
        spec.extend(quote!(.on_delete(__ff::Retention::Keep)));
    }
    let companions = [
        (file.width, quote!(width_field), quote!(pixel_count)),
        (file.height, quote!(height_field), quote!(pixel_count)),
        (file.meta, quote!(meta_field), quote!(file_meta)),
    ];
    for (companion, setter, declare) in companions {
        let Some(field) = companion.map(|index| &model.fields[index]) else { continue };
        let (number, ty) = (Index::from(handed.fields.len()), field.ty);
        handed.fields.push(field);
        if generic(ty) {
            handed.later.push(quote!(__ff::#declare::<#ty>));
            spec.extend(quote!(.#setter(#number)));
        } else {
            let ty = outside(ty, split);
            spec.extend(quote!(.#setter(__ff::#declare::<#ty>(#number))));
        }
    }
    // The sweeper reads the storage of a row's file from there, without an instance.
    if let (true, Some(meta)) = (model.wants_table, file.meta) {
        let column = model.fields[meta].column();
        spec.extend(quote!(.meta_column(#column)));
    }
    spec
}

/// Whether a key of the field requires an image.
pub(super) fn wants_image(file: &FileField) -> bool {
    file.keys.width.is_some() || file.keys.height.is_some()
}

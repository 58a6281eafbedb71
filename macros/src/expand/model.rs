//! `impl FileModel`, with one definition a file field.

use crate::attr::file::UploadTo;
use crate::generics::{Split, borrows, replace_self};
use crate::model::{Field, FileField, Model};
use proc_macro2::TokenStream;
use quote::quote;
use syn::Index;

pub(super) fn implementation(model: &Model<'_>, split: &Split) -> TokenStream {
    let Split { params, self_ty, predicates, .. } = split;
    let name = &model.name;
    // Where a table is wanted and its name was wrong, that has been reported, and any other will do.
    let table = model.wants_table.then(|| {
        let table = model.table.as_ref().unwrap_or(&model.name);
        quote!(const TABLE_NAME: __ff::Option<&'static __ff::str> = __ff::Some(#table);)
    });
    let files: Vec<_> = files(model).collect();
    let fields = files.iter().enumerate().map(|(number, (_, file))| {
        let number = Index::from(number);
        let mut field = quote!(__ff::ModelField::new(&__FIELDS[#number], #number));
        if let UploadTo::Function(path) = &file.keys.upload_to {
            field.extend(quote!(.upload_to(#path)));
        }
        for (companion, setter) in [(file.width, quote!(width_field)), (file.height, quote!(height_field))] {
            if let Some(index) = companion {
                let number = Index::from(index);
                field.extend(quote!(.#setter(#number)));
            }
        }
        if file.meta.is_some() {
            field.extend(quote!(.meta_field()));
        }
        field
    });
    let fields = if files.is_empty() {
        quote!(&[])
    } else {
        let count = Index::from(files.len());
        let specs = files.iter().map(|(field, file)| spec(model, field, file, split));
        quote!({
            static __FIELDS: [__ff::FieldDef; #count] = [#(__ff::FieldDef::new(#specs)),*];
            &[#(&#fields),*]
        })
    };
    let values = projections(
        (quote!(__file), quote!(__file_mut), quote!(FieldValue)),
        files.iter().enumerate().map(|(number, (field, file))| (number, *field, declare(model, file))),
    );
    let companions = |index: Option<usize>| index.map(|index| (index, &model.fields[index]));
    let pixels =
        files.iter().flat_map(|(_, file)| [companions(file.width), companions(file.height)]).flatten();
    let pixels = projections(
        (quote!(__pixels), quote!(__pixels_mut), quote!(PixelCount)),
        pixels.map(|(index, field)| (index, field, quote!(pixel_count))),
    );
    let metas = files
        .iter()
        .enumerate()
        .filter_map(|(number, (_, file))| Some((number, companions(file.meta)?.1, quote!(file_meta))));
    let metas = projections((quote!(__meta), quote!(__meta_mut), quote!(MetaValue)), metas);
    quote! {
        #[automatically_derived]
        impl #params __ff::FileModel for #self_ty #predicates {
            const MODEL: &'static __ff::str = #name;
            #table
            const FIELDS: &'static [&'static __ff::ModelField<Self>] = #fields;
            #values
            #pixels
            #metas
        }
    }
}

/// Where the field's type meets its bound, for reading, for writing, and as a column: of errors that are the same to the
/// letter, the compiler shows one.
pub(super) fn declare(model: &Model<'_>, file: &FileField) -> TokenStream {
    let image = file.keys.width.is_some() || file.keys.height.is_some();
    match (image, model.wants_table) {
        (false, false) => quote!(file_field),
        (true, false) => quote!(image_field),
        (false, true) => quote!(file_column),
        (true, true) => quote!(image_column),
    }
}

/// The file fields that a model can have.
fn files<'m>(model: &'m Model<'_>) -> impl Iterator<Item = (&'m Field<'m>, &'m FileField)> {
    model.files().filter(|(field, _)| !borrows(field.ty, &model.input.generics))
}

/// Two methods that find a field by its number, and show it as a trait. Nothing, where there are no fields. The only
/// place where a field's type meets a bound.
fn projections<'m>(
    (get, get_mut, target): (TokenStream, TokenStream, TokenStream),
    fields: impl Iterator<Item = (usize, &'m Field<'m>, TokenStream)>,
) -> TokenStream {
    let fields: Vec<_> = fields.collect();
    let body = |method: TokenStream, borrow: TokenStream| {
        let values = fields.iter().map(|(_, field, declare)| {
            let (ty, ident) = (field.ty, field.ident);
            quote!(__ff::#declare::<#ty>().#method(#borrow self.#ident))
        });
        let mut values: Vec<_> = values.collect();
        let last = values.pop();
        let numbers = fields.iter().map(|(number, ..)| Index::from(*number));
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
    let (read, write) = (body(quote!(get), quote!(&)), body(quote!(get_mut), quote!(&mut)));
    quote! {
        #[inline]
        fn #get(&self, #number: __ff::usize) -> &dyn __ff::#target {
            #read
        }
        #[inline]
        fn #get_mut(&mut self, #number: __ff::usize) -> &mut dyn __ff::#target {
            #write
        }
    }
}

/// The keys that differ from their defaults.
fn spec(model: &Model<'_>, field: &Field<'_>, file: &FileField, split: &Split) -> TokenStream {
    let (model_name, name, keys) = (&model.name, &field.name, &file.keys);
    let mut set = TokenStream::new();
    if let Some((column, _)) = &field.keys.column {
        set.extend(quote!(column: #column,));
    }
    match &keys.upload_to {
        UploadTo::Root => {}
        UploadTo::Named => {
            let folder = format!("{}/{name}", model.table.clone().unwrap_or_else(|| snake_case(model_name)));
            set.extend(quote!(upload_to: __ff::UploadTo::Template(#folder),));
        }
        UploadTo::Template(template) => {
            let template = &template.value;
            set.extend(quote!(upload_to: __ff::UploadTo::Template(#template),));
        }
        UploadTo::Function(_) => set.extend(quote!(upload_to: __ff::UploadTo::Function,)),
    }
    if let Some(path) = &keys.storage {
        let path = replace_self(path.clone(), &split.self_ty);
        set.extend(quote!(storage: __ff::Some(|| __ff::storage_function(#path)),));
    }
    if let Some(length) = keys.max_length {
        set.extend(quote!(max_length: #length,));
    }
    if let Some(size) = keys.max_size {
        set.extend(quote!(max_size: __ff::Some(#size),));
    }
    if !keys.accept.is_empty() {
        let accept = &keys.accept;
        set.extend(quote!(accept: &[#(#accept),*],));
    }
    if keys.unique_names {
        set.extend(quote!(naming: __ff::Naming::Unique,));
    }
    if keys.keep_replaced {
        set.extend(quote!(on_replace: __ff::Retention::Keep,));
    }
    if keys.keep_deleted {
        set.extend(quote!(on_delete: __ff::Retention::Keep,));
    }
    if set.is_empty() {
        return quote!(__ff::FieldSpec::new(#model_name, #name));
    }
    quote!(__ff::FieldSpec { #set ..__ff::FieldSpec::new(#model_name, #name) })
}

/// `HTTPServer2Log` becomes `http_server2_log`.
fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, c) in chars.iter().enumerate() {
        let after_lower = at > 0 && !chars[at - 1].is_uppercase() && chars[at - 1] != '_';
        let before_lower =
            at > 0 && chars[at - 1] != '_' && chars.get(at + 1).is_some_and(|next| next.is_lowercase());
        if c.is_uppercase() && (after_lower || before_lower) {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    #[test]
    fn snake_case() {
        for (name, want) in [
            ("Car", "car"),
            ("CarPhoto", "car_photo"),
            ("HTTPServer2Log", "http_server2_log"),
            ("X", "x"),
            ("car", "car"),
            ("Odd_Name", "odd_name"),
            ("ÄrgerÜber", "ärger_über"),
            ("ABC", "abc"),
        ] {
            assert_eq!(super::snake_case(name), want);
        }
    }
}

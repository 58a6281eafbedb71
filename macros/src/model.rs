//! The struct as the user wrote it. Parts with a reported mistake are missing.

use crate::attr::file::{self, FileKeys};
use crate::attr::model::{self, FieldKeys};
use crate::errors::{Errors, Message};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Fields, Meta, Type};

/// A struct with `#[derive(Model)]`.
pub(crate) struct Model<'a> {
    pub(crate) input: &'a DeriveInput,
    /// Name of the struct, without `r#`.
    pub(crate) name: String,
    /// Path of the runtime.
    pub(crate) krate: TokenStream,
    pub(crate) table: Option<String>,
    /// Whether `table` was given, correctly or not.
    pub(crate) wants_table: bool,
    /// Whether `table` was given incorrectly.
    pub(crate) table_mistaken: bool,
    /// Whether the type of the primary key was refused.
    pub(crate) key_mistaken: bool,
    pub(crate) fields: Vec<Field<'a>>,
    /// Whether accessors can borrow the fields: the fields are named and owned, and the struct is not packed.
    pub(crate) regular: bool,
}

/// A field of a model.
pub(crate) struct Field<'a> {
    pub(crate) ident: &'a Ident,
    /// Its name, without `r#`.
    pub(crate) name: String,
    pub(crate) ty: &'a Type,
    pub(crate) attrs: &'a [Attribute],
    pub(crate) docs: Vec<&'a Attribute>,
    pub(crate) file: Option<FileField>,
    pub(crate) keys: FieldKeys,
}

/// The additional parts of a field with `#[file]`.
pub(crate) struct FileField {
    pub(crate) keys: FileKeys,
    /// Indices of its companion fields.
    pub(crate) width: Option<usize>,
    pub(crate) height: Option<usize>,
    pub(crate) meta: Option<usize>,
}

impl Field<'_> {
    /// Name of the column.
    pub(crate) fn column(&self) -> &str {
        self.keys.column.as_ref().map_or(&self.name, |(name, _)| name)
    }
}

impl<'a> Model<'a> {
    pub(crate) fn parse(input: &'a DeriveInput, errors: &mut Errors) -> Self {
        let keys = model::parse_struct(&input.attrs, errors);
        for attr in input.attrs.iter().filter(|attr| attr.path().is_ident("file")) {
            errors.add(
                attr,
                Message::new("`#[file]` belongs on a field")
                    .help("write it above the field that holds the file"),
            );
        }
        let shape = named_fields(input, errors);
        Model {
            input,
            name: input.ident.unraw().to_string(),
            krate: keys.krate.unwrap_or_else(|| quote!(::filefield)),
            table: keys.table,
            wants_table: keys.wants_table,
            table_mistaken: keys.table_mistaken,
            key_mistaken: false,
            regular: shape.is_some(),
            fields: shape.into_iter().flatten().filter_map(|field| self::field(field, errors)).collect(),
        }
    }

    /// All attributes of the struct and of its fields.
    pub(crate) fn attributes(&self) -> Vec<&'a Attribute> {
        let Data::Struct(data) = &self.input.data else { return Vec::new() };
        self.input.attrs.iter().chain(data.fields.iter().flat_map(|field| &field.attrs)).collect()
    }

    /// The folder of a field whose `upload_to` has no value.
    pub(crate) fn folder_of(&self, field: &Field<'_>) -> String {
        format!("{}/{}", self.table.clone().unwrap_or_else(|| snake_case(&self.name)), field.name)
    }

    /// The fields with `#[file]`, in declaration order.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Field<'a>, &FileField)> {
        self.fields.iter().filter_map(|field| Some((field, field.file.as_ref()?)))
    }
}

fn field<'a>(field: &'a syn::Field, errors: &mut Errors) -> Option<Field<'a>> {
    if let Some((equals, default)) = &field.default {
        errors.add(
            quote!(#equals #default),
            Message::new("field defaults are not supported by `Model`")
                .help("implement `Default` for the struct"),
        );
    }
    if field.modifiers.require_empty().is_err() {
        errors.add(field, Message::new("`Model` does not know a modifier of this field"));
    }
    let ident = field.ident.as_ref()?;
    let is_doc = |attr: &&Attribute| attr.path().is_ident("doc") && matches!(attr.meta, Meta::NameValue(_));
    Some(Field {
        ident,
        name: ident.unraw().to_string(),
        ty: &field.ty,
        attrs: &field.attrs,
        docs: field.attrs.iter().filter(is_doc).collect(),
        file: file::parse(&field.attrs, errors).map(|keys| FileField {
            keys,
            width: None,
            height: None,
            meta: None,
        }),
        keys: model::parse_field(&field.attrs, errors),
    })
}

fn is_no_type(ty: &Type) -> bool {
    match ty {
        Type::Infer(_) | Type::ImplTrait(_) => true,
        Type::Reference(reference) => reference.lifetime.is_none(),
        _ => false,
    }
}

fn has_twins(fields: &syn::FieldsNamed) -> bool {
    let names: Vec<_> = fields.named.iter().filter_map(|field| Some(field.ident.as_ref()?.unraw())).collect();
    names.iter().enumerate().any(|(at, name)| names[..at].contains(name))
}

/// The fields, if they are named.
fn named_fields<'a>(
    input: &'a DeriveInput,
    errors: &mut Errors,
) -> Option<syn::punctuated::Iter<'a, syn::Field>> {
    let ident = &input.ident;
    let structs = || Message::new("`Model` can be derived only for structs with named fields");
    let put = "put the file fields into a struct and derive it there";
    let fields: &dyn ToTokens = match &input.data {
        Data::Struct(data) => match &data.fields {
            // The compiler refuses these types at the field, and would again wherever they are repeated.
            Fields::Named(fields) if fields.named.iter().any(|field| is_no_type(&field.ty)) => return None,
            // The same holds for a duplicate name.
            Fields::Named(fields) if has_twins(fields) => return None,
            Fields::Named(fields) => return Some(fields.named.iter()),
            Fields::Unnamed(fields) => fields,
            Fields::Unit => ident,
        },
        Data::Enum(data) => {
            errors.add(data.enum_token, structs().help(put));
            return None;
        }
        Data::Union(data) => {
            errors.add(data.union_token, structs().help(put).note(format!("`{ident}` is a union")));
            return None;
        }
    };
    errors.add(
        fields,
        Message::new("`Model` needs named fields")
            .help(format!("write `struct {ident} {{ #[file] photo: FileField }}`"))
            .note("accessors take their names from the fields"),
    );
    None
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

//! Structs written by `macro_rules!`, with every kind of fragment.

use ::ff::{FileField, ImageField};

macro_rules! model {
    (
        $(#[$meta:meta])*
        $vis:vis $name:ident, $krate:path, $table:literal, $folder:literal, $storage:path, $max:expr,
        $field:ident: $ty:ty, $width:ident
    ) => {
        $(#[$meta])*
        #[derive(Debug, ::core::clone::Clone, ::ff::Model)]
        #[model(crate = $krate, table = $table)]
        $vis struct $name {
            #[model(primary_key)]
            id: i64,
            #[doc = ::core::concat!("Of ", $table)]
            #[file(upload_to = $folder, storage = $storage, max_size = $max, width_field = $width)]
            $field: $ty,
            $width: ::core::option::Option<u32>,
            #[file]
            fixed: FileField,
        }
    };
}

mod stores {
    pub(super) fn photos() -> &'static str {
        "photos"
    }
}

model!(
    /// A public one.
    pub FromMacro, ::ff, "public_ones", "photos/%Y", stores::photos, 3, photo: ::core::option::Option<ImageField>, width
);

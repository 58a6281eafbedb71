//! The keys of the attributes as items, for editors: under rust-analyzer the derive imports them at the places where
//! the user writes them, so that they complete, and show what follows.

/// Imports the keys of a derive.
#[cfg(rust_analyzer)]
#[doc(hidden)]
#[macro_export]
macro_rules! __keys {
    ($($list:ident $($key:ident)*);*) => {
        const _: () = {
            $($(use $crate::__private::keys::$list::$key as _;)*)*
        };
    };
}

/// Nothing.
#[cfg(not(rust_analyzer))]
#[doc(hidden)]
#[macro_export]
macro_rules! __keys {
    ($($any:tt)*) => {};
}

/// Keys of `#[file(..)]`.
pub mod file {
    /// Where the files go: a folder such as `"photos/%Y"`, the path of a `fn(&Model, &str) -> String`, or nothing for
    /// a folder made of the names of table and field. Left out: the root of the storage.
    pub mod upload_to {}
    /// The path of a function without parameters that gives the storage, or its alias. Left out: the default storage.
    pub mod storage {}
    /// The most characters a stored name may have, 1 to 1024. Left out: 255.
    pub mod max_length {}
    /// The most bytes a file may have: a number, or a string such as `"20 MiB"`. Left out: no limit.
    pub mod max_size {}
    /// The media types that are accepted, such as `["application/pdf", "image/*"]`; `"unknown"` is content of no known
    /// type. Left out: every type.
    pub mod accept {}
    /// The path of a `fn(&mut filefield::file::File) -> Result<(), E>` that looks at all bytes before they are stored. Left
    /// out: none.
    pub mod verify {}
    /// The field that is filled with the width of the image, in pixels.
    pub mod width_field {}
    /// The field that is filled with the height of the image, in pixels.
    pub mod height_field {}
    /// The field of type `FileMeta` that is filled with what is known of the file.
    pub mod meta_field {}
    /// `"keep"`: the wanted name, if it is free. `"unique"`: a random token in every name. Left out: `"keep"`.
    pub mod naming {}
    /// `"given"`: names end as the client says. `"detected"`: as the bytes say. Left out: `"given"`.
    pub mod extension {}
    /// Whether a file that another one replaces is removed: `"delete"` or `"keep"`. Left out: `"delete"`.
    pub mod on_replace {}
    /// Whether the file of a deleted row is removed: `"delete"` or `"keep"`. Left out: `"delete"`.
    pub mod on_delete {}
}

/// Keys of `#[model(..)]`.
pub mod model {
    /// Above the struct: the name of the model's table, which has one field marked `primary_key`.
    pub mod table {}
    /// On a field: the key of the table, an integer that the database counts up, or a `String` or `Uuid`.
    pub mod primary_key {}
    /// On a field: no two rows have the same value.
    pub mod unique {}
    /// On a field: the name of the column, where it is not that of the field.
    pub mod column {}
}

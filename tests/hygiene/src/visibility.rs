//! Accessors are as visible as the struct; nothing is dead, undocumented or out of reach.

use ::ff::{FileField, ImageField, Model};

mod inner {
    use ::ff::{FileField, Model};

    /// Seen by the parent module only.
    #[derive(Debug, Model)]
    #[model(crate = ::ff)]
    pub(super) struct ForParent {
        #[file(upload_to = "a")]
        pub(in crate::visibility) file: FileField,
    }

    /// Seen by the crate, with a table.
    #[derive(Debug, ::core::clone::Clone, Model)]
    #[model(crate = ::ff, table = "for_crate")]
    pub(crate) struct ForCrate {
        #[model(primary_key)]
        pub(crate) id: i32,
        #[file(upload_to = "a")]
        pub(crate) file: FileField,
    }
}

#[derive(Debug, Model)]
#[model(crate = ::ff)]
struct Private {
    #[file]
    file: FileField,
    #[file]
    r#type: ImageField,
}

/// Nobody calls its accessors.
#[derive(Debug, Model)]
#[model(crate = ::ff)]
struct Quiet {
    #[file]
    file: FileField,
}

/// Seen by everybody, though its fields are not.
#[derive(Debug, ::core::clone::Clone, Model)]
#[model(crate = ::ff, table = "public")]
pub struct Public {
    #[model(primary_key)]
    r#fn: ::std::string::String,
    /// A [photo](Public::photo).
    #[file]
    photo: ImageField,
    #[file(meta_field = r#struct)]
    pub(crate) scan: FileField,
    r#struct: ::ff::FileMeta,
}

/// Uses the private ones.
#[must_use]
pub fn lengths() -> [::core::primitive::usize; 5] {
    let mut private = Private { file: FileField::empty(), r#type: ImageField::empty() };
    private.type_mut().clear();
    let _ = Quiet { file: FileField::empty() };
    let parent = inner::ForParent { file: FileField::empty() };
    let krate = inner::ForCrate { id: 1, file: FileField::empty() };
    [
        private.file().name().len(),
        private.r#type().name().len(),
        parent.file().name().len(),
        krate.file().name().len(),
        krate.id.unsigned_abs() as ::core::primitive::usize,
    ]
}

/// No longer to be used; deriving for it is no use of it.
#[deprecated = "superseded"]
#[derive(Debug, ::core::clone::Clone, Model)]
#[model(crate = ::ff, table = "old")]
pub struct Old {
    #[model(primary_key)]
    id: i64,
    #[deprecated = "superseded"]
    #[file]
    file: FileField,
}

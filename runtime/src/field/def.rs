//! What the derive knows of a file field, and the storage evaluated for it.

use crate::error::BoxError;
use crate::registry::{StorageCell, StorageFn, StorageHandle};
use crate::{Error, Result};
use std::mem::ManuallyDrop;

/// Where the stored name of a field comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadTo {
    /// A folder, passed through strftime (D096, D097); the empty one is the storage's root.
    Template(&'static str),
    /// A function of the instance gives the whole name (D103).
    Function,
}

/// How a field names its files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// The wanted name when it is free, else `_` and seven characters (D185, D186).
    #[default]
    Keep,
    /// A 128-bit token in every name: immutable URLs, and no reliance on conditional writes.
    Unique,
}

/// What happens to the stored file when its row lets go of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retention {
    /// It is deleted when [`DELETE_AFTER`](crate::settings::Settings::delete_after) has passed since the commit, 7 days by
    /// default, unless another row names it.
    #[default]
    Delete,
    /// It stays.
    Keep,
}

/// A function that looks at all bytes of a file, from their start.
type Verify = fn(&mut crate::file::File) -> Result<(), BoxError>;

/// The keys of one `#[file(..)]`, as the derive writes them down.
#[derive(Clone, Copy, Debug)]
pub struct FieldSpec {
    /// Name of the struct.
    pub model: &'static str,
    /// Name of the field, without `r#`.
    pub name: &'static str,
    /// Name of the column.
    pub column: &'static str,
    /// `upload_to`.
    pub upload_to: UploadTo,
    /// `storage`; `None` is the default storage.
    pub storage: Option<StorageFn>,
    /// `max_length`: the most code points of a stored name.
    pub max_length: u32,
    /// `max_size`, in bytes.
    pub max_size: Option<u64>,
    /// `accept`: media types, compared with what the bytes show.
    pub accept: &'static [&'static str],
    /// `naming`.
    pub naming: Naming,
    /// `extension = "detected"`: names end as their bytes say, and not as the client says.
    pub detected_extension: bool,
    /// `verify`: looks at all bytes before they are stored.
    pub verify: Option<Verify>,
    /// `on_replace`.
    pub on_replace: Retention,
    /// `on_delete`.
    pub on_delete: Retention,
    /// `width_field`: its number among the fields that the model hands out.
    pub width: Option<usize>,
    /// `height_field`, in the same way.
    pub height: Option<usize>,
    /// `meta_field`, in the same way.
    pub meta: Option<usize>,
    /// The column of `meta_field`, where the model has a table.
    pub meta_column: Option<&'static str>,
}

impl FieldSpec {
    /// All keys at their defaults.
    pub const fn new(model: &'static str, name: &'static str) -> Self {
        FieldSpec {
            model,
            name,
            column: name,
            upload_to: UploadTo::Template(""),
            storage: None,
            max_length: 255,
            max_size: None,
            accept: &[],
            naming: Naming::Keep,
            detected_extension: false,
            verify: None,
            on_replace: Retention::Delete,
            on_delete: Retention::Delete,
            width: None,
            height: None,
            meta: None,
            meta_column: None,
        }
    }
}

macro_rules! setters {
    ($($method:ident($($value:ident: $ty:ty)?) $key:ident = $set:expr;)*) => {
        /// The keys, as the derive gives them: calls cost the user's build less than a struct with a rest.
        #[doc(hidden)]
        #[allow(missing_docs, reason = "they are named after the keys")]
        impl FieldSpec {$(
            #[must_use]
            pub const fn $method(mut self $(, $value: $ty)?) -> Self {
                self.$key = $set;
                self
            }
        )*}
    };
}

setters! {
    column(name: &'static str) column = name;
    upload_to(upload_to: UploadTo) upload_to = upload_to;
    storage(function: StorageFn) storage = Some(function);
    max_length(characters: u32) max_length = characters;
    max_size(bytes: u64) max_size = Some(bytes);
    accept(types: &'static [&'static str]) accept = types;
    naming(naming: Naming) naming = naming;
    detected_extension() detected_extension = true;
    verify(function: Verify) verify = Some(function);
    on_replace(retention: Retention) on_replace = retention;
    on_delete(retention: Retention) on_delete = retention;
    width_field(number: usize) width = Some(number);
    height_field(number: usize) height = Some(number);
    meta_field(number: usize) meta = Some(number);
    meta_column(name: &'static str) meta_column = Some(name);
}

/// A file field: its keys, and its storage once that has been evaluated. The derive makes one `static` a field.
#[derive(Debug)]
pub struct FieldDef {
    spec: FieldSpec,
    // It lies in a `static` for as long as the program runs; a type without a destructor is cheaper to check there.
    cell: ManuallyDrop<StorageCell>,
}

impl FieldDef {
    /// A field whose storage has not been evaluated yet.
    pub const fn new(spec: FieldSpec) -> Self {
        FieldDef { spec, cell: ManuallyDrop::new(StorageCell::new()) }
    }

    /// The keys.
    pub fn spec(&self) -> &FieldSpec {
        &self.spec
    }

    /// The folder that all names of the field begin with, whatever the date. `None` where there is no such folder.
    #[cfg(feature = "db")]
    pub(crate) fn folder(&self) -> Option<String> {
        let UploadTo::Template(template) = self.spec.upload_to else { return None };
        let parts = template.split('/').filter(|part| !part.is_empty() && *part != ".");
        let fixed: Vec<_> = parts.take_while(|part| !part.contains('%')).collect();
        (!fixed.is_empty()).then(|| crate::name::nfc(&fixed.join("/")).into_owned())
    }

    /// Name of the struct.
    pub fn model(&self) -> &'static str {
        self.spec.model
    }

    /// Name of the field.
    pub fn name(&self) -> &'static str {
        self.spec.name
    }

    /// The storage and its alias. The first call evaluates the storage function; once that has succeeded it is
    /// never called again (D133), and this takes a few nanoseconds.
    ///
    /// # Errors
    /// [`StorageFunction`](crate::ErrorKind::StorageFunction) and those of the settings; a later call tries again.
    pub fn storage(&self) -> Result<StorageHandle<'_>> {
        self.cell.get(self)
    }

    pub(crate) fn cell(&self) -> &StorageCell {
        &self.cell
    }

    /// Gives an error this field's model and name.
    pub(crate) fn blame(&self, error: Error) -> Error {
        error.with_field(self.spec.model, self.spec.name)
    }
}

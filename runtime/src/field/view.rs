//! From any field of a model to the trait given by its keys.

use super::{FieldValue, FileField, FileMeta, ImageField, MetaValue, PixelCount};
use std::any::Any;

/// A trait through which the fields of a model are accessed. The list of its types is closed, so that a model
/// exposes its fields unchanged, and their types need no code in the user's crate.
pub trait View: 'static {
    /// Returns `value` as this trait; `None` if its type is not in the list.
    fn view(value: &dyn Any) -> Option<&Self>;
    /// The same, mutably.
    fn view_mut(value: &mut dyn Any) -> Option<&mut Self>;
}

/// Seals the lists.
pub trait Listed {}

macro_rules! views {
    ($($target:ident: $($ty:ty),*;)*) => {$(
        $(#[diagnostic::do_not_recommend] impl Listed for $ty {})*

        impl View for dyn $target {
            #[inline]
            fn view(value: &dyn Any) -> Option<&Self> {
                $(if let Some(value) = value.downcast_ref::<$ty>() {
                    return Some(value);
                })*
                None
            }
            fn view_mut(value: &mut dyn Any) -> Option<&mut Self> {
                $(if value.is::<$ty>() {
                    return value.downcast_mut::<$ty>().map(|value| value as &mut Self);
                })*
                None
            }
        }
    )*};
}

views! {
    FieldValue: FileField, ImageField, Option<FileField>, Option<ImageField>;
    PixelCount: u32, i32, i64, u16, Option<u32>, Option<i32>, Option<i64>, Option<u16>;
    MetaValue: FileMeta, Option<FileMeta>;
}

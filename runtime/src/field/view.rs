//! From any field of a model to what its keys say it is.

use super::{FieldValue, FileField, FileMeta, ImageField, MetaValue, PixelCount};
use std::any::Any;

/// A trait that the fields of a model are seen through. Its types are a closed list, so that a model hands out its
/// fields as they are, and their types need no code in the user's crate.
pub trait View: 'static {
    /// `value` seen so; `None` where its type is not in the list.
    fn view(value: &dyn Any) -> Option<&Self>;
    /// The same, to be changed.
    fn view_mut(value: &mut dyn Any) -> Option<&mut Self>;
}

/// Keeps the lists closed.
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

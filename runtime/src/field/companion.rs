//! Companion fields of a file field, which are filled when it is stored.

use super::{FileMeta, Listed};

/// A field that `width_field` or `height_field` may name: an integer, or `Option` of one.
///
/// Without an image it is `None`, or 0 if it is not an `Option`; 0 counts as empty.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot hold a pixel count",
    label = "expected `u32`, `i32`, `i64` or `u16`, optionally inside `Option`",
    note = "`width_field` and `height_field` name integer fields"
)]
pub trait PixelCount: Listed + Send + Sync + 'static {
    /// Returns the number of pixels, if there is one.
    fn pixels(&self) -> Option<u32>;
    /// Sets or clears the number.
    fn set_pixels(&mut self, pixels: Option<u32>);
    /// Returns the largest number it can hold.
    fn max_pixels(&self) -> u32;
    /// Whether it can represent "unknown": an `Option` can.
    fn can_be_empty(&self) -> bool;
}

macro_rules! pixel_count {
    ($($int:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl PixelCount for $int {
            fn pixels(&self) -> Option<u32> {
                u32::try_from(*self).ok().filter(|pixels| *pixels > 0)
            }
            fn set_pixels(&mut self, pixels: Option<u32>) {
                *self = pixels.and_then(|pixels| pixels.try_into().ok()).unwrap_or(0);
            }
            fn max_pixels(&self) -> u32 {
                u32::try_from(<$int>::MAX).unwrap_or(u32::MAX)
            }
            fn can_be_empty(&self) -> bool {
                false
            }
        }
        #[diagnostic::do_not_recommend]
        impl PixelCount for Option<$int> {
            fn pixels(&self) -> Option<u32> {
                self.as_ref().and_then(PixelCount::pixels)
            }
            fn set_pixels(&mut self, pixels: Option<u32>) {
                *self = pixels.and_then(|pixels| pixels.try_into().ok());
            }
            fn max_pixels(&self) -> u32 {
                u32::try_from(<$int>::MAX).unwrap_or(u32::MAX)
            }
            fn can_be_empty(&self) -> bool {
                true
            }
        }
    )*};
}

pixel_count!(u32 i32 i64 u16);

/// A field that `meta_field` may name: [`FileMeta`] or `Option<FileMeta>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot hold what is known of a file",
    label = "expected `FileMeta`, optionally inside `Option`",
    note = "`meta_field` names a field of type `FileMeta`"
)]
pub trait MetaValue: Listed + Send + Sync + 'static {
    /// Returns the metadata, if the file was stored with it.
    fn meta(&self) -> Option<&FileMeta>;
    /// Returns the recorded alias of the file's storage.
    fn storage(&self) -> Option<&str>;
    /// Sets or clears the metadata.
    fn set_meta(&mut self, meta: Option<FileMeta>);
}

#[diagnostic::do_not_recommend]
impl MetaValue for FileMeta {
    fn meta(&self) -> Option<&FileMeta> {
        (!self.is_empty()).then_some(self)
    }
    #[inline]
    fn storage(&self) -> Option<&str> {
        self.storage.as_deref()
    }
    fn set_meta(&mut self, meta: Option<FileMeta>) {
        *self = meta.unwrap_or_default();
    }
}

#[diagnostic::do_not_recommend]
impl MetaValue for Option<FileMeta> {
    fn meta(&self) -> Option<&FileMeta> {
        self.as_ref().and_then(MetaValue::meta)
    }
    #[inline]
    fn storage(&self) -> Option<&str> {
        self.as_ref()?.storage()
    }
    fn set_meta(&mut self, meta: Option<FileMeta>) {
        *self = meta;
    }
}

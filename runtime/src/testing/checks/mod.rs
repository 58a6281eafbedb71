//! The checks of the suite, by subject.

mod basics;
mod content;
mod dropping;
mod gates;
mod moving;
mod names;
mod reading;
mod saving;
mod uploads;

use super::Check;

/// Declares the checks of a module: async functions that take a storage.
macro_rules! checks {
    ($($name:ident),+ $(,)?) => {
        pub(super) const CHECKS: &[$crate::testing::Check] = &[$($crate::testing::Check {
            name: stringify!($name),
            run: |storage| Box::pin(async move { $name(storage).await }),
        }),+];
    };
}
use checks;

pub(super) fn all() -> impl Iterator<Item = &'static Check> {
    let modules = [
        basics::CHECKS,
        saving::CHECKS,
        content::CHECKS,
        names::CHECKS,
        reading::CHECKS,
        moving::CHECKS,
        dropping::CHECKS,
        uploads::CHECKS,
        gates::CHECKS,
    ];
    modules.into_iter().flatten()
}

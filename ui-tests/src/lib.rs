//! Compile-time diagnostics of the derive; see `tests/ui.rs`.

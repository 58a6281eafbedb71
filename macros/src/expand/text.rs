//! All sentences of the generated documentation. They use code spans, because a link would break in the
//! user's crate.

pub(super) fn accessor(field: &str) -> String {
    format!("The file of `{field}`, joined with its storage.")
}

pub(super) fn accessor_mut(field: &str) -> String {
    format!("The file of `{field}`, to be assigned, renamed or removed.")
}

pub(super) fn columns(model: &str) -> String {
    format!("The columns of `{model}`.")
}

pub(super) fn column(column: &str) -> String {
    format!("The column `{column}`.")
}

pub(super) fn upload(field: &str) -> String {
    format!(
        "A file for `{field}` that a client sends straight to the storage: its name there, and its size in bytes."
    )
}

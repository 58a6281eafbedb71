use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(table = "users")]
struct User {
    #[model(primary_key)]
    id: i32,
    #[file(storage = Self::storage, upload_to = Self::folder)]
    model: FileField,
    row: Option<String>,
    columns: i64,
}

impl User {
    fn storage() -> &'static str {
        "default"
    }

    fn folder(&self, filename: &str) -> String {
        format!("{}/{filename}", self.columns)
    }
}

struct Columns;
struct Field;
struct Slot;

pub(crate) fn main() {
    let _ = (Columns, Field, Slot);
    let _ = |user: &User| user.model().name().len();
}

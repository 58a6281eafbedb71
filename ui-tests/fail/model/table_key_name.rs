// mistakes: 1
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(table_name = "users")]
struct User {
    #[file]
    photo: FileField,
}

fn main() {}

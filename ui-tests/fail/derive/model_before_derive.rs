// mistakes: 1
use filefield::{FileField, Model};

#[model(table = "users")]
#[derive(Clone, Model)]
struct User {
    #[model(primary_key)]
    id: i64,
    #[file]
    photo: FileField,
}

fn main() {}

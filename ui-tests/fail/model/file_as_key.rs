// mistakes: 1
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(table = "users")]
struct User {
    id: i64,
    #[model(primary_key)]
    #[file]
    photo: FileField,
}

fn main() {}

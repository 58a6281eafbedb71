// mistakes: 1
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(table = "users")]
struct User {
    #[file]
    photo: FileField,
    #[primary_key]
    id: i64,
}

fn main() {}

// mistakes: 1
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(table = "users")]
struct User {
    #[file]
    photo: FileField,
    #[model(primary_key, auto)]
    id: i64,
}

fn main() {}

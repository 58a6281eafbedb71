// mistakes: 1
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(table = "users")]
struct User {
    #[model(primary_key = true)]
    id: i64,
    #[file]
    photo: FileField,
}

fn main() {}

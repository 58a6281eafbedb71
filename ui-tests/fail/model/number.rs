// mistakes: 1
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(table = 3)]
struct User {
    #[model(primary_key)]
    id: i64,
    #[file]
    photo: FileField,
}

fn main() {}

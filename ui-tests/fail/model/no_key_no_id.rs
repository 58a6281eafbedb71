// mistakes: 1
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(table = "users")]
struct User {
    email: String,
    #[file]
    photo: FileField,
}

fn main() {}

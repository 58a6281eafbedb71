// mistakes: 1
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(rename_all = "snake_case")]
struct User {
    #[file]
    photo: FileField,
}

fn main() {}

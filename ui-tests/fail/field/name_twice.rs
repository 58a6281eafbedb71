// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file]
    photo: FileField,
    #[file]
    photo: FileField,
}

fn main() {}

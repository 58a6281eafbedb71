// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    photo: FileField,
}

fn main() {}

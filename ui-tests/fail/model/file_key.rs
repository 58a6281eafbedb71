// mistakes: 1
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(storage = photos)]
struct User {
    #[file]
    photo: FileField,
}

fn main() {}

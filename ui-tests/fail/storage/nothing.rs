// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(storage = photos)]
    photo: FileField,
}

fn photos() {}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

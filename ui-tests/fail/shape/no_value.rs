// mistakes: 2
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(storage, max_length =)]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(min_size = 3)]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

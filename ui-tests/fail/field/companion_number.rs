// mistakes: 1
use filefield::{ImageField, Model};

#[derive(Model)]
struct User {
    #[file(height_field = 480)]
    photo: ImageField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

// mistakes: 1
use filefield::{ImageField, Model};

#[derive(Model)]
struct User {
    #[file(width_field = width)]
    photo: ImageField,
    width: Option<String>,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

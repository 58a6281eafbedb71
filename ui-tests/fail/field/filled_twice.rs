// mistakes: 1
use filefield::{ImageField, Model};

#[derive(Model)]
struct User {
    #[file(width_field = size, height_field = size)]
    photo: ImageField,
    size: u32,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

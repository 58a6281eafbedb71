// mistakes: 1
use filefield::{ImageField, Model};

#[derive(Model)]
struct User {
    #[file(width_field = width)]
    photo: ImageField,
    #[file(width_field = width)]
    banner: ImageField,
    width: u32,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

// mistakes: 2
use filefield::{ImageField, Model};

#[derive(Model)]
struct User {
    #[file(width_field = widht, meta_field = info)]
    photo: ImageField,
    width: u32,
    height: u32,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

// mistakes: 1
use filefield::{ImageField, Model};

#[derive(Model)]
struct User {
    #[file(width = photo_width)]
    photo: ImageField,
    photo_width: u32,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

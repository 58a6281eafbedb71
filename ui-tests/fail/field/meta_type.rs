// mistakes: 1
use filefield::{ImageField, Model};

#[derive(Model)]
struct User {
    #[file(meta_field = meta)]
    photo: ImageField,
    meta: u32,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

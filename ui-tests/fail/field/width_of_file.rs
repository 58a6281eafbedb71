// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(width_field = width)]
    photo: FileField,
    width: u32,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

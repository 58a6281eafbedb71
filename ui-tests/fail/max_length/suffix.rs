// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(max_length = 100u32)]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

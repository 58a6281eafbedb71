// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(storage = photos)]
    photo: FileField,
}

unsafe fn photos() -> &'static str {
    "photos"
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

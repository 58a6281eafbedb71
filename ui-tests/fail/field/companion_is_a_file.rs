// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(meta_field = scan)]
    photo: FileField,
    #[file]
    scan: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

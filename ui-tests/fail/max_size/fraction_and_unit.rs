// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(max_size = 2.5MB)]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

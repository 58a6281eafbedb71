// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo_mut().clear();
}

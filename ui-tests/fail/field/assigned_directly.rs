// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file]
    photo: FileField,
}

fn clear(user: &User) {
    user.photo_mut().clear();
}

fn main() {}

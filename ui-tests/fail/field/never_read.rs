// mistakes: 1
#![deny(dead_code)]
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    name: String,
    #[file]
    photo: FileField,
}

fn main() {
    let user = User { name: String::new(), photo: FileField::empty() };
    let _ = user.photo;
}

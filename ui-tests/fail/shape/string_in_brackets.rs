// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file["photos/"]]
    photo: FileField,
}

fn main() {}

// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[files(upload_to = "cars")]
    photo: FileField,
}

fn main() {}

// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[flie(upload_to = "photos/")]
    photo: FileField,
    #[file]
    cv: FileField,
}

fn main() {}

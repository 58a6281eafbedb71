// mistakes: 2
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(max_length = 8)]
    photo: FileField,
    #[file(max_length = 30, naming = "unique")]
    scan: FileField,
}

fn main() {}

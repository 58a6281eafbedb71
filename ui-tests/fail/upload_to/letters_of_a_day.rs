// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(upload_to = "YYYYMMDD")]
    photo: FileField,
}

fn main() {}

// mistakes: 1
use filefield::{FileField, Model};

const UPLOADS: &str = "photos/";

#[derive(Model)]
struct User {
    #[file(upload_to = UPLOADS)]
    photo: FileField,
}

fn main() {}

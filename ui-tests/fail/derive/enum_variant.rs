// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
enum User {
    #[file(upload_to = "photos/")]
    Photo(FileField),
}

fn main() {}

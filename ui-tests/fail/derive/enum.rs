// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
enum User {
    Photo(FileField),
}

fn main() {}

// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file]
    cv: FileField,
}

impl User {
    fn cv(&self) -> &str {
        "cv"
    }
}

fn main() {}

// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
#[repr(C, packed)]
struct User {
    #[file]
    photo: FileField,
}

fn main() {}

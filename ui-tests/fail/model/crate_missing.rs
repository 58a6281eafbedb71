// mistakes: 1
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(crate = ::file_field)]
struct User {
    #[file]
    photo: FileField,
}

fn main() {}

// mistakes: 1
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(crate = filefield())]
struct User {
    #[file]
    photo: FileField,
}

fn main() {}

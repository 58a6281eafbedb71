// mistakes: 1
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(tabel = "users")]
struct User {
    #[file]
    photo: FileField,
}

fn main() {}

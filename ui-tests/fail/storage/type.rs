// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(storage = Photos)]
    photo: FileField,
}

struct Photos;

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

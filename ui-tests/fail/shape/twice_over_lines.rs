// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(
        max_length = 100,
        max_length = 200,
    )]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

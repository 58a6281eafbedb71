// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file]
    photo: [FileField; 2],
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

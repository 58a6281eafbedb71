// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(extension = ["jpg", "png"])]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
#[model(ordering = ["id"])]
struct User {
    #[file]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

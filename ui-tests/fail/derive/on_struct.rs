// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
#[file(upload_to = "photos/")]
struct User {
    #[file]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

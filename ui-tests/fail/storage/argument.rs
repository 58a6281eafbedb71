// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(upload_to = "photos/", storage = photos)]
    photo: FileField,
}

fn photos(alias: String) -> String {
    alias
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(upload_to = photo_name)]
    photo: FileField,
}

fn photo_name(_: &User, _: &str) -> &'static str {
    "photo.jpg"
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

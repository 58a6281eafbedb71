// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(upload_to = photo_name())]
    photo: FileField,
}

fn photo_name(_: &User, filename: &str) -> String {
    filename.to_owned()
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(upload_to = "s3://bucket/photos")]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

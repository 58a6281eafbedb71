// mistakes: 2
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(upload_to = "%Q/photos/%N")]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

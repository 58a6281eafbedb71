// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(upload_to = "photos/", storage = "stores::photos")]
    photo: FileField,
}

mod stores {
    pub fn photos() -> &'static str {
        "photos"
    }
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(storage = User::photos)]
    photo: FileField,
}

impl User {
    fn photos(&self) -> &'static str {
        "photos"
    }
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

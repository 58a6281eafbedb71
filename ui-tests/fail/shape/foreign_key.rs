// mistakes: 2
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(null, help_text = "A photo")]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(max_size = "1,000 B")]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

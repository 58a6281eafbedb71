// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file]
    photo: std::collections::HashMap<String, FileField>,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

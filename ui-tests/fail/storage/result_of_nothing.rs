// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(storage = photos)]
    photo: FileField,
}

fn photos() -> Result<u32, std::fmt::Error> {
    Ok(3)
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

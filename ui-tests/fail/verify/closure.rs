// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(verify = |file| Ok(()))]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

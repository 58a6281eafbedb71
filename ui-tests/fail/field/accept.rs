// mistakes: 4
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(accept = "image/*")]
    cv: FileField,
    #[file(accept = ["pdf", "*/*", png])]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

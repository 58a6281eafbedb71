// mistakes: 1
#![deny(deprecated)]
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[deprecated = "use `portrait`"]
    #[file]
    photo: FileField,
    #[file]
    portrait: FileField,
}

fn main() {
    let _ = |user: &User| (user.photo().name().len(), user.photo.name().is_some());
}

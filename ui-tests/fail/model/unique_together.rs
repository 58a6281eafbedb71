// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
#[model(unique_together = "x")]
struct User {
    #[file]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(meta_field = "meta")]
    photo: FileField,
    meta: filefield::FileMeta,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

// mistakes: 3
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(max_length = 4096, naming = "uniqe", on_delete = keep)]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

// mistakes: 3
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(max_size = "20")]
    cv: FileField,
    #[file(max_size = "20 Mib")]
    pass: FileField,
    #[file(max_size = 0)]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

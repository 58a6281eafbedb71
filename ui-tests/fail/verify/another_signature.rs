// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(verify = check)]
    photo: FileField,
}

fn check(bytes: &[u8]) -> bool {
    !bytes.is_empty()
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

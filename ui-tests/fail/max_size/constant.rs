// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(max_size = MAX)]
    photo: FileField,
}
const MAX: u64 = 3;
fn main() {
    let _ = |user: &User| user.photo().name().len();
}

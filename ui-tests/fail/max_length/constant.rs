// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(max_length = MAX)]
    photo: FileField,
}
const MAX: u32 = 3;
fn main() {
    let _ = |user: &User| user.photo().name().len();
}

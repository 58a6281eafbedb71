// mistakes: 1
use filefield::{ImageField, Model};

#[derive(Model)]
struct User {
    #[file(width_field = self.width)]
    photo: ImageField,
    width: u32,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

// mistakes: 1
use filefield::FileField;

#[derive(Model)]
struct User {
    photo: FileField,
}

fn main() {}

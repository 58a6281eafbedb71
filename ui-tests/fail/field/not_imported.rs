// mistakes: 1
use filefield::Model;

#[derive(Model)]
struct User {
    #[file]
    photo: FileField,
}

fn main() {}

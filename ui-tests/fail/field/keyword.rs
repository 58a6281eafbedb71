// mistakes: 1
use filefield::Model;

#[derive(Model)]
struct User {
    #[file]
    type: filefield::FileField,
}

fn main() {}

// mistakes: 1
use filefield::Model;

#[derive(Clone, Model)]
#[model(table = "users")]
struct User {
    #[model(primary_key)]
    id: i64,
    #[file]
    photo: String,
}

fn main() {}

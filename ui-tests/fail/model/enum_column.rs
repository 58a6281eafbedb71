// mistakes: 1
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(table = "users")]
struct User {
    #[model(primary_key)]
    id: i64,
    kind: Kind,
    #[file]
    photo: FileField,
}

#[derive(Clone)]
enum Kind {
    Guest,
}

fn main() {}

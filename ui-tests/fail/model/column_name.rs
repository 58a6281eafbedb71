// mistakes: 2
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(table = "users")]
struct User {
    #[model(primary_key)]
    id: i64,
    #[model(column = "1st name", uniqe)]
    name: String,
    #[file]
    photo: FileField,
}

fn main() {}

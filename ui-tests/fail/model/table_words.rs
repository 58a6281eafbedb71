// mistakes: 1
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(table = "Users Table")]
struct User {
    #[model(primary_key)]
    id: i64,
    #[file]
    photo: FileField,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

// mistakes: 1
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(table = "users")]
struct User {
    id: i64,
    #[file]
    photo: FileField,
}

fn main() {
    let _ = <User as filefield::db::Table>::columns().id.gt(3);
}

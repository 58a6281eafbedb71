// mistakes: 3
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(crate = ::filefield)]
struct User {
    #[model(primary_key)]
    id: i64,
    #[model(column = "full_name", unique)]
    name: String,
    #[file]
    photo: FileField,
}

fn main() {}

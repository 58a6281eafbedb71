// mistakes: 1
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(table = "users")]
struct User<T> {
    #[model(primary_key)]
    id: i64,
    extra: T,
    #[file]
    photo: FileField,
}

fn main() {}

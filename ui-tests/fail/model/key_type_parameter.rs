// mistakes: 1
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(table = "cars")]
struct Car<T> {
    #[model(primary_key)]
    id: T,
    #[file]
    photo: FileField,
}

fn main() {}

// mistakes: 2
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(table = "cars")]
struct Car {
    #[model(primary_key)]
    #[file]
    id: FileField,
}

#[derive(Clone, Model)]
#[model(table = "vans")]
struct Van {
    #[model(primary_key)]
    id: FileField,
}

fn main() {}

// mistakes: 1
use filefield::{Model};

#[derive(Clone, Model)]
#[model["cars"]]
struct Car {
    #[model(primary_key)]
    id: i64,
}

fn main() {}

// mistakes: 2
use filefield::{Model};

#[derive(Clone, Model)]
#[model(table = "cars")]
struct Car {
    #[model(primary_key)]
    id: usize,
}

#[derive(Clone, Model)]
#[model(table = "vans")]
struct Van {
    #[model(primary_key)]
    id: i128,
}

fn main() {}

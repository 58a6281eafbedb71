// mistakes: 1
use filefield::{Model};

#[derive(Clone, Model)]
#[model(table = "filefield_journal")]
struct Entry {
    #[model(primary_key)]
    id: i64,
}

fn main() {}

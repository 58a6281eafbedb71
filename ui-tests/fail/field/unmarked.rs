// mistakes: 2
use filefield::prelude::*;

#[derive(Clone, Model)]
#[model(table = "cars")]
struct Car {
    #[model(primary_key)]
    id: i64,
    photo: ImageField,
    manual: Option<filefield::FileField>,
}

fn main() {}

// mistakes: 2
use filefield::prelude::*;

#[derive(Clone, Model)]
#[model(table = "cars")]
struct Car {
    #[model(primary_key)]
    id: i64,
    #[file(width_field = id)]
    photo: ImageField,
    #[file(meta_field = r#id)]
    manual: FileField,
}

fn main() {}

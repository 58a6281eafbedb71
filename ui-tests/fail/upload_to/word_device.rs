// mistakes: 2
use filefield::{FileField, Model};

#[derive(Clone, Model)]
#[model(table = "cars")]
struct Car {
    #[model(primary_key)]
    id: i64,
    #[file(upload_to)]
    aux: FileField,
    #[file(upload_to, max_length = 20)]
    inspection: FileField,
}

fn main() {}

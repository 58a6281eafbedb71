use filefield::db::ColumnValue;
use filefield::{FileField, Model};

trait Named {}
trait Related<T> {}

#[derive(Clone, Model)]
#[model(table = "parents")]
struct Parent<T: ColumnValue + Related<Self>>
where
    Self: Named,
{
    #[model(primary_key)]
    id: i32,
    #[file]
    photo: FileField,
    child: T,
}

impl<T: ColumnValue + Related<Self>> Named for Parent<T> {}

#[derive(Clone, Model)]
#[model(table = "lists")]
struct List
where
    Self: Named,
{
    #[model(primary_key)]
    id: i32,
    #[file]
    photo: FileField,
}

impl Named for List {}

pub(crate) fn main() {
    let _ = |list: &List| list.photo().name().len();
}

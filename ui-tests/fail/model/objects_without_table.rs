// mistakes: 1
use filefield::db::{Db, Table};
use filefield::{FileField, Model};

#[derive(Clone, Model)]
struct User {
    #[file]
    photo: FileField,
}

async fn all(db: &Db) {
    let _ = User::objects(db);
}

fn main() {}

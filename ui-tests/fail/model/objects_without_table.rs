// mistakes: 1
use filefield::db::{DatabaseConnection, Table};
use filefield::{FileField, Model};

#[derive(Clone, Model)]
struct User {
    #[file]
    photo: FileField,
}

async fn all(db: &DatabaseConnection) {
    let _ = User::objects(db);
}

fn main() {}

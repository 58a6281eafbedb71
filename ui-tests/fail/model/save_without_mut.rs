// mistakes: 1
use filefield::db::{Db, Table};
use filefield::{FileField, Model, Result};

#[derive(Clone, Model)]
#[model(table = "users")]
struct User {
    #[model(primary_key)]
    id: i64,
    #[file]
    photo: FileField,
}

async fn show(user: User, db: &Db) -> Result<()> {
    user.save(db).await
}

fn main() {
    let _ = show;
}

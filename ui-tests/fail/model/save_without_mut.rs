// mistakes: 1
use filefield::db::{DatabaseConnection, Table};
use filefield::{FileField, Model, Result};

#[derive(Clone, Model)]
#[model(table = "users")]
struct User {
    #[model(primary_key)]
    id: i64,
    #[file]
    photo: FileField,
}

async fn show(user: User, db: &DatabaseConnection) -> Result<()> {
    user.save(db).await
}

fn main() {
    let _ = show;
}

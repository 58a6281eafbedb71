// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file]
    cv: FileField,
}

async fn width(user: &User) {
    user.cv().width().await;
}

fn main() {}

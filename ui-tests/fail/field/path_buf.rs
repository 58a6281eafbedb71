// mistakes: 1
use filefield::{Model};

#[derive(Model)]
struct User {
    #[file]
    photo: std::path::PathBuf,
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

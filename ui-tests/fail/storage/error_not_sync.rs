// mistakes: 1
use filefield::{FileField, Model, SharedStorage, default_storage};

#[derive(Model)]
struct User {
    #[file(upload_to = "photos/", storage = photos)]
    photo: FileField,
}

fn photos() -> Result<SharedStorage, Box<dyn std::error::Error>> {
    Ok(default_storage()?)
}

fn main() {
    let _ = |user: &User| user.photo().name().len();
}

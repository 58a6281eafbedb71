// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User {
    #[file(storage = MEDIA)]
    photo: FileField,
}
static MEDIA: &str = "media";
fn main() {
    let _ = |user: &User| user.photo().name().len();
}

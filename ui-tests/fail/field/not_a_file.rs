// mistakes: 1
use filefield::Model;

#[derive(Model)]
struct User {
    #[file(upload_to = "photos/")]
    photo: String,
}

fn main() {
    let _ = |user: &mut User| user.photo_mut().clear();
    let _ = |user: &User| user.photo().name().len();
}

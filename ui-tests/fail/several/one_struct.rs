// mistakes: 10
use filefield::{FileField, ImageField, Model};

#[derive(Model)]
struct User {
    #[file(upload_to = "/avatars/%q", storage = "photos", max_lenght = 3)]
    avatar: ImageField,
    #[file(width_field = wdith, naming = "kep")]
    banner: ImageField,
    #[file(on_delete = keep max_size = "3 parsecs")]
    cv: FileField,
    width: u32,
    #[file]
    name: String,
}

fn main() {
    let _ = |user: &User| (user.avatar().url(), user.banner().url(), user.cv().url());
}

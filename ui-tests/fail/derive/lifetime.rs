// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User<'a> {
    name: &'a str,
    #[file(upload_to = "photos/")]
    photo: FileField,
}

fn main() {
    let _ = |user: &User<'static>| user.photo().name().len();
}

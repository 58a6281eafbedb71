// mistakes: 1
use filefield::{FileField, Model};

#[derive(Model)]
struct User<T> {
    #[file(storage = photos::<T>)]
    photo: FileField,
    extra: T,
}

fn photos<T>() -> &'static str {
    std::any::type_name::<T>()
}

fn main() {
    let _ = |user: &User<u32>| user.photo().name().len();
}

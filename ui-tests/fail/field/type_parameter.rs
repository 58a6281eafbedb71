// mistakes: 1
use filefield::Model;

#[derive(Model)]
struct User<F> {
    #[file]
    photo: F,
}

fn main() {}

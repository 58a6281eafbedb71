// mistakes: 1
use filefield::{FileModel, Model};

#[derive(Model)]
struct User;

fn main() {
    let _ = User::register();
}

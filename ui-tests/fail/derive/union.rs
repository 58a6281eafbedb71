// mistakes: 1
use filefield::Model;

#[derive(Model)]
union User {
    a: u32,
    b: i32,
}

fn main() {}

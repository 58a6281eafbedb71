// mistakes: 1
struct User;

fn main() {
    let _ = filefield::App::builder().model::<User>();
}

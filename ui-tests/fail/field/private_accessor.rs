// mistakes: 1
mod users {
    #[derive(filefield::Model)]
    pub struct User {
        #[file]
        photo: filefield::FileField,
    }
}

fn main() {
    let _ = |user: &users::User| user.photo.name();
}

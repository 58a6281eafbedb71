// mistakes: 2
use filefield::{FileField, Model};

macro_rules! user {
    ($folder:literal, $storage:path, $ty:ty) => {
        #[derive(Model)]
        struct User {
            #[file(upload_to = $folder, storage = $storage)]
            photo: $ty,
            #[file]
            cv: FileField,
        }
    };
}
user!("/photos", String::new, String);

fn main() {}

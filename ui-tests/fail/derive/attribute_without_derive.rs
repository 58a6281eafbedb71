// mistakes: 1
use filefield::FileField;

struct User {
    #[file(upload_to = "photos/")]
    photo: FileField,
}

fn main() {}

use filefield::{ImageField, Model};

macro_rules! model {
    ($(#[$meta:meta])* $vis:vis $name:ident, $table:literal, $folder:literal, $storage:path, $field:ident: $ty:ty, $max:expr) => {
        $(#[$meta])*
        #[derive(Clone, Model)]
        #[model(table = $table, crate = ::filefield)]
        $vis struct $name {
            #[model(primary_key)]
            id: i64,
            #[file(upload_to = $folder, storage = $storage, width_field = width, max_size = $max)]
            $field: $ty,
            width: Option<u32>,
        }
    };
}

mod stores {
    pub(crate) fn photos() -> String {
        "photos".to_owned()
    }
}

model!(#[derive(Debug)] pub(crate) User, "users", "photos/", stores::photos, photo: Option<ImageField>, 30);

pub(crate) fn main() {
    let _ = |user: &User| user.photo().name().len();
}

use filefield::{FileField, FileMeta, ImageField, Model};

#[derive(Model)]
pub struct User {
    #[file(upload_to)]
    pub photo: ImageField,
    #[file(upload_to = r"photos/%Y/%-m", storage = self::stores::pick::<Vec<(u8, u8)>, u8>, accept = ["Image/*", "text/plain", "text/csv",],)]
    r#type: Option<ImageField>,
    #[file(max_size = 5_000, max_length = 1024, naming = "unique", on_replace = "keep", on_delete = "delete", meta_field = r#meta)]
    pub(crate) cv: FileField,
    meta: Option<FileMeta>,
}

mod stores {
    pub fn pick<A, B>() -> Result<&'static str, std::io::Error> {
        let _ = (std::any::type_name::<A>(), std::any::type_name::<B>());
        Ok("default")
    }
}

pub(crate) fn main() {
    let _ = |user: &mut User| (user.type_mut().clear(), user.r#type().name().len(), user.cv().name().len());
}

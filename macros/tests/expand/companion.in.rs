pub(crate) struct User {
    name: String,
    /// Seen from the front.
    ///
    /// Square.
    #[file(upload_to = "photos/%Y", storage = stores::photos, max_length = 100, naming = "unique")]
    photo: ImageField,
    #[file(upload_to)]
    r#type: Option<FileField>,
}

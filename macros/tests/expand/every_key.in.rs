pub struct Document {
    /// What was handed in.
    #[file(
        upload_to = by_owner,
        storage = archive,
        max_length = 200,
        max_size = "20 MiB",
        accept = ["application/pdf", "image/*"],
        verify = check,
        width_field = width,
        height_field = height,
        meta_field = meta,
        naming = "unique",
        extension = "detected",
        on_replace = "keep",
        on_delete = "keep",
    )]
    scan: Option<ImageField>,
    width: Option<u32>,
    height: Option<u32>,
    meta: FileMeta,
}

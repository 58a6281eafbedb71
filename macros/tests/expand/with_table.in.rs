#[model(table = "cars")]
pub struct Car {
    #[model(primary_key)]
    id: i64,
    #[model(unique, column = "title")]
    name: String,
    price: Price,
    #[file(upload_to, storage = stores::photos, width_field = photo_width, on_replace = "keep", on_delete = "keep")]
    photo: ImageField,
    photo_width: Option<u32>,
    #[file(upload_to = manual_name, meta_field = manual_meta, accept = ["application/PDF"], max_size = "20 MiB")]
    #[model(column = "manual_name")]
    manual: Option<FileField>,
    manual_meta: FileMeta,
}

#[model(table = "tags")]
pub(crate) struct Tag {
    #[model(primary_key, column = "tag_id")]
    id: i64,
    #[model(unique)]
    label: String,
}

#[model(crate = ::renamed, table = "boxes")]
struct Box<T: Clone + Value = i32, const N: usize = 3>
where
    [T; N]: Default,
{
    #[model(primary_key)]
    id: i64,
    #[file]
    file: FileField,
    value: T,
    next: Link<Self>,
}

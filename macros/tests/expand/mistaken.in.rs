#[model(table = "no good")]
struct User<'a> {
    #[file(upload_to = "/photos", storage = , width_field = widht)]
    photo: ImageField,
    #[file]
    borrowed: Wrapper<'a>,
    width: u32,
}

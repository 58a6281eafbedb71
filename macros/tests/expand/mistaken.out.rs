::core::compile_error! { "`no good` cannot be the name of a table\nhelp: write `table = \"no_good\"`\nnote: letters `a` to `z`, digits and `_` are allowed, with no digit at the start" }
::core::compile_error! { "`storage` needs a value\nhelp: write `storage = select_storage`" }
::core::compile_error! { "`upload_to` must be relative to the storage\nhelp: write `\"photos\"`\nnote: the storage decides where its root is" }
::core::compile_error! { "a model cannot borrow: `User` has the lifetime parameter `'a`\nhelp: store an owned value\nnote: models are registered for the whole program" }
::core::compile_error! { "no field `widht` in `User`\nhelp: did you mean `width`?" }
const _: () = {
    use ::filefield::__private as __ff;
    static __FILES: [__ff::FieldDef; 1] = [__ff::FieldDef::new(__ff::field("User", "photo", ""))];
    #[automatically_derived]
    impl __ff::FileModel for User<'static> {
        const DEF: __ff::ModelDef = __ff::ModelDef::new("User", &__FILES).table("User");
        #[inline]
        fn __field(&self, _: __ff::usize) -> &dyn __ff::Any {
            &self.photo
        }
        #[inline]
        fn __field_mut(&mut self, _: __ff::usize) -> &mut dyn __ff::Any {
            &mut self.photo
        }
    }
    impl User<'static> {
        #[doc = "The file of `photo`, joined with its storage."]
        #[inline]
        fn photo(&self) -> __ff::FieldFile<'_, Self, ImageField> {
            __ff::field_file(self, 0)
        }
        #[doc = "The file of `photo`, to be assigned, renamed or removed."]
        #[inline]
        fn photo_mut(&mut self) -> __ff::FieldFileMut<'_, Self> {
            __ff::field_file_mut(self, 0)
        }
        #[doc = "A file for `photo` that a client sends straight to the storage: its name there, and its size in bytes."]
        fn photo_upload(__filename: &__ff::str, __size: __ff::u64) -> __ff::NewUpload<Self> {
            __ff::new_upload(0, __filename, __size)
        }
    }
    __ff::keys! { file upload_to storage width_field ; model table }
};

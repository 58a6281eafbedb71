::core::compile_error! { "`no good` cannot be the name of a table\nnote: letters `a` to `z`, digits and `_` are allowed, with no digit at the start" }
::core::compile_error! { "`storage` needs a value\nhelp: write `storage = select_storage`" }
::core::compile_error! { "`upload_to` must be relative to the storage\nhelp: write `\"photos\"`\nnote: the storage decides where its root is" }
::core::compile_error! { "a model cannot borrow: `User` has the lifetime parameter `'a`\nhelp: store an owned value\nnote: models are registered for the whole program" }
::core::compile_error! { "no field `widht` in `User`\nhelp: did you mean `width`?" }
#[allow(unexpected_cfgs)]
const _: () = {
    use ::filefield::__private as __ff;
    #[automatically_derived]
    impl __ff::FileModel for User<'static> {
        const MODEL: &'static __ff::str = "User";
        const TABLE_NAME: __ff::Option<&'static __ff::str> = __ff::Some("User");
        const FIELDS: &'static [&'static __ff::ModelField<Self>] = {
            static __FIELDS: [__ff::FieldDef; 1] =
                [__ff::FieldDef::new(__ff::FieldSpec::new("User", "photo"))];
            &[&__ff::ModelField::new(&__FIELDS[0], 0)]
        };
        #[inline]
        fn __file(&self, _: __ff::usize) -> &dyn __ff::FieldValue {
            __ff::image_column::<ImageField>().get(&self.photo)
        }
        #[inline]
        fn __file_mut(&mut self, _: __ff::usize) -> &mut dyn __ff::FieldValue {
            __ff::image_column::<ImageField>().get_mut(&mut self.photo)
        }
    }
    #[automatically_derived]
    impl User<'static> {
        #[doc = "The file of `photo`, joined with its storage."]
        #[inline]
        fn photo(&self) -> __ff::FieldFile<'_, Self, ImageField> {
            __ff::FieldFile::of(self, 0)
        }
        #[doc = "The file of `photo`, to be assigned, renamed or removed."]
        #[inline]
        fn photo_mut(&mut self) -> __ff::FieldFileMut<'_, Self> {
            __ff::FieldFileMut::of(self, 0)
        }
    }
    #[cfg(rust_analyzer)]
    const _: () = {
        use __ff::keys::file::upload_to as _;
        use __ff::keys::file::storage as _;
        use __ff::keys::file::width_field as _;
        use __ff::keys::model::table as _;
    };
};

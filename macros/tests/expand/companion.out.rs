const _: () = {
    use ::filefield::__private as __ff;
    static __FILES: [__ff::FieldDef; 2] = [
        __ff::FieldDef::new(
            __ff::file_field::<ImageField>("User", "photo", "photos/%Y")
                .storage(|| __ff::storage_function(stores::photos))
                .max_length(100u32)
                .naming(__ff::Naming::Unique),
        ),
        __ff::FieldDef::new(__ff::file_field::<Option<FileField>>("User", "type", "user/type")),
    ];
    #[automatically_derived]
    impl __ff::FileModel for User {
        const DEF: __ff::ModelDef = __ff::ModelDef::new("User", &__FILES);
        #[inline]
        fn __field(&self, __number: __ff::usize) -> &dyn __ff::Any {
            match __number {
                0 => &self.photo,
                _ => &self.r#type,
            }
        }
        #[inline]
        fn __field_mut(&mut self, __number: __ff::usize) -> &mut dyn __ff::Any {
            match __number {
                0 => &mut self.photo,
                _ => &mut self.r#type,
            }
        }
    }
    impl User {
        #[doc = " Seen from the front."]
        #[doc = ""]
        #[doc = " Square."]
        #[doc = ""]
        #[doc = "The file of `photo`, joined with its storage."]
        #[inline]
        pub(crate) fn photo(&self) -> __ff::FieldFile<'_, Self, ImageField> {
            __ff::field_file(self, 0)
        }
        #[doc = " Seen from the front."]
        #[doc = ""]
        #[doc = " Square."]
        #[doc = ""]
        #[doc = "The file of `photo`, to be assigned, renamed or removed."]
        #[inline]
        pub(crate) fn photo_mut(&mut self) -> __ff::FieldFileMut<'_, Self> {
            __ff::field_file_mut(self, 0)
        }
        #[doc = "The file of `type`, joined with its storage."]
        #[inline]
        pub(crate) fn r#type(&self) -> __ff::FieldFile<'_, Self, Option<FileField>> {
            __ff::field_file(self, 1)
        }
        #[doc = "The file of `type`, to be assigned, renamed or removed."]
        #[inline]
        pub(crate) fn type_mut(&mut self) -> __ff::FieldFileMut<'_, Self> {
            __ff::field_file_mut(self, 1)
        }
    }
    __ff::keys! { file upload_to storage max_length naming upload_to ; model }
};

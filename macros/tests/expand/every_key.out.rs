const _: () = {
    use ::filefield::__private as __ff;
    static __FILES: [__ff::FieldDef; 1] = [__ff::FieldDef::new(
        __ff::image_field::<Option<ImageField>>("Document", "scan", "")
            .upload_to(__ff::UploadTo::Function)
            .storage(|| __ff::storage_function(archive))
            .max_length(200u32)
            .max_size(20971520u64)
            .accept(&["application/pdf", "image/*"])
            .verify(|file| __ff::verify(check, file))
            .naming(__ff::Naming::Unique)
            .detected_extension()
            .on_replace(__ff::Retention::Keep)
            .on_delete(__ff::Retention::Keep)
            .width_field(__ff::pixel_count::<Option<u32>>(1))
            .height_field(__ff::pixel_count::<Option<u32>>(2))
            .meta_field(__ff::file_meta::<FileMeta>(3)),
    )];
    #[automatically_derived]
    impl __ff::FileModel for Document {
        const DEF: __ff::ModelDef = __ff::ModelDef::new("Document", &__FILES);
        #[inline]
        fn __field(&self, __number: __ff::usize) -> &dyn __ff::Any {
            match __number {
                0 => &self.scan,
                1 => &self.width,
                2 => &self.height,
                _ => &self.meta,
            }
        }
        #[inline]
        fn __field_mut(&mut self, __number: __ff::usize) -> &mut dyn __ff::Any {
            match __number {
                0 => &mut self.scan,
                1 => &mut self.width,
                2 => &mut self.height,
                _ => &mut self.meta,
            }
        }
        fn __upload_to(&self, __number: __ff::usize, __filename: &__ff::str) -> __ff::Option<__ff::String> {
            match __number {
                0 => __ff::upload_to::<Self>(by_owner, self, __filename),
                _ => __ff::None,
            }
        }
    }
    impl Document {
        #[doc = " What was handed in."]
        #[doc = ""]
        #[doc = "The file of `scan`, joined with its storage."]
        #[inline]
        pub fn scan(&self) -> __ff::FieldFile<'_, Self, Option<ImageField>> {
            __ff::field_file(self, 0)
        }
        #[doc = " What was handed in."]
        #[doc = ""]
        #[doc = "The file of `scan`, to be assigned, renamed or removed."]
        #[inline]
        pub fn scan_mut(&mut self) -> __ff::FieldFileMut<'_, Self> {
            __ff::field_file_mut(self, 0)
        }
    }
    __ff::keys! { file upload_to storage max_length max_size accept verify width_field height_field meta_field naming extension on_replace on_delete ; model }
};

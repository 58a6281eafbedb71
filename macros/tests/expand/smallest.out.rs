const _: () = {
    use ::filefield::__private as __ff;
    static __FILES: [__ff::FieldDef; 1] =
        [__ff::FieldDef::new(__ff::file_field::<FileField>("Note", "scan", ""))];
    #[automatically_derived]
    impl __ff::FileModel for Note {
        const DEF: __ff::ModelDef = __ff::ModelDef::new("Note", &__FILES);
        #[inline]
        fn __field(&self, _: __ff::usize) -> &dyn __ff::Any {
            &self.scan
        }
        #[inline]
        fn __field_mut(&mut self, _: __ff::usize) -> &mut dyn __ff::Any {
            &mut self.scan
        }
    }
    impl Note {
        #[doc = "The file of `scan`, joined with its storage."]
        #[inline]
        fn scan(&self) -> __ff::FieldFile<'_, Self, FileField> {
            __ff::field_file(self, 0)
        }
        #[doc = "The file of `scan`, to be assigned, renamed or removed."]
        #[inline]
        fn scan_mut(&mut self) -> __ff::FieldFileMut<'_, Self> {
            __ff::field_file_mut(self, 0)
        }
    }
};

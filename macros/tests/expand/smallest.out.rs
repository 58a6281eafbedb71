#[allow(unexpected_cfgs)]
const _: () = {
    use ::filefield::__private as __ff;
    #[automatically_derived]
    impl __ff::FileModel for Note {
        const MODEL: &'static __ff::str = "Note";
        const FIELDS: &'static [&'static __ff::ModelField<Self>] = {
            static __FIELDS: [__ff::FieldDef; 1] =
                [__ff::FieldDef::new(__ff::FieldSpec::new("Note", "scan"))];
            &[&__ff::ModelField::new(&__FIELDS[0], 0)]
        };
        #[inline]
        fn __file(&self, _: __ff::usize) -> &dyn __ff::FieldValue {
            __ff::file_field::<FileField>().get(&self.scan)
        }
        #[inline]
        fn __file_mut(&mut self, _: __ff::usize) -> &mut dyn __ff::FieldValue {
            __ff::file_field::<FileField>().get_mut(&mut self.scan)
        }
    }
    #[automatically_derived]
    impl Note {
        #[doc = "The file of `scan`, joined with its storage."]
        #[inline]
        fn scan(&self) -> __ff::FieldFile<'_, Self, FileField> {
            __ff::FieldFile::of(self, 0)
        }
        #[doc = "The file of `scan`, to be assigned, renamed or removed."]
        #[inline]
        fn scan_mut(&mut self) -> __ff::FieldFileMut<'_, Self> {
            __ff::FieldFileMut::of(self, 0)
        }
    }
};

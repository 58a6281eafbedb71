#[allow(unexpected_cfgs)]
const _: () = {
    use ::filefield::__private as __ff;
    #[automatically_derived]
    impl __ff::FileModel for User {
        const MODEL: &'static __ff::str = "User";
        const FIELDS: &'static [&'static __ff::ModelField<Self>] = {
            static __FIELDS: [__ff::FieldDef; 2] = [
                __ff::FieldDef::new(__ff::FieldSpec {
                    upload_to: __ff::UploadTo::Template("photos/%Y"),
                    storage: __ff::Some(|| __ff::storage_function(stores::photos)),
                    max_length: 100u32,
                    naming: __ff::Naming::Unique,
                    ..__ff::FieldSpec::new("User", "photo")
                }),
                __ff::FieldDef::new(__ff::FieldSpec {
                    upload_to: __ff::UploadTo::Template("user/type"),
                    ..__ff::FieldSpec::new("User", "type")
                }),
            ];
            &[&__ff::ModelField::new(&__FIELDS[0], 0), &__ff::ModelField::new(&__FIELDS[1], 1)]
        };
        #[inline]
        fn __file(&self, __number: __ff::usize) -> &dyn __ff::FieldValue {
            match __number {
                0 => __ff::file_field::<ImageField>().get(&self.photo),
                _ => __ff::file_field::<Option<FileField>>().get(&self.r#type),
            }
        }
        #[inline]
        fn __file_mut(&mut self, __number: __ff::usize) -> &mut dyn __ff::FieldValue {
            match __number {
                0 => __ff::file_field::<ImageField>().get_mut(&mut self.photo),
                _ => __ff::file_field::<Option<FileField>>().get_mut(&mut self.r#type),
            }
        }
    }
    #[automatically_derived]
    impl User {
        #[doc = " Seen from the front."]
        #[doc = ""]
        #[doc = " Square."]
        #[doc = ""]
        #[doc = "The file of `photo`, joined with its storage."]
        #[inline]
        pub(crate) fn photo(&self) -> __ff::FieldFile<'_, Self, ImageField> {
            __ff::FieldFile::of(self, 0)
        }
        #[doc = " Seen from the front."]
        #[doc = ""]
        #[doc = " Square."]
        #[doc = ""]
        #[doc = "The file of `photo`, to be assigned, renamed or removed."]
        #[inline]
        pub(crate) fn photo_mut(&mut self) -> __ff::FieldFileMut<'_, Self> {
            __ff::FieldFileMut::of(self, 0)
        }
        #[doc = "The file of `type`, joined with its storage."]
        #[inline]
        pub(crate) fn r#type(&self) -> __ff::FieldFile<'_, Self, Option<FileField>> {
            __ff::FieldFile::of(self, 1)
        }
        #[doc = "The file of `type`, to be assigned, renamed or removed."]
        #[inline]
        pub(crate) fn type_mut(&mut self) -> __ff::FieldFileMut<'_, Self> {
            __ff::FieldFileMut::of(self, 1)
        }
    }
    #[cfg(rust_analyzer)]
    const _: () = {
        use __ff::keys::file::upload_to as _;
        use __ff::keys::file::storage as _;
        use __ff::keys::file::max_length as _;
        use __ff::keys::file::naming as _;
        use __ff::keys::file::upload_to as _;
    };
};

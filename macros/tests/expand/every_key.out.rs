#[allow(unexpected_cfgs)]
const _: () = {
    use ::filefield::__private as __ff;
    #[automatically_derived]
    impl __ff::FileModel for Document {
        const MODEL: &'static __ff::str = "Document";
        const FIELDS: &'static [&'static __ff::ModelField<Self>] = {
            static __FIELDS: [__ff::FieldDef; 1] = [__ff::FieldDef::new(__ff::FieldSpec {
                upload_to: __ff::UploadTo::Function,
                storage: __ff::Some(|| __ff::storage_function(archive)),
                max_length: 200u32,
                max_size: __ff::Some(20971520u64),
                accept: &["application/pdf", "image/*"],
                naming: __ff::Naming::Unique,
                on_replace: __ff::Retention::Keep,
                on_delete: __ff::Retention::Keep,
                ..__ff::FieldSpec::new("Document", "scan")
            })];
            &[&__ff::ModelField::new(&__FIELDS[0], 0)
                .upload_to(by_owner)
                .width_field(1)
                .height_field(2)
                .meta_field()]
        };
        #[inline]
        fn __file(&self, _: __ff::usize) -> &dyn __ff::FieldValue {
            __ff::image_field::<Option<ImageField>>().get(&self.scan)
        }
        #[inline]
        fn __file_mut(&mut self, _: __ff::usize) -> &mut dyn __ff::FieldValue {
            __ff::image_field::<Option<ImageField>>().get_mut(&mut self.scan)
        }
        #[inline]
        fn __pixels(&self, __number: __ff::usize) -> &dyn __ff::PixelCount {
            match __number {
                1 => __ff::pixel_count::<Option<u32>>().get(&self.width),
                _ => __ff::pixel_count::<Option<u32>>().get(&self.height),
            }
        }
        #[inline]
        fn __pixels_mut(&mut self, __number: __ff::usize) -> &mut dyn __ff::PixelCount {
            match __number {
                1 => __ff::pixel_count::<Option<u32>>().get_mut(&mut self.width),
                _ => __ff::pixel_count::<Option<u32>>().get_mut(&mut self.height),
            }
        }
        #[inline]
        fn __meta(&self, _: __ff::usize) -> &dyn __ff::MetaValue {
            __ff::file_meta::<FileMeta>().get(&self.meta)
        }
        #[inline]
        fn __meta_mut(&mut self, _: __ff::usize) -> &mut dyn __ff::MetaValue {
            __ff::file_meta::<FileMeta>().get_mut(&mut self.meta)
        }
    }
    #[automatically_derived]
    impl Document {
        #[doc = " What was handed in."]
        #[doc = ""]
        #[doc = "The file of `scan`, joined with its storage."]
        #[inline]
        pub fn scan(&self) -> __ff::FieldFile<'_, Self, Option<ImageField>> {
            __ff::FieldFile::of(self, 0)
        }
        #[doc = " What was handed in."]
        #[doc = ""]
        #[doc = "The file of `scan`, to be assigned, renamed or removed."]
        #[inline]
        pub fn scan_mut(&mut self) -> __ff::FieldFileMut<'_, Self> {
            __ff::FieldFileMut::of(self, 0)
        }
    }
    #[cfg(rust_analyzer)]
    const _: () = {
        use __ff::keys::file::upload_to as _;
        use __ff::keys::file::storage as _;
        use __ff::keys::file::max_length as _;
        use __ff::keys::file::max_size as _;
        use __ff::keys::file::accept as _;
        use __ff::keys::file::width_field as _;
        use __ff::keys::file::height_field as _;
        use __ff::keys::file::meta_field as _;
        use __ff::keys::file::naming as _;
        use __ff::keys::file::on_replace as _;
        use __ff::keys::file::on_delete as _;
    };
};

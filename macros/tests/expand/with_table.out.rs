#[allow(unexpected_cfgs)]
const _: () = {
    use ::filefield::__private as __ff;
    #[automatically_derived]
    impl __ff::FileModel for Car {
        const MODEL: &'static __ff::str = "Car";
        const TABLE_NAME: __ff::Option<&'static __ff::str> = __ff::Some("cars");
        const FIELDS: &'static [&'static __ff::ModelField<Self>] = {
            static __FIELDS: [__ff::FieldDef; 2] = [
                __ff::FieldDef::new(__ff::FieldSpec {
                    upload_to: __ff::UploadTo::Template("cars/photo"),
                    storage: __ff::Some(|| __ff::storage_function(stores::photos)),
                    on_replace: __ff::Retention::Keep,
                    on_delete: __ff::Retention::Keep,
                    ..__ff::FieldSpec::new("Car", "photo")
                }),
                __ff::FieldDef::new(__ff::FieldSpec {
                    column: "manual_name",
                    upload_to: __ff::UploadTo::Function,
                    max_size: __ff::Some(20971520u64),
                    accept: &["application/pdf"],
                    ..__ff::FieldSpec::new("Car", "manual")
                }),
            ];
            &[
                &__ff::ModelField::new(&__FIELDS[0], 0).width_field(4),
                &__ff::ModelField::new(&__FIELDS[1], 1).upload_to(manual_name).meta_field(),
            ]
        };
        #[inline]
        fn __file(&self, __number: __ff::usize) -> &dyn __ff::FieldValue {
            match __number {
                0 => __ff::image_column::<ImageField>().get(&self.photo),
                _ => __ff::file_column::<Option<FileField>>().get(&self.manual),
            }
        }
        #[inline]
        fn __file_mut(&mut self, __number: __ff::usize) -> &mut dyn __ff::FieldValue {
            match __number {
                0 => __ff::image_column::<ImageField>().get_mut(&mut self.photo),
                _ => __ff::file_column::<Option<FileField>>().get_mut(&mut self.manual),
            }
        }
        #[inline]
        fn __pixels(&self, _: __ff::usize) -> &dyn __ff::PixelCount {
            __ff::pixel_count::<Option<u32>>().get(&self.photo_width)
        }
        #[inline]
        fn __pixels_mut(&mut self, _: __ff::usize) -> &mut dyn __ff::PixelCount {
            __ff::pixel_count::<Option<u32>>().get_mut(&mut self.photo_width)
        }
        #[inline]
        fn __meta(&self, _: __ff::usize) -> &dyn __ff::MetaValue {
            __ff::file_meta::<FileMeta>().get(&self.manual_meta)
        }
        #[inline]
        fn __meta_mut(&mut self, _: __ff::usize) -> &mut dyn __ff::MetaValue {
            __ff::file_meta::<FileMeta>().get_mut(&mut self.manual_meta)
        }
    }
    #[automatically_derived]
    impl Car {
        #[doc = "The file of `photo`, joined with its storage."]
        #[inline]
        pub fn photo(&self) -> __ff::FieldFile<'_, Self, ImageField> {
            __ff::FieldFile::of(self, 0)
        }
        #[doc = "The file of `photo`, to be assigned, renamed or removed."]
        #[inline]
        pub fn photo_mut(&mut self) -> __ff::FieldFileMut<'_, Self> {
            __ff::FieldFileMut::of(self, 0)
        }
        #[doc = "The file of `manual`, joined with its storage."]
        #[inline]
        pub fn manual(&self) -> __ff::FieldFile<'_, Self, Option<FileField>> {
            __ff::FieldFile::of(self, 1)
        }
        #[doc = "The file of `manual`, to be assigned, renamed or removed."]
        #[inline]
        pub fn manual_mut(&mut self) -> __ff::FieldFileMut<'_, Self> {
            __ff::FieldFileMut::of(self, 1)
        }
    }
    #[doc = "The columns of `Car`."]
    pub struct __CarColumns {
        #[doc = "The column `id`."]
        pub id: __ff::Column<Car, i64>,
        #[doc = "The column `title`."]
        pub name: __ff::Column<Car, String>,
        #[doc = "The column `price`."]
        pub price: __ff::Column<Car, Price>,
        #[doc = "The column `photo`."]
        pub photo: __ff::Column<Car, ImageField>,
        #[doc = "The column `photo_width`."]
        pub photo_width: __ff::Column<Car, Option<u32>>,
        #[doc = "The column `manual_name`."]
        pub manual: __ff::Column<Car, Option<FileField>>,
        #[doc = "The column `manual_meta`."]
        pub manual_meta: __ff::Column<Car, FileMeta>,
    }
    impl __CarColumns {
        const __ALL: &'static Self = &Self {
            id: __ff::primary_key::<Car>(
                __ff::ColumnSpec::new("id"),
                __ff::Slot { get: |__model| &__model.id, get_mut: |__model| &mut __model.id },
            ),
            name: __ff::column::<Car, String>(
                __ff::ColumnSpec { name: "title", unique: true, ..__ff::ColumnSpec::new("name") },
                __ff::Slot { get: |__model| &__model.name, get_mut: |__model| &mut __model.name },
            ),
            price: __ff::column::<Car, Price>(
                __ff::ColumnSpec::new("price"),
                __ff::Slot { get: |__model| &__model.price, get_mut: |__model| &mut __model.price },
            ),
            photo: __ff::image_column::<ImageField>().column(
                __ff::ColumnSpec { file: __ff::Some(0), ..__ff::ColumnSpec::new("photo") },
                __ff::Slot { get: |__model| &__model.photo, get_mut: |__model| &mut __model.photo },
            ),
            photo_width: __ff::column::<Car, Option<u32>>(
                __ff::ColumnSpec::new("photo_width"),
                __ff::Slot {
                    get: |__model| &__model.photo_width,
                    get_mut: |__model| &mut __model.photo_width,
                },
            ),
            manual: __ff::file_column::<Option<FileField>>().column(
                __ff::ColumnSpec {
                    name: "manual_name",
                    file: __ff::Some(1),
                    ..__ff::ColumnSpec::new("manual")
                },
                __ff::Slot { get: |__model| &__model.manual, get_mut: |__model| &mut __model.manual },
            ),
            manual_meta: __ff::column::<Car, FileMeta>(
                __ff::ColumnSpec::new("manual_meta"),
                __ff::Slot {
                    get: |__model| &__model.manual_meta,
                    get_mut: |__model| &mut __model.manual_meta,
                },
            ),
        };
    }
    #[automatically_derived]
    impl __ff::Table for Car {
        type Key = i64;
        type Columns = __CarColumns;
        const COLUMNS: &'static __CarColumns = <__CarColumns>::__ALL;
        const ALL: &'static [&'static dyn __ff::AnyColumn<Self>] = &[
            &<__CarColumns>::__ALL.id,
            &<__CarColumns>::__ALL.name,
            &<__CarColumns>::__ALL.price,
            &<__CarColumns>::__ALL.photo,
            &<__CarColumns>::__ALL.photo_width,
            &<__CarColumns>::__ALL.manual,
            &<__CarColumns>::__ALL.manual_meta,
        ];
        fn from_row(__row: &__ff::Row<'_>) -> __ff::Result<Self> {
            __ff::Result::Ok(Self {
                id: __row.get(&<__CarColumns>::__ALL.id)?,
                name: __row.get(&<__CarColumns>::__ALL.name)?,
                price: __row.get(&<__CarColumns>::__ALL.price)?,
                photo: __row.get(&<__CarColumns>::__ALL.photo)?,
                photo_width: __row.get(&<__CarColumns>::__ALL.photo_width)?,
                manual: __row.get(&<__CarColumns>::__ALL.manual)?,
                manual_meta: __row.get(&<__CarColumns>::__ALL.manual_meta)?,
            })
        }
    }
    #[cfg(rust_analyzer)]
    const _: () = {
        use __ff::keys::file::upload_to as _;
        use __ff::keys::file::storage as _;
        use __ff::keys::file::width_field as _;
        use __ff::keys::file::on_replace as _;
        use __ff::keys::file::on_delete as _;
        use __ff::keys::file::upload_to as _;
        use __ff::keys::file::meta_field as _;
        use __ff::keys::file::accept as _;
        use __ff::keys::file::max_size as _;
        use __ff::keys::model::table as _;
        use __ff::keys::model::primary_key as _;
        use __ff::keys::model::unique as _;
        use __ff::keys::model::column as _;
        use __ff::keys::model::column as _;
    };
};

const _: () = {
    use ::filefield::__private as __ff;
    static __FILES: [__ff::FieldDef; 2] = [
        __ff::FieldDef::new(
            __ff::field("Car", "photo", "cars/photo")
                .storage(|| __ff::storage_function(stores::photos))
                .on_replace(__ff::Retention::Keep)
                .on_delete(__ff::Retention::Keep)
                .width_field(__ff::pixel_count::<Option<u32>>(2)),
        ),
        __ff::FieldDef::new(
            __ff::field("Car", "manual", "")
                .column("manual_name")
                .upload_to(__ff::UploadTo::Function)
                .max_size(20971520u64)
                .accept(&["application/pdf"])
                .meta_field(__ff::file_meta::<FileMeta>(3))
                .meta_column("manual_meta"),
        ),
    ];
    #[automatically_derived]
    impl __ff::FileModel for Car {
        const DEF: __ff::ModelDef = __ff::ModelDef::new("Car", &__FILES).table("cars");
        #[inline]
        fn __field(&self, __number: __ff::usize) -> &dyn __ff::Any {
            match __number {
                0 => &self.photo,
                1 => &self.manual,
                2 => &self.photo_width,
                _ => &self.manual_meta,
            }
        }
        #[inline]
        fn __field_mut(&mut self, __number: __ff::usize) -> &mut dyn __ff::Any {
            match __number {
                0 => &mut self.photo,
                1 => &mut self.manual,
                2 => &mut self.photo_width,
                _ => &mut self.manual_meta,
            }
        }
        fn __upload_to(&self, __number: __ff::usize, __filename: &__ff::str) -> __ff::Option<__ff::String> {
            match __number {
                1 => __ff::upload_to::<Self>(manual_name, self, __filename),
                _ => __ff::None,
            }
        }
    }
    impl Car {
        #[doc = "The file of `photo`, joined with its storage."]
        #[inline]
        pub fn photo(&self) -> __ff::FieldFile<'_, Self, ImageField> {
            __ff::field_file(self, 0)
        }
        #[doc = "The file of `photo`, to be assigned, renamed or removed."]
        #[inline]
        pub fn photo_mut(&mut self) -> __ff::FieldFileMut<'_, Self> {
            __ff::field_file_mut(self, 0)
        }
        #[doc = "A file for `photo` that a client sends straight to the storage: its name there, and its size in bytes."]
        pub fn photo_upload(__filename: &__ff::str, __size: __ff::u64) -> __ff::NewUpload<Self> {
            __ff::new_upload(0, __filename, __size)
        }
        #[doc = "The file of `manual`, joined with its storage."]
        #[inline]
        pub fn manual(&self) -> __ff::FieldFile<'_, Self, Option<FileField>> {
            __ff::field_file(self, 1)
        }
        #[doc = "The file of `manual`, to be assigned, renamed or removed."]
        #[inline]
        pub fn manual_mut(&mut self) -> __ff::FieldFileMut<'_, Self> {
            __ff::field_file_mut(self, 1)
        }
        #[doc = "A file for `manual` that a client sends straight to the storage: its name there, and its size in bytes."]
        pub fn manual_upload(__filename: &__ff::str, __size: __ff::u64) -> __ff::NewUpload<Self> {
            __ff::new_upload(1, __filename, __size)
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
            photo: __ff::image_column::<Car, ImageField>(
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
            manual: __ff::file_column::<Car, Option<FileField>>(
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
    __ff::keys! { file upload_to storage width_field on_replace on_delete upload_to meta_field accept max_size ; model table primary_key unique column column }
};

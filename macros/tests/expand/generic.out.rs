const _: () = {
    use ::renamed::__private as __ff;
    static __FILES: [__ff::FieldDef; 1] = [__ff::FieldDef::new(__ff::field("Box", "file", ""))];
    #[automatically_derived]
    impl<T: Clone + Value, const N: usize> __ff::FileModel for Box<T, N>
    where
        [T; N]: Default,
        T: ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        const DEF: __ff::ModelDef = __ff::ModelDef::new("Box", &__FILES).table("boxes");
        #[inline]
        fn __field(&self, _: __ff::usize) -> &dyn __ff::Any {
            &self.file
        }
        #[inline]
        fn __field_mut(&mut self, _: __ff::usize) -> &mut dyn __ff::Any {
            &mut self.file
        }
    }
    impl<T: Clone + Value, const N: usize> Box<T, N>
    where
        [T; N]: Default,
        T: ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        #[doc = "The file of `file`, joined with its storage."]
        #[inline]
        fn file(&self) -> __ff::FieldFile<'_, Self, FileField> {
            __ff::field_file(self, 0)
        }
        #[doc = "The file of `file`, to be assigned, renamed or removed."]
        #[inline]
        fn file_mut(&mut self) -> __ff::FieldFileMut<'_, Self> {
            __ff::field_file_mut(self, 0)
        }
        #[doc = "A file for `file` that a client sends straight to the storage: its name there, and its size in bytes."]
        fn file_upload(__filename: &__ff::str, __size: __ff::u64) -> __ff::NewUpload<Self> {
            __ff::new_upload(0, __filename, __size)
        }
    }
    #[doc = "The columns of `Box`."]
    pub struct __BoxColumns<T: Clone + Value, const N: usize>
    where
        [T; N]: Default,
        T: ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        #[doc = "The column `id`."]
        pub id: __ff::Column<Box<T, N>, i64>,
        #[doc = "The column `file`."]
        pub file: __ff::Column<Box<T, N>, FileField>,
        #[doc = "The column `value`."]
        pub value: __ff::Column<Box<T, N>, T>,
        #[doc = "The column `next`."]
        pub next: __ff::Column<Box<T, N>, Link<Box<T, N>>>,
    }
    impl<T: Clone + Value, const N: usize> __BoxColumns<T, N>
    where
        [T; N]: Default,
        T: ::core::marker::Send + ::core::marker::Sync + 'static,
        Box<T, N>: ::core::clone::Clone,
    {
        const __ALL: &'static Self = &Self {
            id: __ff::primary_key::<Box<T, N>>(
                __ff::ColumnSpec::new("id"),
                __ff::Slot { get: |__model| &__model.id, get_mut: |__model| &mut __model.id },
            ),
            file: __ff::file_column::<Box<T, N>, FileField>(
                __ff::ColumnSpec { file: __ff::Some(0), ..__ff::ColumnSpec::new("file") },
                __ff::Slot { get: |__model| &__model.file, get_mut: |__model| &mut __model.file },
            ),
            value: __ff::column::<Box<T, N>, T>(
                __ff::ColumnSpec::new("value"),
                __ff::Slot { get: |__model| &__model.value, get_mut: |__model| &mut __model.value },
            ),
            next: __ff::column::<Box<T, N>, Link<Box<T, N>>>(
                __ff::ColumnSpec::new("next"),
                __ff::Slot { get: |__model| &__model.next, get_mut: |__model| &mut __model.next },
            ),
        };
    }
    #[automatically_derived]
    impl<T: Clone + Value, const N: usize> __ff::Table for Box<T, N>
    where
        [T; N]: Default,
        T: ::core::marker::Send + ::core::marker::Sync + 'static,
        Box<T, N>: ::core::clone::Clone,
    {
        type Key = i64;
        type Columns = __BoxColumns<T, N>;
        const COLUMNS: &'static __BoxColumns<T, N> = <__BoxColumns<T, N>>::__ALL;
        const ALL: &'static [&'static dyn __ff::AnyColumn<Self>] = &[
            &<__BoxColumns<T, N>>::__ALL.id,
            &<__BoxColumns<T, N>>::__ALL.file,
            &<__BoxColumns<T, N>>::__ALL.value,
            &<__BoxColumns<T, N>>::__ALL.next,
        ];
        fn from_row(__row: &__ff::Row<'_>) -> __ff::Result<Self> {
            __ff::Result::Ok(Self {
                id: __row.get(&<__BoxColumns<T, N>>::__ALL.id)?,
                file: __row.get(&<__BoxColumns<T, N>>::__ALL.file)?,
                value: __row.get(&<__BoxColumns<T, N>>::__ALL.value)?,
                next: __row.get(&<__BoxColumns<T, N>>::__ALL.next)?,
            })
        }
    }
    __ff::keys! { file ; model table primary_key }
};

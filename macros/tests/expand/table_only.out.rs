const _: () = {
    use ::filefield::__private as __ff;
    #[automatically_derived]
    impl __ff::FileModel for Tag {
        const DEF: __ff::ModelDef = __ff::ModelDef::new("Tag", &[]).table("tags");
    }
    #[doc = "The columns of `Tag`."]
    pub struct __TagColumns {
        #[doc = "The column `tag_id`."]
        pub id: __ff::Column<Tag, i64>,
        #[doc = "The column `label`."]
        pub label: __ff::Column<Tag, String>,
    }
    impl __TagColumns {
        const __ALL: &'static Self = &Self {
            id: __ff::primary_key::<Tag>(
                __ff::ColumnSpec { name: "tag_id", ..__ff::ColumnSpec::new("id") },
                __ff::Slot { get: |__model| &__model.id, get_mut: |__model| &mut __model.id },
            ),
            label: __ff::column::<Tag, String>(
                __ff::ColumnSpec { unique: true, ..__ff::ColumnSpec::new("label") },
                __ff::Slot { get: |__model| &__model.label, get_mut: |__model| &mut __model.label },
            ),
        };
    }
    #[automatically_derived]
    impl __ff::Table for Tag {
        type Key = i64;
        type Columns = __TagColumns;
        const COLUMNS: &'static __TagColumns = <__TagColumns>::__ALL;
        const ALL: &'static [&'static dyn __ff::AnyColumn<Self>] =
            &[&<__TagColumns>::__ALL.id, &<__TagColumns>::__ALL.label];
        fn from_row(__row: &__ff::Row<'_>) -> __ff::Result<Self> {
            __ff::Result::Ok(Self {
                id: __row.get(&<__TagColumns>::__ALL.id)?,
                label: __row.get(&<__TagColumns>::__ALL.label)?,
            })
        }
    }
    __ff::keys! { file ; model table primary_key column unique }
};

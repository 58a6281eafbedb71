::core::compile_error! { "`Model` can be derived only for structs with named fields\nhelp: put the file fields into a struct and derive it there" }
const _: () = {
    use ::filefield::__private as __ff;
    #[automatically_derived]
    impl<T> __ff::FileModel for User<T>
    where
        Self: ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        const DEF: __ff::ModelDef = __ff::ModelDef::new("User", &[]);
    }
};

//! The output of the derive, seen from outside.

use filefield::field::{FieldSpec, Naming, Retention, UploadTo};
use filefield::{FileField, FileMeta, FileModel, FileName, ImageField, Model, upload_to};
use unicode_normalization::UnicodeNormalization;

/// The check at compile time and the rendering at run time are in different crates, and must agree.
#[allow(dead_code, reason = "some of it is used by the derive only")]
#[path = "../../macros/src/template.rs"]
mod template;

/// The same holds for the types that `accept` may list.
#[path = "../../macros/src/attr/types.rs"]
mod types;

fn spec<M: FileModel>(index: usize) -> &'static FieldSpec {
    M::FIELDS.at(index).def().spec()
}

#[derive(Model)]
struct Everything {
    #[file(
        upload_to = "cars/%Y",
        storage = Everything::storage,
        max_length = 100,
        max_size = "20 MiB",
        accept = ["Image/*", "application/PDF", "Unknown"],
        verify = Everything::is_bright,
        width_field = width,
        height_field = r#height,
        meta_field = meta,
        naming = "unique",
        extension = "detected",
        on_replace = "keep",
        on_delete = "keep",
    )]
    #[model(column = "photo_name")]
    photo: Option<ImageField>,
    width: Option<u32>,
    height: i64,
    meta: Option<FileMeta>,
    #[file]
    plain: FileField,
    #[file(upload_to)]
    r#type: ImageField,
    #[file(upload_to = Self::name, max_size = 1_000)]
    named: FileField,
    title: String,
}

impl Everything {
    fn is_bright(_: &mut filefield::file::File) -> Result<(), &'static str> {
        Err("too dark")
    }

    fn storage() -> &'static str {
        "photos"
    }

    fn name(&self, filename: &str) -> String {
        format!("{}/{filename}", self.title)
    }

    fn new() -> Self {
        Everything {
            photo: Some(ImageField::stored("cars/a.jpg")),
            width: Some(3),
            height: 4,
            meta: None,
            plain: FileField::empty(),
            r#type: ImageField::empty(),
            named: FileField::stored("x/y"),
            title: "57 Chevy".into(),
        }
    }
}

#[test]
fn every_key_arrives() {
    let spec = spec::<Everything>(0);
    assert_eq!((spec.model, spec.name, spec.column), ("Everything", "photo", "photo_name"));
    assert_eq!(spec.upload_to, UploadTo::Template("cars/%Y"));
    assert!(spec.storage.is_some());
    assert_eq!((spec.max_length, spec.max_size), (100, Some(20 << 20)));
    assert_eq!(spec.accept, ["image/*", "application/pdf", "unknown"]);
    let verify = spec.verify.unwrap();
    let mut file = filefield::file::File::new(std::io::Cursor::new(b"dark"));
    assert_eq!(verify(&mut file).unwrap_err().to_string(), "too dark");
    assert!(spec.detected_extension);
    assert_eq!(spec.naming, Naming::Unique);
    assert_eq!((spec.on_replace, spec.on_delete), (Retention::Keep, Retention::Keep));

    let model = Everything::new();
    let field = Everything::FIELDS.at(0);
    assert_eq!(field.width().unwrap().get(&model).pixels(), Some(3));
    assert_eq!(field.height().unwrap().get(&model).pixels(), Some(4));
    assert!(field.meta().unwrap().get(&model).meta().is_none());
}

#[test]
fn keys_left_out_are_at_their_defaults() {
    let (spec, default) = (spec::<Everything>(1), FieldSpec::new("Everything", "plain"));
    assert_eq!((spec.upload_to, spec.max_length, spec.max_size), (UploadTo::Template(""), 255, None));
    assert_eq!(format!("{spec:?}"), format!("{default:?}"));
    let field = Everything::FIELDS.at(1);
    assert!(field.width().is_none() && field.height().is_none() && field.meta().is_none());
    assert_eq!(Everything::MODEL, "Everything");
}

#[test]
fn raw_identifiers_are_stored_without_their_prefix() {
    assert_eq!(spec::<Everything>(2).name, "type");
    let mut model = Everything::new();
    assert!(model.r#type().is_empty());
    model.type_mut().set_name("t.png").unwrap();
    assert_eq!(model.r#type().name(), "t.png");
}

#[test]
fn names_come_from_functions_and_from_the_bare_word() {
    let model = Everything::new();
    assert_eq!(spec::<Everything>(2).upload_to, UploadTo::Template("everything/type"));
    assert_eq!(spec::<Everything>(3).upload_to, UploadTo::Function);
    assert_eq!(Everything::FIELDS.at(3).upload_name(&model, "a.pdf").as_deref(), Some("57 Chevy/a.pdf"));
    assert_eq!(Everything::FIELDS.at(0).upload_name(&model, "a.pdf"), None);
    assert_eq!(spec::<Everything>(3).max_size, Some(1000));
}

#[test]
fn accessors_reach_their_own_field() {
    let mut model = Everything::new();
    assert_eq!((model.photo().name(), model.plain().name(), model.named().name()), ("cars/a.jpg", "", "x/y"));
    model.photo_mut().clear();
    assert!(model.photo().is_empty() && model.width.is_none() && model.height == 0);
    assert_eq!(model.named().name(), "x/y");
}

mod generic {
    use super::*;

    #[derive(Model)]
    pub(super) struct Boxed<T, F: filefield::field::FieldValue, const N: usize = 1>
    where
        T: Clone,
    {
        pub(super) extra: [T; N],
        #[file(upload_to = name_of)]
        pub(super) file: F,
    }

    fn name_of<T, F, const N: usize>(model: &Boxed<T, F, N>, filename: &str) -> String
    where
        T: Clone + Send + Sync + 'static,
        F: filefield::field::FieldValue,
    {
        format!("{}/{filename}", model.extra.len())
    }
}

#[test]
fn one_definition_whatever_the_type_arguments() {
    use generic::Boxed;
    let model = Boxed { extra: ["a", "b"], file: Some(FileField::stored("a/b")) };
    assert_eq!(model.file().name(), "a/b");
    let field = Boxed::<&str, Option<FileField>, 2>::FIELDS.at(0);
    assert_eq!(field.upload_name(&model, "c").as_deref(), Some("2/c"));
    assert!(std::ptr::eq(field.def(), Boxed::<u8, ImageField>::FIELDS.at(0).def()));
}

mod from_macro {
    use super::*;

    macro_rules! model {
        ($vis:vis $name:ident, $folder:literal, $storage:path, $field:ident: $ty:ty, $size:expr) => {
            #[derive(Model)]
            $vis struct $name {
                #[file(upload_to = $folder, storage = $storage, max_size = $size)]
                pub(super) $field: $ty,
            }
        };
    }

    fn storage() -> String {
        "photos".to_owned()
    }

    model!(pub(super) Made, "made/%Y", storage, photo: Option<ImageField>, 4096);
}

#[test]
fn fragments_of_macros_are_understood() {
    let made = from_macro::Made { photo: None };
    assert!(made.photo().is_empty());
    let spec = spec::<from_macro::Made>(0);
    assert_eq!((spec.upload_to, spec.max_size), (UploadTo::Template("made/%Y"), Some(4096)));
}

#[cfg(feature = "db")]
mod table {
    use super::*;
    use filefield::db::Table;

    #[derive(Debug, Clone, Model)]
    #[model(table = "autos")]
    struct Auto {
        #[model(primary_key)]
        id: i64,
        #[model(unique, column = "title")]
        name: String,
        #[file(upload_to, meta_field = meta)]
        photo: Option<ImageField>,
        meta: FileMeta,
        #[file]
        #[model(unique, column = "scan_name")]
        r#scan: FileField,
    }

    /// Same as sea-orm's dense format: the derives again, on a struct whose name ends in `Ex`.
    #[derive(Debug, Clone, Model)]
    #[model(table = "autos")]
    struct AutoEx {
        #[model(primary_key)]
        id: i64,
        #[file(upload_to, meta_field = meta)]
        photo: Option<ImageField>,
        meta: FileMeta,
    }

    #[derive(Debug, Clone, Model)]
    #[model(table = "plain")]
    struct NoFiles {
        #[model(primary_key)]
        r#ref: String,
    }

    #[test]
    fn columns_follow_the_struct() {
        let specs: Vec<_> = Auto::ALL.iter().map(|column| column.spec()).collect();
        let all: Vec<_> = specs.iter().map(|spec| (spec.name, spec.field, spec.unique, spec.file)).collect();
        let want = [
            ("id", "id", false, None),
            ("title", "name", true, None),
            ("photo", "photo", false, Some(0)),
            ("meta", "meta", false, None),
            ("scan_name", "scan", true, Some(1)),
        ];
        assert_eq!(all, want);
        assert_eq!(spec::<Auto>(1).column, "scan_name");
        assert_eq!(spec::<Auto>(0).upload_to, UploadTo::Template("autos/photo"));
        let keys: Vec<_> = Auto::ALL.iter().map(|column| column.is_key()).collect();
        assert_eq!(keys, [true, false, false, false, false]);
        assert_eq!(format!("{:?}", Auto::columns().name), r#"Column("title")"#);
        let auto = Auto {
            id: 3,
            name: "x".into(),
            photo: None,
            meta: FileMeta::default(),
            scan: FileField::empty(),
        };
        assert!(!Auto::ALL[0].is_unset(&auto));
    }

    #[test]
    fn two_structs_with_the_same_fields_keep_to_themselves() {
        assert!(!std::ptr::eq(Auto::FIELDS.at(0).def(), AutoEx::FIELDS.at(0).def()));
        assert_eq!(spec::<AutoEx>(0).model, "AutoEx");
        let auto = AutoEx { id: 1, photo: None, meta: FileMeta::default() };
        assert!(auto.photo().is_empty() && auto.meta.is_empty() && auto.id == 1);
    }

    #[test]
    fn a_table_needs_no_file() {
        assert!(NoFiles::FIELDS.is_empty());
        assert_eq!(NoFiles::ALL[0].spec().name, "ref");
        assert!(NoFiles::ALL[0].is_unset(&NoFiles { r#ref: String::new() }));
    }
}

#[test]
fn accepted_templates_render_to_one_part_of_a_path() {
    // Directives that only the runtime knows put a slash into the result.
    let extra: String =
        upload_to::DIRECTIVES.chars().filter(|c| !template::DIRECTIVES.contains(*c)).collect();
    assert_eq!(extra, "Dx");
    assert_eq!(template::FLAGS, upload_to::FLAGS);
    let moments = [
        jiff::civil::date(2026, 5, 4).at(0, 0, 0, 0),
        jiff::civil::date(1, 5, 9).at(9, 9, 9, 9),
        jiff::civil::date(9999, 12, 31).at(23, 59, 59, 999_999_999),
    ];
    for directive in template::DIRECTIVES.chars() {
        let flags = template::FLAGS.chars().map(|flag| format!("%{flag}{directive}"));
        for folder in flags.chain([format!("%{directive}")]) {
            let accepted = template::problems(&folder).is_empty();
            for moment in &moments {
                let rendered = upload_to::render(&folder, moment);
                assert_eq!(rendered.is_ok(), accepted, "{folder}");
                let Ok(rendered) = rendered else { continue };
                assert!(!rendered.contains(['/', '\\', ':']) && !rendered.is_empty(), "{folder}: {rendered}");
                let shortest = template::rendered(&folder).chars().count();
                assert!(moment.year() < 2026 || rendered.chars().count() >= shortest, "{folder}: {rendered}");
            }
        }
    }
}

#[test]
fn the_derive_knows_the_types_that_are_found() {
    assert_eq!(types::TYPES, filefield::inspect::TYPES);
    assert_eq!(types::UNKNOWN, filefield::inspect::UNKNOWN);
}

/// Whether the derive refuses `folder`. It must if the runtime refuses every name in the folder.
fn refused(folder: &str) -> bool {
    // The runtime composes letters and accents first.
    let name: String = format!("{folder}/a").nfc().collect();
    let (derive, runtime) = (!template::problems(folder).is_empty(), FileName::new(&name));
    assert!(derive || runtime.is_ok(), "{folder:?}: {:?}", runtime.err());
    // The standard library may know fewer characters than the runtime's tables, but it knows letters.
    let known = |c: char| c.is_ascii() || c.is_alphanumeric() || !template::is_hidden(c);
    let own = folder.starts_with([' ', '$']) || folder.contains(['{', '}']) || !folder.chars().all(known);
    assert!(!derive || runtime.is_err() || own, "{folder:?}");
    derive
}

#[test]
fn folders_that_no_name_can_lie_in_are_refused() {
    let pieces = ["con", "COM", "lpt", "auX", "clock$", "1", "0", "¹", "#", ".", " ", "a", "é", "$", "日"];
    let mut folders = vec![String::new()];
    for _ in 0..3 {
        let longer = folders.iter().flat_map(|folder| pieces.map(|piece| format!("{folder}{piece}")));
        folders = longer.collect();
        assert!(
            folders.iter().any(|folder| refused(folder)) && folders.iter().any(|folder| !refused(folder))
        );
    }
    for length in [255, 256] {
        assert_eq!(refused(&"a".repeat(length)), length > 255);
        assert_eq!(refused(&format!("b/{}", "é".repeat(length / 2))), length > 255);
    }
    let strange = ('\0'..=char::MAX).filter(|c| *c != '%' && refused(&format!("a{c}b"))).count();
    assert!(strange > 100_000, "{strange}");
    assert!(!refused("e\u{301}") && !refused("\u{1100}\u{1161}"));
}

#[test]
fn folders_with_dates_are_refused_by_what_they_become() {
    for (folder, ever) in [
        ("aux.%Y", true),
        ("com%-d", true),
        ("lpt%u", true),
        ("x#%m", true),
        (".%Y", true),
        ("%Y.", true),
        ("com%Y", false),
        ("com%d", false),
        ("%A#", false),
        ("%e", false),
    ] {
        let becomes = upload_to::render(folder, &jiff::civil::date(2026, 5, 4).at(0, 0, 0, 0)).unwrap();
        assert_eq!(FileName::new(&format!("{becomes}/a")).is_err(), ever, "{becomes}");
        assert_eq!(template::problems(folder).is_empty(), !ever, "{folder}");
    }
}

/// A folder in the spelling of macOS: letters and accents are separate.
#[derive(Model)]
struct Spelt {
    #[file(upload_to = "cafe\u{301}s")]
    photo: FileField,
}

#[tokio::test]
async fn a_folder_is_composed() {
    let storage: filefield::SharedStorage = std::sync::Arc::new(filefield::storage::MemoryStorage::new());
    filefield::registry::with_storage(storage, async {
        let mut spelt = Spelt { photo: FileField::empty() };
        spelt.photo_mut().save("a.txt", "bytes").await.unwrap();
        assert_eq!(spelt.photo().name(), "caf\u{e9}s/a.txt");
    })
    .await;
}

#![allow(clippy::unwrap_used)]
use super::backend::Definition;
use super::*;
use crate::{ErrorKind, StorageExt};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

fn toml_error(text: &str) -> String {
    let error = Settings::from_toml(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Settings);
    error.to_string()
}

fn variable(name: &str, value: &str) -> Result<Settings> {
    Settings::builder().variables([(name, value)]).build()
}

#[test]
fn all_keys_from_each_source_are_the_same() {
    let code = Settings::builder()
        .media_root("/srv/media")
        .media_url("/m")
        .debug(true)
        .default_file_storage("photos")
        .storage("photos", "file:///srv/photos?permissions=0600&durability=file")
        .file_upload_permissions(0o640)
        .file_upload_directory_permissions(0o2750)
        .file_upload_idle_timeout(Duration::from_secs(5))
        .file_upload_timeout(None)
        .time_zone("+02:00")
        .build()
        .unwrap();
    let toml = "MEDIA_ROOT = '/srv/media'\nMEDIA_URL = '/m/'\nDEBUG = true\nDEFAULT_FILE_STORAGE = 'photos'\n\
                FILE_UPLOAD_PERMISSIONS = 0o640\nFILE_UPLOAD_DIRECTORY_PERMISSIONS = '2750'\n\
                FILE_UPLOAD_IDLE_TIMEOUT = 5\nFILE_UPLOAD_TIMEOUT = 0\nTIME_ZONE = '+02:00'\n\
                [STORAGES.photos]\nurl = 'file:///srv/photos'\npermissions = 0o600\ndurability = 'file'";
    assert_eq!(Settings::from_toml(toml).unwrap(), code);
    let lower = toml.to_lowercase();
    assert_eq!(Settings::from_toml(&lower).unwrap(), code);
    let django = "[STORAGES.photos]\nBACKEND = 'django.core.files.storage.FileSystemStorage'\n\
                  OPTIONS = { location = '/srv/photos', file_permissions_mode = 0o600, durability = 'file' }";
    let toml = toml.split_once("[STORAGES").unwrap().0.to_owned() + django;
    assert_eq!(Settings::from_toml(&toml).unwrap(), code);
    let environment = Settings::builder().variables([
        ("FILEFIELD_MEDIA_ROOT", "/srv/media"),
        ("FILEFIELD_MEDIA_URL", "m"),
        ("FILEFIELD_DEBUG", "1"),
        ("FILEFIELD_DEFAULT_FILE_STORAGE", "photos"),
        ("FILEFIELD_STORAGES__photos", "FILE:/srv/photos?durability=file&permissions=0o600"),
        ("FILEFIELD_FILE_UPLOAD_PERMISSIONS", "640"),
        ("FILEFIELD_FILE_UPLOAD_DIRECTORY_PERMISSIONS", "02750"),
        ("FILEFIELD_FILE_UPLOAD_IDLE_TIMEOUT", "5"),
        ("FILEFIELD_FILE_UPLOAD_TIMEOUT", "0"),
        ("FILEFIELD_TIME_ZONE", "+02:00"),
        ("PATH", "/bin"),
    ]);
    assert_eq!(environment.build().unwrap(), code);
    assert_eq!(code.storages().collect::<Vec<_>>(), ["photos"]);
    assert_eq!(
        (code.file_upload_permissions(), code.file_upload_directory_permissions()),
        (0o640, Some(0o2750))
    );
    let seconds = Duration::from_secs;
    assert_eq!((code.file_upload_idle_timeout(), code.file_upload_timeout()), (Some(seconds(5)), None));
    let default = Settings::builder().build().unwrap();
    assert_eq!(default.file_upload_idle_timeout(), Some(seconds(30)));
    assert_eq!(default.file_upload_timeout(), Some(seconds(6 * 3600)));
    assert!(variable("FILEFIELD_FILE_UPLOAD_TIMEOUT", "1h").is_err());
    assert_eq!(default, Settings::default());
}

#[test]
fn code_wins_over_environment_over_toml_in_any_order() {
    let toml =
        "MEDIA_URL = '/toml/'\nMEDIA_ROOT = '/toml'\nDEBUG = true\n[STORAGES]\na = 'memory:'\nb = 'memory:'";
    let variables = [("FILEFIELD_MEDIA_URL", "/env/"), ("FILEFIELD_STORAGES__b", "file:///env")];
    let one = Settings::builder().media_url("/code/").variables(variables).toml(toml);
    let two = Settings::builder().toml(toml).variables(variables).media_url("/code/");
    let settings = one.build().unwrap();
    assert_eq!(settings, two.build().unwrap());
    assert_eq!(settings.media_url(), Some("/code/"));
    assert_eq!(settings.media_root(), Some(Path::new("/toml")));
    assert!(settings.debug());
    let b = Definition::of_url("file:///env").unwrap();
    assert_eq!(
        settings.definitions().values().collect::<Vec<_>>(),
        [&Definition::of_url("memory:").unwrap(), &b]
    );
    // Code sets the same alias twice: the last call counts.
    let twice = Settings::builder().storage("a", "memory:").storage("a", "file:///env").build().unwrap();
    assert_eq!(twice.definitions()["a"], b);
}

#[test]
fn the_stronger_source_decides_on_the_default_storage() {
    let table = "[STORAGES]\ndefault = 'memory:'";
    let url = || Some(DefaultStorage::Definition(Definition::of_url("file:///env").unwrap()));
    let above = Settings::builder().toml(table).default_file_storage("file:///env").build().unwrap();
    assert_eq!((above.default_file_storage, above.storages.len()), (url(), 0));
    let below =
        Settings::builder().toml("DEFAULT_FILE_STORAGE = 'file:///env'").storage("default", "memory:");
    let below = below.build().unwrap();
    assert_eq!((below.default_file_storage, below.storages.len()), (None, 1));
    let class = Settings::builder()
        .default_file_storage("django.core.files.storage.FileSystemStorage")
        .build()
        .unwrap();
    assert_eq!(class.default_file_storage, Some(DefaultStorage::Definition(Definition::media())));
    let error = toml_error(&format!("DEFAULT_FILE_STORAGE = 'x'\n{table}"));
    assert_eq!(error, "TOML: `DEFAULT_FILE_STORAGE` and `STORAGES.default` are both set; keep one");
}

#[test]
fn unknown_keys_are_errors_with_line_and_column() {
    let text = "MEDIA_ROOT = '/srv'\n\n  media_rot = 1\n[STORAGES.\"é\"]\nurl = 'memory:'\n[STORAGES.m]\nurl = 'memory:'\n  \
                bas_url = '/'\n[STORAGES.n]\nurl='ftp:x'\n[STORAGES.o]\nbackend='x.Ftp'\n[STORAGES.p]\n";
    let lines = toml_error(text);
    let known = "MEDIA_ROOT, MEDIA_URL, DEBUG, DEFAULT_FILE_STORAGE, FILE_UPLOAD_PERMISSIONS, \
                 FILE_UPLOAD_DIRECTORY_PERMISSIONS, FILE_UPLOAD_IDLE_TIMEOUT, FILE_UPLOAD_TIMEOUT, TIME_ZONE, DELETE_AFTER, SECRET_KEY, \
                 SECRET_KEY_FALLBACK, STORAGES";
    let want = [
        format!("line 3, column 3: unknown setting `media_rot`; did you mean `MEDIA_ROOT`? known: {known}"),
        "line 4, column 11: STORAGES.é: `é` cannot be an alias; write letters, digits, `_` and `-` only".to_owned(),
        "line 8, column 3: STORAGES.m: unknown option `bas_url`; did you mean `base_url`? known: base_url, \
         allow_overwrite"
            .to_owned(),
        "line 10, column 1: STORAGES.n.url: unknown storage `ftp:`; known: file, memory, s3, gs, az".to_owned(),
        "line 12, column 1: STORAGES.o.backend: unknown storage `Ftp`; known: file, FileSystemStorage, memory, \
         MemoryStorage, s3, S3Storage, gs, GoogleCloudStorage, az, AzureStorage"
            .to_owned(),
        "line 13, column 11: STORAGES.p: has no `url`, such as `url = \"file:///srv/media\"`".to_owned(),
    ];
    assert_eq!(lines.lines().collect::<Vec<_>>(), want);
    assert_eq!(toml_error("DEBUG = true\ndebug = false"), "line 2, column 1: `DEBUG` is given twice");
    assert!(toml_error("x = 'secret\n").starts_with("line 1, column "));
    assert!(!toml_error("x = 'secret\n").contains("secret"));
}

#[test]
fn values_of_the_wrong_type() {
    for (text, want) in [
        ("MEDIA_ROOT = 1", "MEDIA_ROOT: expected a path, found an integer"),
        ("DEBUG = 1.5", "DEBUG: expected `true` or `false`, found a float"),
        ("DEBUG = []", "DEBUG: expected `true` or `false`, found an array"),
        ("STORAGES = 'memory:'", "STORAGES: expected a table, found a string"),
        ("MEDIA_URL = '/m?x=1'", "MEDIA_URL: the base URL has a query or a fragment"),
        ("MEDIA_URL = '/m/../x'", "MEDIA_URL: the base URL has an empty, `.` or `..` segment"),
        ("MEDIA_ROOT = \"a\\u0000\"", "MEDIA_ROOT: the path has a NUL byte"),
        ("FILE_UPLOAD_PERMISSIONS = 644", "FILE_UPLOAD_PERMISSIONS: a mode is octal: write `0o644`"),
        ("FILE_UPLOAD_PERMISSIONS = 0x1a4", "FILE_UPLOAD_PERMISSIONS: a mode is octal: write `0o644`"),
        (
            "FILE_UPLOAD_PERMISSIONS = '0o9'",
            "FILE_UPLOAD_PERMISSIONS: expected an octal mode such as `0o644`",
        ),
        (
            "FILE_UPLOAD_PERMISSIONS = '+644'",
            "FILE_UPLOAD_PERMISSIONS: expected an octal mode such as `0o644`",
        ),
        ("FILE_UPLOAD_PERMISSIONS = ''", "FILE_UPLOAD_PERMISSIONS: expected an octal mode such as `0o644`"),
        (
            "FILE_UPLOAD_PERMISSIONS = 0o755",
            "FILE_UPLOAD_PERMISSIONS: a file mode has bits for reading and writing only",
        ),
        (
            "FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o077",
            "FILE_UPLOAD_DIRECTORY_PERMISSIONS: a directory mode lets the owner read, write and search",
        ),
        (
            "TIME_ZONE = 'Mars/Olympus'",
            "TIME_ZONE: `Mars/Olympus` is no time zone here; write `local`, `UTC`, `Europe/Vienna` or `+02:00`",
        ),
        (
            "DEFAULT_FILE_STORAGE = 'default'",
            "DEFAULT_FILE_STORAGE: `default` is the alias that this setting explains; name another one",
        ),
        ("STORAGES.override = 'memory:'", "STORAGES.override: the alias `override` is reserved for tests"),
    ] {
        let error = toml_error(text);
        assert_eq!(error.split_once(": ").unwrap().1, want, "{text}");
    }
    let name = OsString::from_vec(b"\xff".to_vec());
    let builder = || Settings::builder();
    let settings = builder().variables([("FILEFIELD_MEDIA_ROOT", &name)]).build().unwrap();
    assert_eq!(
        settings.media_root().unwrap().file_name(),
        Some(OsStr::from_bytes(b"\xff")),
        "a path need not be UTF-8"
    );
    let error = builder().variables([("FILEFIELD_DEBUG", &name)]).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "FILEFIELD_DEBUG: expected `true` or `false`, found a string that is not UTF-8"
    );
    assert_eq!(variable("FILEFIELD_DEBUG", "").unwrap(), Settings::default(), "an empty variable is none");
    assert!(variable("FILEFIELD_STORAGES", "memory:").is_err());
}

#[test]
fn media_url_gets_its_slashes() {
    for (given, want) in [
        ("media", "/media/"),
        ("/media", "/media/"),
        ("https://c", "https://c/"),
        ("//c/m", "//c/m/"),
        ("/", "/"),
    ] {
        let settings = Settings::builder().media_url(given).build().unwrap();
        assert_eq!(settings.media_url(), Some(want), "{given}");
    }
    assert_eq!(Settings::builder().media_url("").build().unwrap().media_url(), None);
    let relative = Settings::builder().media_root("media").build().unwrap();
    assert_eq!(relative.media_root(), Some(&*std::env::current_dir().unwrap().join("media")));
    assert_eq!(Settings::builder().media_root("").build().unwrap().media_root(), None);
}

#[test]
fn storage_urls() {
    for url in [
        "file:///srv/media",
        "file:/srv/media",
        "file://localhost/srv/media",
        "FILE:///srv/%6Dedia?",
        "file:///srv/media?&",
    ] {
        assert_eq!(
            Definition::of_url(url).unwrap(),
            Definition::of_url("file:///srv/media").unwrap(),
            "{url}"
        );
    }
    for (url, want) in [
        ("", "not a storage URL"),
        ("photos", "not a storage URL"),
        ("/srv/media", "not a storage URL"),
        ("1:x", "not a storage URL"),
        ("file:media", "the path is absolute"),
        ("file://media/cars", "the path is absolute"),
        ("file:", "the path is absolute"),
        ("file:///srv#x", "a storage URL has no fragment"),
        ("file:///srv/%2", "a `%` in the URL"),
        ("file:///srv/%zz", "a `%` in the URL"),
        ("file:///srv/%+1", "a `%` in the URL"),
        ("file:///srv/%00", "the URL has a NUL byte"),
        ("file:///srv?durability", "an option of the URL has no `=`"),
        ("file:///srv?durability=%ff", "an option of the URL is not UTF-8"),
        (
            "file:///srv?durability=ful",
            "option `durability`: unknown value; did you mean `full`? known: full, file, none",
        ),
        ("file:///srv?permissions=0o755", "option `permissions`: a file mode has bits"),
        ("file:///srv?directory_permissions=0o640", "option `directory_permissions`: a directory mode lets"),
        ("file:///srv?allow_overwrite=perhaps", "option `allow_overwrite`: expected `true` or `false`"),
        ("file:///srv?base_url=/a%3Fb", "option `base_url`: the base URL has a query"),
        ("file:///srv?base_url=", "option `base_url`: the base URL is empty"),
        ("file:///srv?base_url=/a&base_url=/b", "`base_url` is given twice"),
        ("file:///srv?permissions=600&file_permissions_mode=600", "`permissions` is given twice"),
        ("memory://x", "nothing follows the slashes of `memory://` but options"),
        ("memory:///x", "nothing follows the slashes of `memory://` but options"),
        ("memory://?permissions=600", "unknown option `permissions`; known: base_url, allow_overwrite"),
        ("memroy://", "unknown storage `memroy:`; did you mean `memory`? known: file, memory"),
    ] {
        let error = Definition::of_url(url).unwrap_err();
        assert!(error.to_string().starts_with(want), "{url}: {error}");
        assert_eq!(error.kind(), ErrorKind::Settings);
    }
}

#[test]
fn tables_merge_their_options() {
    let one = |table: &str| {
        let settings = Settings::from_toml(&format!("[STORAGES.x]\n{table}"))?;
        Ok::<_, Error>(settings.storages["x"].clone())
    };
    let url = Definition::of_url("file:///srv/a%20b?base_url=/x/&allow_overwrite=true").unwrap();
    for table in [
        "url = 'file:///srv/a%20b?base_url=/x/'\nallow_overwrite = true",
        "url = 'file:///srv/a%20b'\nbase_url = '/x/'\n[STORAGES.x.options]\nallow_overwrite = true",
        "backend = 'file'\nlocation = '/srv/a b'\noptions = { allow_overwrite = true, base_url = 'x' }",
    ] {
        assert_eq!(one(table).unwrap(), url, "{table}");
    }
    assert_eq!(one("backend = 'FileSystemStorage'").unwrap(), Definition::media());
    for (table, want) in [
        ("url = 'memory:'\nbackend = 'memory'", "has both `url` and `backend`; keep one"),
        ("url = 'memory:'\nlocation = '/srv'", ".location: this storage has none"),
        ("url = 'file:///srv'\nlocation = '/srv'", ".location: the URL has one already"),
        ("backend = 'file'\nlocation = '/a'\noptions = { location = '/b' }", "`location` is given twice"),
        ("url = 'memory:?base_url=/'\nbase_url = '/'", "`base_url` is given twice"),
        ("url = 'memory:'\nURL = 'memory:'", "`url` is given twice"),
        ("url = 'memory:'\noptions = 1", ".options: expected a table, found an integer"),
    ] {
        let error = one(table).unwrap_err().to_string();
        assert!(error.contains(want), "{table}: {error}");
    }
}

#[test]
fn nothing_secret_is_shown() {
    let key = |text: &str| format!("{text} hushhush").repeat(4);
    let settings = Settings::builder()
        .media_root("/srv/hushhush")
        .media_url("https://user:hushhush@c/")
        .storage("a", "file:///hushhush?base_url=/hushhush/")
        .secret_key(&key("one"))
        .secret_key_fallback(&key("two"))
        .default_file_storage("file:///hushhush");
    assert!(!format!("{settings:?}").contains("hushhush"));
    let settings = settings.build().unwrap();
    let shown = format!("{settings:?} {settings:#?}");
    assert!(!shown.contains("hushhush"), "{shown}");
    assert!(shown.contains("file:[redacted]?base_url"), "{shown}");
    let error = Settings::builder().secret_key("hushhush").build().unwrap_err().to_string();
    assert!(!error.contains("hushhush") && error.starts_with("SECRET_KEY: "), "{error}");
    for url in
        ["x://user:secret@h/?key=secret", "file:///secret?base_url=/secret%zz", "file://user:secret@h/"]
    {
        let error = Settings::builder().storage("a", url).default_file_storage(url).build().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}

#[test]
fn time_zones() {
    for (text, at_noon) in
        [("UTC", 12), ("+02:00", 14), ("-03:30", 8), ("America/New_York", 7), ("Europe/Vienna", 13)]
    {
        let settings = Settings::builder().time_zone(text).build().unwrap();
        let noon: jiff::Timestamp = "2026-01-15T12:00:00Z".parse().unwrap();
        assert_eq!(noon.to_zoned(settings.time_zone()).hour(), at_noon, "{text}");
    }
    let local = Settings::builder().time_zone("LOCAL").build().unwrap();
    assert_eq!(local, Settings::default());
    assert_eq!(local.time_zone(), TimeZone::system());
}

#[test]
fn storages_sign_with_the_secret_key() {
    use crate::storage::SignedRequest;
    use crate::{FileName, Storage};
    let (old, new) = ("old key".repeat(6), "new key".repeat(6));
    let storage = |variables: &[(&str, &str)]| {
        let settings = Settings::builder().variables(variables.iter().copied()).build().unwrap();
        Definition::of_url("memory://?base_url=/m/").unwrap().build(&settings)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let url = |storage: &dyn Storage| {
        let hour = Duration::from_secs(3600).into();
        runtime.block_on(storage.signed_url(FileName::new("a.txt").unwrap(), &hour))
    };
    let before = storage(&[("FILEFIELD_SECRET_KEY", &old)]).unwrap();
    let signed = url(&*before).unwrap();
    let after = storage(&[("FILEFIELD_SECRET_KEY", &new), ("FILEFIELD_SECRET_KEY_FALLBACK", &old)]).unwrap();
    after.verify_signed_url(&SignedRequest::new("GET", &signed)).unwrap();
    let signed = url(&*after).unwrap();
    before.verify_signed_url(&SignedRequest::new("GET", &signed)).unwrap_err();
    assert_eq!(url(&*storage(&[]).unwrap()).unwrap_err().kind(), ErrorKind::Unsupported);
    let error = storage(&[("FILEFIELD_SECRET_KEY_FALLBACK", &old)]).unwrap_err();
    assert_eq!(error.to_string(), "`SECRET_KEY_FALLBACK` is set, and `SECRET_KEY`, which signs, is not");
}
/// The error that refuses a value of a variable.
fn refusal(name: &str, value: &str) -> String {
    match variable(name, value) {
        Ok(_) => panic!("{name}={value:?} is taken"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Settings);
            error.to_string()
        }
    }
}

#[test]
fn a_value_that_an_env_file_mangled_is_refused_in_every_setting() {
    let good = [
        ("MEDIA_ROOT", "/srv/media"),
        ("MEDIA_URL", "/media/"),
        ("DEBUG", "true"),
        ("DEFAULT_FILE_STORAGE", "photos"),
        ("DEFAULT_FILE_STORAGE", "file:///srv/media"),
        ("STORAGES__photos", "memory://?base_url=/media/"),
        ("FILE_UPLOAD_PERMISSIONS", "0640"),
        ("FILE_UPLOAD_DIRECTORY_PERMISSIONS", "0750"),
        ("TIME_ZONE", "Europe/Vienna"),
        ("SECRET_KEY", "3b1f6b7c9d2e4f5a8c7b6d5e4f3a2b1c"),
        ("SECRET_KEY_FALLBACK", "3b1f6b7c9d2e4f5a8c7b6d5e4f3a2b1c"),
        ("CONFIG", "/srv/filefield.toml"),
    ];
    let ends = "begins or ends with a blank, a line break or an invisible character; remove it";
    let quotes = "is in quotes, which nothing removes here; write the value without them";
    let lines = "has a line break or another control character; write the value in one line";
    let comment = "has a comment behind the value; put the comment on its own line";
    let mangle = |value: &str| {
        [
            (format!("{value} "), ends),
            (format!(" {value}"), ends),
            (format!("{value}\n"), ends),
            (format!("{value}\r"), ends),
            (format!("{value}\r\n"), ends),
            (format!("\t{value}"), ends),
            (format!("{value}\u{a0}"), ends),
            (format!("\u{feff}{value}"), ends),
            (format!("{value}\u{200b}"), ends),
            (" ".to_owned(), ends),
            (format!("\"{value}\""), quotes),
            (format!("'{value}'"), quotes),
            (format!("`{value}`"), quotes),
            (format!("\u{201c}{value}\u{201d}"), quotes),
            (format!("\"{value}"), quotes),
            (format!("{value}\""), quotes),
            (format!("{value}'"), quotes),
            ("\"\"".to_owned(), quotes),
            (format!("{value}\n{value}"), lines),
            (format!("{value}\r\nFILEFIELD_DEBUG=1"), lines),
            (format!("{value} # as on the old server"), comment),
        ]
    };
    for (name, value) in good {
        let name = format!("FILEFIELD_{name}");
        if !name.ends_with("CONFIG") {
            variable(&name, value).unwrap();
        }
        for (mangled, want) in mangle(value) {
            let error = refusal(&name, &mangled);
            assert!(error.ends_with(want), "{name}={mangled:?}: {error}");
            assert!(!error.contains(value.trim()) || value == "true" || value == "photos", "{name}: {error}");
        }
    }
}

#[test]
fn a_path_that_is_none_here_is_refused_with_what_to_write() {
    let home = "`~` is not replaced here; write the path from `/` on";
    let variable = "variables such as `$HOME` are not replaced here; write what they stand for";
    let url = "expected a path such as `/srv/media`, found a URL; write the path alone";
    let windows = "has a backslash or a drive; write a path such as `/srv/media`";
    let escape = "has a percent escape, which is for URLs; write the character itself";
    let placeholder = "has a placeholder that nothing has filled in; write the value itself";
    let root = "the root of the file system is no place for files";
    for (value, want) in [
        ("~", home),
        ("~/media", home),
        ("~www/media", home),
        ("$HOME/media", variable),
        ("${HOME}/media", variable),
        ("/srv/$APP/media", variable),
        ("$(pwd)/media", variable),
        ("/srv/`date`/media", variable),
        ("%HOME%/media", variable),
        ("%USERPROFILE%", variable),
        ("file:///srv/media", url),
        ("file:/srv/media", url),
        ("FILE:srv", url),
        ("s3://bucket/media", url),
        ("memory://", url),
        ("https://example.com/media", url),
        ("C:\\media", windows),
        ("C:/media", windows),
        ("d:", windows),
        ("\\\\server\\media", windows),
        ("/srv/my\\ media", windows),
        ("/srv/my%20media", escape),
        ("/srv/%C3%A9", escape),
        ("{{ media_root }}", placeholder),
        ("<path>", placeholder),
        ("<%= media %>/x", placeholder),
        ("#{media}/x", placeholder),
        ("@MEDIA_ROOT@", placeholder),
        ("__MEDIA_ROOT__", placeholder),
        ("/path/to/media", placeholder),
        ("null", "is a word for no value; leave the setting out"),
        ("None", "is a word for no value; leave the setting out"),
        ("undefined", "is a word for no value; leave the setting out"),
        ("MEDIA_ROOT=/srv/media", "begins with the name of a variable and `=`"),
        ("=/srv/media", "begins with the name of a variable and `=`"),
        ("/srv/a:/srv/b", "has several paths, or a host"),
        ("nas:/export/media", "has several paths, or a host"),
        ("/", root),
        ("//", root),
        ("/.", root),
        ("/../", root),
    ] {
        let want = format!("MEDIA_ROOT: {want}");
        let error = refusal("FILEFIELD_MEDIA_ROOT", value);
        assert!(error.starts_with(&format!("FILEFIELD_{want}")), "{value}: {error}");
        let error = Settings::builder().media_root(value).build().unwrap_err().to_string();
        assert!(error.starts_with(&want), "{value}: {error}");
        let error = toml_error(&format!("MEDIA_ROOT = '''{value}'''"));
        assert!(error.contains(&want), "{value}: {error}");
        let table = format!("[STORAGES.a]\nbackend = 'file'\nlocation = '''{value}'''");
        assert!(toml_error(&table).contains("STORAGES.a.location: "), "{value}");
    }
    let error = refusal("FILEFIELD_CONFIG", "~/filefield.toml");
    assert_eq!(error, format!("FILEFIELD_CONFIG: {home}"));
    for value in
        ["media", "./media", "../media", "/srv/caf\u{e9} & co", "/srv/100%", "/srv/a$", "/srv/#1", "/srv/a=b"]
    {
        Settings::builder().media_root(value).build().unwrap();
    }
    // Any folder can be given with escapes.
    let odd = Definition::of_url("file:///srv/%24HOME%20%22x%22%5C").unwrap();
    assert_eq!(odd.build(&Settings::default()).map(drop).err().map(|error| error.kind()), None);
}

#[test]
fn a_storage_url_that_nobody_meant_is_refused() {
    for (url, want) in [
        ("\"file:///srv/media\"", "is in quotes"),
        ("file:///srv/media\n", "begins or ends with"),
        ("file:///srv/media?durability=full\r\n", "begins or ends with"),
        ("file:///~/media", "`~` is not replaced here"),
        ("file://~/media", "the path is absolute"),
        ("file:~/media", "`~` is not replaced here"),
        ("file:///$HOME/media", "variables such as `$HOME`"),
        ("file://${HOME}/media", "variables such as `$HOME`"),
        ("s3://$BUCKET/media", "variables such as `$HOME`"),
        ("s3://{{ bucket }}/media", "has a placeholder"),
        ("s3://<bucket>/media", "has a placeholder"),
        ("file:///C:/media", "has a drive"),
        ("file:///srv\\media", "has a backslash"),
        ("C:\\media", "has a backslash"),
        ("file:///", "the root of the file system"),
        ("file:////", "the root of the file system"),
        ("file:///path/to/media", "has a placeholder"),
        ("file:///srv/media?base_url=$CDN/media/", "variables such as `$HOME`"),
        ("file:///srv/media?base_url='/media/'", "option `base_url`: is in quotes"),
        ("file:///srv/media?base_url=%22/media/%22", "option `base_url`: is in quotes"),
        ("file:///srv/media?base_url=/media/%20", "option `base_url`: begins or ends with"),
        ("file:///srv/media?allow_overwrite=true%20", "option `allow_overwrite`: begins or ends with"),
        ("file:///srv/media?permissions=%22600%22", "option `permissions`: is in quotes"),
    ] {
        let error = Definition::of_url(url).unwrap_err();
        assert!(error.to_string().starts_with(want), "{url}: {error}");
        assert_eq!(error.kind(), ErrorKind::Settings);
        let builder = Settings::builder();
        builder.storage("a", url).build().unwrap_err();
    }
}

#[test]
fn a_container_may_begin_with_a_dollar() {
    let error = Definition::of_url("az://$web/media?account=x").err().map(|error| error.to_string());
    let needs = "`az:` needs the feature `azure` of the crate `filefield`".to_owned();
    assert!(error.is_none() || error == Some(needs), "{error:?}");
    let error = Definition::of_url("az://$WEB/media?account=x").unwrap_err().to_string();
    assert!(error.starts_with("variables such as `$HOME`"), "{error}");
}

#[test]
fn a_base_url_that_leads_nowhere_is_refused() {
    for (value, want) in [
        ("cdn.example.com/media/", "begins with a host and no scheme"),
        ("www.example.com", "begins with a host and no scheme"),
        ("localhost:8000/media/", "is no URL that a browser can open"),
        ("example.com:8080/media/", "is no URL that a browser can open"),
        ("file:///srv/media/", "is no URL that a browser can open"),
        ("s3://bucket/media/", "is no URL that a browser can open"),
        ("C:/media/", "is no URL that a browser can open"),
        ("$CDN/media/", "variables such as `$HOME`"),
        ("${CDN}/media/", "variables such as `$HOME`"),
        ("https://{{ host }}/media/", "has a placeholder"),
        ("https://<host>/media/", "has a placeholder"),
        ("null", "is a word for no value"),
        ("/my media/", "the base URL has a blank"),
        ("\\media\\", "the base URL has a blank, a control"),
        ("MEDIA_URL=/media/", "begins with the name of a variable"),
        ("https:/cdn.example.com/media", "the base URL has a scheme but no `//`"),
        ("https://", "the base URL has no host"),
    ] {
        let error = refusal("FILEFIELD_MEDIA_URL", value);
        assert!(error.starts_with(&format!("FILEFIELD_MEDIA_URL: {want}")), "{value}: {error}");
        Settings::builder().media_url(value).build().unwrap_err();
    }
    for (value, want) in
        [("media", "/media/"), ("https://c/m%20m", "https://c/m%20m/"), ("/~ann/m", "/~ann/m/")]
    {
        assert_eq!(Settings::builder().media_url(value).build().unwrap().media_url(), Some(want));
    }
}

#[test]
fn a_key_that_others_know_is_refused() {
    for (value, want) in [
        ("change-me-change-me-change-me-change-me", "is an example that others know"),
        ("CHANGE_ME_CHANGE_ME_CHANGE_ME_CHANGE_ME", "is an example that others know"),
        ("changethis0123456789abcdef0123456789abcdef", "is an example that others know"),
        ("your-secret-key-goes-here-0123456789abcdef", "is an example that others know"),
        ("django-insecure-0x5@k3j2h1g0f9d8s7a6q5w4e3r2t1", "is an example that others know"),
        ("replace_me_with_openssl_rand_hex_32_output", "is an example that others know"),
        ("super secret, super secret, super secret!", "is an example that others know"),
        ("passwordpasswordpasswordpasswordpassword", "is an example that others know"),
        ("00000000000000000000000000000000", "repeats the same few characters"),
        ("abcabcabcabcabcabcabcabcabcabcabcabcabc", "repeats the same few characters"),
        ("${FILEFIELD_SECRET_KEY_OF_THE_PRODUCTION_SITE}", "is a placeholder"),
        ("$FILEFIELD_SECRET_KEY_OF_THE_PRODUCTION_SITE", "is a placeholder"),
        ("$(openssl rand -hex 32 | tr -d newlines)", "is a placeholder"),
        ("{{ vault.filefield.signing.of.production }}", "is a placeholder"),
        ("<put here what openssl rand -hex 32 prints>", "is a placeholder"),
        ("SECRET_KEY=3b1f6b7c9d2e4f5a8c7b6d5e4f3a2b1c", "is a placeholder"),
        ("3b1f6b7c9d2e4f5a8c7b6d5e4f3a2b1c\\n", "ends with `\\n` as two characters"),
    ] {
        for key in ["SECRET_KEY", "SECRET_KEY_FALLBACK"] {
            let error = refusal(&format!("FILEFIELD_{key}"), value);
            assert!(error.starts_with(&format!("FILEFIELD_{key}: {want}")), "{value}: {error}");
            assert!(!error.contains(value), "{error}");
        }
        Settings::builder().secret_key(value).build().unwrap_err();
    }
    for value in [
        "3b1f6b7c9d2e4f5a8c7b6d5e4f3a2b1c",
        "x$D'k%3#f\\q=\"Zp}{)(*&^%$#@!~+_ttYY11",
        "-p7Fq2=L0vWz+8Rk/3Xs9Bn4Tc6Hy1Jd5=",
    ] {
        Settings::builder().secret_key(value).build().unwrap();
    }
}

#[test]
fn a_variable_whose_name_is_misspelt_is_not_ignored() {
    let say = |name: &str, meant: &str| format!("the variable `{name}` is not read; did you mean `{meant}`?");
    for (name, meant) in [
        ("filefield_media_root", "FILEFIELD_MEDIA_ROOT"),
        ("Filefield_Media_Root", "FILEFIELD_MEDIA_ROOT"),
        ("FILE_FIELD_MEDIA_ROOT", "FILEFIELD_MEDIA_ROOT"),
        ("FILEFIELD-MEDIA-ROOT", "FILEFIELD_MEDIA_ROOT"),
        ("FILEFIELD.MEDIA.ROOT", "FILEFIELD_MEDIA_ROOT"),
        (" FILEFIELD_MEDIA_ROOT", "FILEFIELD_MEDIA_ROOT"),
        ("export FILEFIELD_MEDIA_ROOT", "FILEFIELD_MEDIA_ROOT"),
        ("filefield_config", "FILEFIELD_CONFIG"),
        ("filefield_storages__photos", "FILEFIELD_STORAGES__<alias>"),
    ] {
        assert_eq!(refusal(name, "x"), say(name, meant));
    }
    let marked = refusal("\u{feff}FILEFIELD_MEDIA_ROOT", "/srv/media");
    assert_eq!(marked, say("\\u{feff}FILEFIELD_MEDIA_ROOT", "FILEFIELD_MEDIA_ROOT"));
    for name in
        ["FILEFIELD_Media_root", "FILEFIELD_media_root", "FILEFIELD_MEDIA_ROOT ", "FILEFIELD_MEDIAROOT"]
    {
        let error = refusal(name, "/srv/media");
        assert!(
            error.starts_with("unknown variable `") && error.contains("did you mean `FILEFIELD_MEDIA_ROOT`?"),
            "{error}"
        );
    }
    let error = refusal("FILEFIELD_UPLOADS", "1");
    assert!(error.starts_with("unknown variable `FILEFIELD_UPLOADS`"), "{error}");
    for name in ["PATH", "MEDIA_ROOT", "MY_FILEFIELD_MEDIA_ROOT", "FILEFIELDS_HOST", "file"] {
        assert_eq!(variable(name, "/srv/media").unwrap(), Settings::default(), "{name}");
    }
}

#[test]
fn an_alias_is_not_taken_in_another_spelling() {
    let default = "the alias of the default storage is `default`, in lower case";
    for alias in ["DEFAULT", "Default"] {
        let error = refusal(&format!("FILEFIELD_STORAGES__{alias}"), "memory://");
        assert_eq!(error, format!("STORAGES.{alias}: {default}"));
        assert!(toml_error(&format!("[STORAGES]\n{alias} = 'memory://'")).ends_with(default));
        refusal("FILEFIELD_DEFAULT_FILE_STORAGE", alias);
    }
    for name in ["STORAGES_default", "STORAGES___default"] {
        let error = refusal(&format!("FILEFIELD_{name}"), "memory://");
        assert_eq!(
            error,
            format!("FILEFIELD_{name}: an alias follows two underscores: `FILEFIELD_STORAGES__default`")
        );
    }
    let builder = Settings::builder().toml("[STORAGES]\nphotos = 'memory://'");
    let error = builder.variables([("FILEFIELD_STORAGES__PHOTOS", "memory://")]).build().unwrap_err();
    assert_eq!(error.to_string(), "the aliases `PHOTOS` and `photos` differ in case only; write one of them");
}

#[test]
fn a_mode_that_yaml_has_turned_into_a_decimal_number_is_refused() {
    let error = refusal("FILEFIELD_FILE_UPLOAD_PERMISSIONS", "420");
    assert!(error.contains("YAML reads `0644` as 420"), "{error}");
    for mode in ["0644", "0600", "0664", "0440", "0o666"] {
        variable("FILEFIELD_FILE_UPLOAD_PERMISSIONS", mode).unwrap();
    }
}

#[test]
fn a_toml_file_may_begin_with_a_mark_and_end_its_lines_as_on_windows() {
    let settings = Settings::from_toml("\u{feff}MEDIA_URL = '/m/'\r\nDEBUG = true\r\n").unwrap();
    assert_eq!((settings.media_url(), settings.debug()), (Some("/m/"), true));
}

#[test]
fn numbers_sizes_and_times_of_a_bucket_are_plain() {
    use super::option::Kind;
    let read = |kind: Kind, text: &str| kind.read(text.into()).map_err(|problem| problem.text);
    for text in
        ["10s", "10 s", "+10", "-1", "1.5", "1e3", "1_000", "1,000", "ten", "0x10", "10ms", " 10", "\"10\""]
    {
        for kind in [Kind::Number, Kind::Seconds] {
            assert!(read(kind, text).is_err(), "{text}");
        }
    }
    assert_eq!(read(Kind::Number, "10s").err().unwrap(), "expected a whole number without a unit");
    for text in ["0", "86401", "60000000"] {
        assert_eq!(read(Kind::Seconds, text).err().unwrap(), "expected 1 to 86400 seconds");
    }
    assert!(read(Kind::Number, "0").is_ok() && read(Kind::Seconds, "60").is_ok());
    for text in
        ["8MB", "8mib", "8M", "8388608 bytes", "-8MiB", "1.5MiB", "8MiB ", "MiB", "", "99999999999GiB"]
    {
        assert!(read(Kind::Bytes(0), text).is_err(), "{text}");
    }
    for text in ["8MiB", "8 MiB", "8388608", "8388608B"] {
        assert!(
            read(Kind::Bytes(0), text).is_ok_and(|size| size == option::Setting::Number(8 << 20)),
            "{text}"
        );
    }
}

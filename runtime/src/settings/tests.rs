#![allow(clippy::unwrap_used)]
use super::backend::Definition;
use super::*;
use crate::ErrorKind;
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
    // Code says the same thing twice: the last word counts.
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
                 FILE_UPLOAD_DIRECTORY_PERMISSIONS, FILE_UPLOAD_IDLE_TIMEOUT, FILE_UPLOAD_TIMEOUT, TIME_ZONE, SECRET_KEY, \
                 SECRET_KEY_FALLBACK, STORAGES";
    let want = [
        format!("line 3, column 3: unknown setting `media_rot`; did you mean `MEDIA_ROOT`? known: {known}"),
        "line 4, column 11: STORAGES.é: `é` is no alias: letters, digits, `_` and `-` make one".to_owned(),
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
    let (old, new) = ("old".repeat(12), "new".repeat(12));
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

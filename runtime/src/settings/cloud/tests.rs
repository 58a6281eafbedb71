//! Storages built from URLs in settings.
#![allow(clippy::unwrap_used)]

use crate::StorageExt;
use crate::registry::create_storage;

#[test]
fn every_provider_makes_a_storage() {
    for (url, kind, location) in [
        ("s3://photos/a%20b", "s3", "s3://photos/a%20b"),
        ("gs://photos/p?anonymous=yes", "gcs", "gs://photos/p"),
        ("gs://photos?anonymous=yes&endpoint=http://localhost:4443/", "gcs", "http://localhost:4443/photos"),
        ("az://photos/p?account=garage&anonymous=yes", "azure", "az://garage/photos/p"),
        ("az://photos?emulator=true&account=x", "azure", "az://emulator/x/photos"),
    ] {
        let storage = create_storage(url).unwrap();
        assert_eq!((storage.kind(), storage.location().as_deref()), (kind, Some(location)), "{url}");
        let shown = format!("{storage:?}");
        assert!(!shown.contains("garage") && !shown.contains("photos"), "{shown}");
    }
}

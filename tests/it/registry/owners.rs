//! The warning for storages that keep no owner tokens.

use super::memory;
use filefield::registry::App;
use filefield::storage::author::*;
use filefield::{FileField, Model, SharedStorage};
use filefield_tests::isolated::{NONE, isolated};
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex};

/// A storage with the required methods alone.
#[derive(Debug)]
struct Least(SharedStorage);

#[async_trait]
impl Storage for Least {
    async fn save(&self, name: FileName<'_>, content: Content, options: &SaveOptions) -> Result<Saved> {
        self.0.save(name, content, options).await
    }

    async fn open_range(&self, name: FileName<'_>, range: Range<u64>) -> Result<Reader> {
        self.0.open_range(name, range).await
    }

    async fn delete(&self, name: FileName<'_>) -> Result<()> {
        self.0.delete(name).await
    }

    async fn metadata(&self, name: FileName<'_>) -> Result<Metadata> {
        self.0.metadata(name).await
    }

    fn url(&self, name: FileName<'_>) -> Result<String> {
        self.0.url(name)
    }

    fn kind(&self) -> &'static str {
        "least"
    }
}

static LOG: Log = Log(Mutex::new(Vec::new()));

struct Log(Mutex<Vec<String>>);

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push(format!("{} {}", record.level(), record.args()));
    }

    fn flush(&self) {}
}

#[test]
fn a_storage_without_owner_tokens_is_logged_once() {
    static OF_FIELDS: LazyLock<SharedStorage> = LazyLock::new(|| Arc::new(Least(memory())));
    fn of_fields() -> SharedStorage {
        OF_FIELDS.clone()
    }
    model!(Unswept { first = of_fields, second = of_fields });
    isolated("registry::owners::a_storage_without_owner_tokens_is_logged_once", NONE, || {
        log::set_logger(&LOG).map(|()| log::set_max_level(log::LevelFilter::Warn)).unwrap();
        let photos: SharedStorage = Arc::new(Least(memory()));
        for _ in 0..2 {
            let builder = App::builder().default_storage(memory()).storage("again", photos.clone());
            builder.storage("photos", photos.clone()).model::<Unswept>().build().unwrap();
        }
        let lines = LOG.0.lock().unwrap().clone();
        assert_eq!(lines.len(), 2, "{lines:?}");
        for (line, alias) in lines.iter().zip(["again", "Unswept.first"]) {
            let text = format!(
                "WARN files in the storage `{alias}` can never be swept: it keeps no owner tokens; only files of \
                 fields with `naming = \"unique\"` can do without"
            );
            assert_eq!(*line, text);
        }
    });
}

//! What `App::build` replaces.

use super::{is_same, memory, within_seconds};
use filefield::registry::App;
use filefield::storage::MemoryStorage;
use filefield::{Bytes, FileName, SaveOptions, SharedStorage, Storage};
use filefield_tests::isolated::{NONE, isolated};
use std::sync::{Arc, OnceLock};

#[test]
fn a_storage_that_is_replaced_may_use_the_library_when_it_is_dropped() {
    struct Asks(Arc<OnceLock<SharedStorage>>);
    impl AsRef<[u8]> for Asks {
        fn as_ref(&self) -> &[u8] {
            b"dropped with the storage that holds it"
        }
    }
    impl Drop for Asks {
        fn drop(&mut self) {
            self.0.set(filefield::default_storage().unwrap()).unwrap();
        }
    }
    let name = "registry::building::a_storage_that_is_replaced_may_use_the_library_when_it_is_dropped";
    isolated(name, NONE, || {
        let (answer, old, new) = (Arc::new(OnceLock::new()), MemoryStorage::new(), memory());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let asks = Bytes::from_owner(Asks(answer.clone()));
        let (name, options) = (FileName::new("asks").unwrap(), SaveOptions::default());
        runtime.block_on(old.save(name, asks.into(), &options)).unwrap();
        App::builder().default_storage(old).build().unwrap();
        let builder = App::builder().default_storage(new.clone());
        within_seconds(20, || builder.build().map(drop)).unwrap();
        assert!(is_same(answer.get().unwrap(), &new));
    });
}

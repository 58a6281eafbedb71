//! Temporary files of a program that changes its working directory.

use filefield::storage::MemoryStorage;
use filefield::{FileName, SaveOptions, Storage, StorageExt, TempFile};
use filefield_tests::isolated::{NONE, isolated};
use std::env::set_current_dir;
use std::fs;

#[test]
fn a_relative_path_means_the_same_file_for_ever() {
    isolated("temp_files::a_relative_path_means_the_same_file_for_ever", NONE, || {
        fs::create_dir("one").unwrap();
        fs::create_dir("two").unwrap();
        set_current_dir("one").unwrap();
        fs::write("up.bin", "one").unwrap();
        let adopted = TempFile::adopt("up.bin").unwrap();
        let mut writer = TempFile::create_in("").unwrap();
        set_current_dir("../two").unwrap();
        fs::write("up.bin", "another's").unwrap();
        writer.write_all(b"written").unwrap();

        let storage = MemoryStorage::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (temp, want) in [(adopted, "one"), (writer.finish().unwrap(), "written")] {
            let name = FileName::new(want).unwrap();
            let read = async || {
                storage.save(name, temp.into(), &SaveOptions::default()).await?;
                storage.open(name).await?.read_all(100).await
            };
            assert_eq!(runtime.block_on(read()).unwrap(), want);
        }
        assert_eq!(fs::read("up.bin").unwrap(), b"another's");
        assert_eq!(fs::read_dir("../one").unwrap().count(), 0);
        drop(TempFile::create_in("../one").unwrap());
        assert_eq!(fs::read_dir("../one").unwrap().count(), 0);
    });
}

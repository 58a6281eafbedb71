//! Files of other programs in the media folder: under names that ours would take, empty, hidden, read-only
//! (R8).

use super::super::Result;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

const FILES: [(&str, &[u8], u32); 7] = [
    ("cars/chevy.gif", b"a picture of somebody else", 0o644),
    ("manuals/chevy.gif", b"", 0o600),
    ("keys/foreign.pem", b"secret", 0o400),
    ("keys/old/0/deep.txt", b"deep", 0o644),
    ("readme.txt", b"not ours", 0o644),
    (".hidden", b"hidden", 0o644),
    ("cars/chevy.gif.tmp", b"", 0o644),
];

/// Puts them into a new media folder.
pub(crate) fn put(media: &Path) -> Result<()> {
    for (name, bytes, mode) in FILES {
        let path = media.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, bytes)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        std::fs::File::open(&path)?.set_modified(time)?;
    }
    Ok(())
}

/// Names and bytes of the files that the storage shows.
pub(crate) fn files() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().filter(|(name, ..)| !name.starts_with('.')).map(|(name, bytes, _)| (*name, *bytes))
}

/// Other changes to these files.
pub(super) fn touched(media: &Path) -> Vec<String> {
    let mut touched = Vec::new();
    for (name, bytes, mode) in FILES {
        let path = media.join(name);
        let same = std::fs::read(&path).is_ok_and(|found| found == bytes)
            && std::fs::symlink_metadata(&path).is_ok_and(|found| {
                found.permissions().mode() & 0o7777 == mode && found.mtime() == 1_000_000_000
            });
        if !same {
            touched.push(format!("the foreign file {name} was touched"));
        }
    }
    touched
}

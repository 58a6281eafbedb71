//! The data that is saved and read.

use super::Result;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// The size of a small file, in bytes.
pub(crate) const SMALL: usize = 4096;

/// `len` bytes that do not compress.
pub(crate) fn payload(len: usize) -> Vec<u8> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// A small random number generator (xorshift). It is not secure.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

pub(crate) fn name(i: usize) -> String {
    format!("upload-{i:06}.bin")
}

/// Makes `count` small files in `dir` and reads them into the page cache.
pub(crate) fn small_files(dir: &Path, count: usize) -> Result {
    if !dir.exists() {
        std::fs::create_dir_all(dir)?;
        let bytes = payload(SMALL);
        for i in 0..count {
            std::fs::write(dir.join(name(i)), &bytes)?;
        }
    }
    Ok(())
}

/// Makes a file of `mib` MiB and reads it into the page cache.
pub(crate) fn big_file(path: &Path, mib: usize) -> Result {
    if !path.exists() {
        let mut block = payload(1 << 20);
        let mut file = File::create(path)?;
        for i in 0..mib {
            block[..8].copy_from_slice(&i.to_le_bytes());
            file.write_all(&block)?;
        }
        file.sync_all()?;
    }
    std::io::copy(&mut File::open(path)?, &mut std::io::sink())?;
    Ok(())
}

/// The names of the files in `dir`, sorted.
pub(crate) fn names_in(dir: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if let (true, Ok(name)) = (entry.file_type()?.is_file(), entry.file_name().into_string()) {
            names.push(name);
        }
    }
    names.sort_unstable();
    if names.is_empty() { Err("there are no files in the directory".into()) } else { Ok(names) }
}

/// The header that takes the most reads to find.
pub(crate) const SEGMENTS: &str = "segments.jpg";

/// The number of its segments of 64 KiB: all that begin in the first MiB. The frame header follows them.
pub(crate) const SEGMENT_COUNT: u64 = 15;

/// Headers of images in five formats, each followed by `mib` MiB of zeros. Only headers are read.
pub(crate) fn image_headers(dir: &Path, mib: u64) -> Result {
    std::fs::create_dir_all(dir)?;
    let frame = b"\xFF\xC0\x00\x11\x08\x0B\xB8\x0F\xA0\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01";
    let mut segments = b"\xFF\xD8".to_vec();
    for _ in 0..SEGMENT_COUNT {
        segments.extend_from_slice(b"\xFF\xE2\xFF\xFF");
        segments.resize(segments.len() + 65_533, 7);
    }
    // The tables before a frame header.
    for _ in 0..2 {
        segments.extend_from_slice(b"\xFF\xDB\x00\x43");
        segments.resize(segments.len() + 65, 1);
    }
    let headers: [(&str, Vec<u8>); 5] = [
        (
            "header.png",
            b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\x0F\xA0\0\0\x0B\xB8\x08\x02\0\0\0\x35\x49\x64\x28".to_vec(),
        ),
        // With 256 colours and the start of its picture, which the reader looks for.
        (
            "header.gif",
            [b"GIF89a\xA0\x0F\xB8\x0B\xF7\0\0", &[0; 768][..], b"\x2C\0\0\0\0\xA0\x0F\xB8\x0B\0\x08"]
                .concat(),
        ),
        ("header.webp", b"RIFF\xFF\xFF\xFF\x05WEBPVP8X\x0A\0\0\0\0\0\0\0\x9F\x0F\0\xB7\x0B\0".to_vec()),
        ("header.jpg", [b"\xFF\xD8\xFF\xE0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0", &frame[..]].concat()),
        (SEGMENTS, [&segments[..], &frame[..]].concat()),
    ];
    for (name, header) in headers {
        let mut file = File::create(dir.join(name))?;
        file.write_all(&header)?;
        file.set_len(mib << 20)?;
    }
    Ok(())
}

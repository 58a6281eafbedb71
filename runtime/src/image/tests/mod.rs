#![allow(clippy::unwrap_used)]

mod formats;
mod sources;
mod wild;

use super::*;

/// Format, width, height, orientation.
type Seen = Option<(Format, u32, u32, u8)>;

fn seen(info: Option<ImageInfo>) -> Seen {
    info.map(|info| (info.format, info.dimensions.width, info.dimensions.height, info.orientation))
}

/// Returns the answer for `bytes` and checks that all ways agree: in memory, by request, dimensions only,
/// from a file, and from a stream in chunks of several sizes.
#[track_caller]
fn check(bytes: &[u8]) -> Seen {
    let answer = probe(bytes);
    let (exact, _) = by_request(bytes, HeaderReader::new());
    assert_eq!(answer, exact, "request by request");
    assert_eq!(answer.map(|info| info.dimensions), dimensions(bytes), "dimensions only");

    let file = file_of(bytes);
    assert_eq!(answer, probe_file(&file).unwrap(), "from a file");
    assert_eq!(dimensions(bytes), file_dimensions(&file).unwrap(), "dimensions from a file");
    let small = if bytes.len() < 100_000 { 1 } else { 999 };
    for size in [small, small + 6, 1000, 5000, usize::MAX] {
        let mut stream = HeaderStream::new(HeaderReader::new());
        bytes.chunks(size).for_each(|chunk| stream.push(chunk));
        assert_eq!(answer, stream.finish(), "from a stream in chunks of {size}");
    }
    seen(answer)
}

/// The answer and the requests made for it.
fn by_request(bytes: &[u8], mut reader: HeaderReader) -> (Option<ImageInfo>, Vec<(u64, usize)>) {
    let mut requests = Vec::new();
    loop {
        match reader.need() {
            Need::Done(info) => return (info, requests),
            Need::Bytes { offset, len } => {
                assert!((1..=reader::MOST).contains(&len));
                requests.push((offset, len));
                let start = usize::try_from(offset).unwrap().min(bytes.len());
                reader.feed(offset, &bytes[start..bytes.len().min(start + len)]);
            }
        }
    }
}

fn file_of(bytes: &[u8]) -> File {
    use std::io::Write;
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn png_chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let crc = png::crc32(&join(&[kind, body]));
    join(&[&(body.len() as u32).to_be_bytes(), kind, body, &crc.to_be_bytes()])
}

/// Signature and header chunk.
fn png(width: u32, height: u32, rest: [u8; 5]) -> Vec<u8> {
    let body = join(&[&width.to_be_bytes(), &height.to_be_bytes(), &rest]);
    join(&[png::SIGNATURE, &png_chunk(b"IHDR", &body)])
}

const RGB: [u8; 5] = [8, 2, 0, 0, 0];

fn jpeg_segment(marker: u8, body: &[u8]) -> Vec<u8> {
    join(&[&[0xff, marker], &(body.len() as u16 + 2).to_be_bytes(), body])
}

fn jpeg_frame(width: u16, height: u16) -> Vec<u8> {
    let body =
        join(&[&[8], &height.to_be_bytes(), &width.to_be_bytes(), &[3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]]);
    jpeg_segment(0xc0, &body)
}

/// A JPEG with `segments` between its start and its frame header.
fn jpeg(segments: &[u8]) -> Vec<u8> {
    join(&[b"\xff\xd8", segments, &jpeg_frame(640, 480), b"\xff\xda\0\x0c"])
}

/// A TIFF with one directory of `entries`: tag, type, count, value.
fn tiff(big_endian: bool, entries: &[(u16, u16, u32, u32)]) -> Vec<u8> {
    let u16 = |v: u16| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
    let u32 = |v: u32| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
    let mut out = if big_endian { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
    out.extend(u32(8));
    out.extend(u16(entries.len() as u16));
    for (tag, kind, count, value) in entries {
        out.extend(u16(*tag));
        out.extend(u16(*kind));
        out.extend(u32(*count));
        match kind {
            3 => {
                out.extend(u16(*value as u16));
                out.extend([0, 0]);
            }
            _ => out.extend(u32(*value)),
        }
    }
    // The next directory is this one.
    out.extend(u32(8));
    out
}

fn exif(orientation: u32) -> Vec<u8> {
    tiff(true, &[(271, 2, 20, 60), (274, 3, 1, orientation)])
}

fn webp(kind: &[u8; 4], body: &[u8], rest: &[u8]) -> Vec<u8> {
    let size = (12 + body.len() + rest.len()) as u32;
    join(&[b"RIFF", &size.to_le_bytes(), b"WEBP", kind, &(body.len() as u32).to_le_bytes(), body, rest])
}

fn mp4_box(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    join(&[&(body.len() as u32 + 8).to_be_bytes(), kind, &body])
}

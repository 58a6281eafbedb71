//! Containers with members, and the ways to supply bytes.

use super::*;

fn icon(kind: u8, members: &[(u8, u8, u16, u32)], rest: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0, kind, 0];
    out.extend((members.len() as u16).to_le_bytes());
    for (width, height, depth, offset) in members {
        out.extend([*width, *height, 0, 0, 1, 0]);
        out.extend(depth.to_le_bytes());
        out.extend([9, 0, 0, 0]);
        out.extend(offset.to_le_bytes());
    }
    out.extend(rest);
    out
}

fn bitmap(width: i32, height: i32) -> Vec<u8> {
    join(&[&40_u32.to_le_bytes(), &width.to_le_bytes(), &(height * 2).to_le_bytes(), &[0; 28]])
}

#[test]
fn icons() {
    // The largest counts; 0 means 256 or more, so the member itself is read.
    let rest = [bitmap(16, 16), bitmap(32, 32)].concat();
    let members = [(16, 16, 32, 38), (32, 32, 32, 78)];
    assert_eq!(check(&icon(1, &members, &rest)), Some((Format::Ico, 32, 32, 1)));
    assert_eq!(check(&icon(2, &members, &rest)), Some((Format::Cur, 32, 32, 1)));
    let large = icon(1, &[(48, 48, 32, 38), (0, 0, 32, 78)], &join(&[&bitmap(48, 48), &png(512, 512, RGB)]));
    assert_eq!(check(&large), Some((Format::Ico, 512, 512, 1)));
    let depths = icon(1, &[(32, 16, 32, 38), (16, 32, 4, 78)], &[bitmap(32, 16), bitmap(16, 32)].concat());
    assert_eq!(check(&depths), Some((Format::Ico, 16, 32, 1)), "the lower depth of one area");
    let mut reserved = icon(1, &members, &rest);
    for (byte, expected) in [(0, true), (255, true), (1, false)] {
        reserved[9] = byte;
        assert_eq!(check(&reserved).is_some(), expected, "reserved byte {byte}");
    }
    // The directory alone is not reliable.
    assert_eq!(check(&icon(1, &[(16, 16, 32, 22)], b"")), None);
    assert_eq!(check(&icon(1, &[(16, 16, 32, u32::MAX)], &bitmap(16, 16))), None);
    assert_eq!(check(&icon(1, &[], &bitmap(16, 16))), None);
    let mut lie = icon(1, &[(16, 16, 32, 22)], &bitmap(16, 16));
    lie[4..6].copy_from_slice(&[0xff; 2]);
    assert_eq!(check(&lie), None);
}

pub(super) fn ispe(width: u32, height: u32) -> Vec<u8> {
    mp4_box(b"ispe", &[&[0; 4], &width.to_be_bytes(), &height.to_be_bytes()])
}

/// An AVIF whose item 2 is the primary item, with the properties `indices`.
pub(super) fn avif(properties: &[Vec<u8>], indices: &[u8]) -> Vec<u8> {
    let ftyp = mp4_box(b"ftyp", &[b"avif\0\0\0\0mif1"]);
    let meta = mp4_box(b"meta", &[&[0; 4], &items(properties, indices)]);
    join(&[&ftyp, &mp4_box(b"free", &[&[0; 5000]]), &meta, &mp4_box(b"mdat", &[b"xxxx"])])
}

pub(super) fn items(properties: &[Vec<u8>], indices: &[u8]) -> Vec<u8> {
    let associations = mp4_box(
        b"ipma",
        &[&[0; 4], &2_u32.to_be_bytes(), &[0, 1, 1, 1], &[0, 2, indices.len() as u8], indices],
    );
    join(&[
        &mp4_box(b"hdlr", &[b"\0\0\0\0\0\0\0\0pict"]),
        &mp4_box(b"pitm", &[&[0, 0, 0, 0, 0, 2]]),
        &mp4_box(b"iprp", &[&mp4_box(b"ipco", &[&properties.concat()]), &associations]),
    ])
}

#[test]
fn avif_primary_item() {
    let thumbnail_first = [ispe(10, 20), ispe(300, 200)];
    assert_eq!(check(&avif(&thumbnail_first, &[0x82])), Some((Format::Avif, 300, 200, 1)));
    assert_eq!(check(&avif(&thumbnail_first, &[0x81])), Some((Format::Avif, 10, 20, 1)));
    assert_eq!(check(&avif(&thumbnail_first, &[1, 2])), None, "two sizes of one item");
    assert_eq!(check(&avif(&thumbnail_first, &[])), None);
    assert_eq!(check(&avif(&[ispe(0, 20)], &[1])), None);
    let whole = avif(&thumbnail_first, &[0x82]);
    for cut in 0..whole.len() {
        let answer = check(&whole[..cut]);
        assert!(answer.is_none() || answer == check(&whole), "cut to {cut}");
    }
}

#[test]
fn avif_orientation() {
    // Quarter turns anticlockwise, then mirroring. Exif numbers the same eight positions.
    let expected = [(None, [1, 8, 3, 6]), (Some(0), [4, 5, 2, 7]), (Some(1), [2, 7, 4, 5])];
    for (mirror, by_rotation) in expected {
        for (rotation, orientation) in (0..).zip(by_rotation) {
            let mut properties = vec![ispe(300, 200), mp4_box(b"irot", &[&[rotation]])];
            properties.extend(mirror.map(|axis| mp4_box(b"imir", &[&[axis]])));
            assert_eq!(
                check(&avif(&properties, &[1, 0x82, 0x83])),
                Some((Format::Avif, 300, 200, orientation))
            );
        }
    }
    assert_eq!(check(&avif(&[ispe(3, 2), mp4_box(b"irot", &[&[1]])], &[1])), Some((Format::Avif, 3, 2, 1)));
}

#[test]
fn avif_needs_its_brand_and_little_metadata() {
    let mut other = avif(&[ispe(300, 200)], &[1]);
    other[8..12].copy_from_slice(b"isom");
    assert_eq!(check(&other), None);
    other[8..12].copy_from_slice(b"mif1");
    other[16..20].copy_from_slice(b"avif");
    assert_eq!(check(&other), Some((Format::Avif, 300, 200, 1)));

    let ftyp = mp4_box(b"ftyp", &[b"avif\0\0\0\0mif1"]);
    // Large metadata: a profile among the properties, and boxes that do not matter.
    let profile = mp4_box(b"colr", &[b"prof", &[0; 100_000]]);
    let large = items(&[profile, ispe(3, 2), mp4_box(b"irot", &[&[1]])], &[1, 2, 3]);
    let large = |other| mp4_box(b"meta", &[&[0; 4], &mp4_box(b"free", &[&[0; 70_000]]), &large, other]);
    assert_eq!(check(&join(&[&ftyp, &large(b"")])), Some((Format::Avif, 3, 2, 8)));
    assert_eq!(check(&join(&[&ftyp, &large(b"\0\0\0\x07free")])), Some((Format::Avif, 3, 2, 8)), "broken");
    let boxes = |count: usize| mp4_box(b"free", &[&[0; 5000]]).repeat(count);
    assert!(check(&join(&[&ftyp, &boxes(50), &large(b"")])).is_some());
    assert_eq!(check(&join(&[&ftyp, &boxes(60), &large(b"")])), None);
    for size in [0_u32, 1, 2, 7, u32::MAX] {
        assert_eq!(check(&join(&[&ftyp, &size.to_be_bytes(), b"meta", &[0xff; 40]])), None, "size {size}");
    }
    // Thousands of associations and properties in one box: the work stays linear.
    let properties: Vec<_> = (0..4000).map(|_| mp4_box(b"irot", &[&[1]])).collect();
    assert_eq!(check(&avif(&properties, &[0x7f; 255])), None);
}

#[test]
fn one_small_read_for_ordinary_images() {
    for file in [
        join(&[&png(64, 48, RGB), &png_chunk(b"IDAT", &[0; 100_000])]),
        join(&[&jpeg(&jpeg_segment(0xe1, &join(&[b"Exif\0\0", &exif(6)]))), &[0x55; 100_000]]),
        join(&[b"GIF89a\x40\0\x30\0", &[0; 100_000]]),
        webp(b"VP8L", &[0x2f, 1, 2, 3, 0], &[0; 100_000]),
    ] {
        let (answer, requests) = by_request(&file, HeaderReader::new());
        assert!(answer.is_some());
        assert_eq!(requests, [(0, 4096)]);
    }
    // The orientation may cost a read that dimensions alone do not.
    let png = join(&[&png(64, 48, RGB), &png_chunk(b"iCCP", &[7; 9000]), &png_chunk(b"eXIf", &exif(6))]);
    assert_eq!(by_request(&png, HeaderReader::new()).1.len(), 2);
    assert_eq!(by_request(&png, HeaderReader::dimensions_only()).1.len(), 1);
}

/// For any file except a JPEG, whatever it declares.
#[test]
fn no_more_than_64_kib_are_asked_for() {
    let entries: Vec<_> = (0..6000).map(|tag| (256 + u16::from(tag > 0), 4, 1, 9)).collect();
    let directory = tiff(false, &entries);
    let far = join(&[b"II*\0", &9000_u32.to_le_bytes(), &[0; 8992], &directory[8..]]);
    let boxes = mp4_box(b"free", &[&[0; 5000]]).repeat(59);
    let meta = mp4_box(b"meta", &[&[0; 4], &mp4_box(b"iprp", &[&mp4_box(b"ipma", &[&[0; 60_000]])])]);
    let members: Vec<_> = (0..3776).map(|_| (16, 16, 32, 70_000)).collect();
    let icons = join(&[&icon(1, &members, &[0; 9578]), &bitmap(16, 16)]);
    for (file, answered) in [
        (far, true),
        (icons, true),
        (join(&[&mp4_box(b"ftyp", &[b"avif\0\0\0\0mif1"]), &boxes, &meta]), false),
        (
            webp(
                b"VP8X",
                &[8, 0, 0, 0, 9, 0, 0, 9, 0, 0],
                &join(&[b"ANMF\x88\x13\0\0", &[0; 5000]]).repeat(99),
            ),
            true,
        ),
        (join(&[&png(9, 9, RGB), &png_chunk(b"tEXt", &[0; 5000]).repeat(99)]), true),
    ] {
        let seen = check(&file);
        let (_, requests) = by_request(&file, HeaderReader::new());
        assert_eq!(seen.is_some(), answered, "{requests:?}");
        assert!(requests.iter().map(|(_, len)| len).sum::<usize>() <= 64 << 10, "{seen:?}: {requests:?}");
    }
}

/// If requests are slow, many small segments come with one request, and large ones are not fetched.
#[test]
fn few_requests_and_few_bytes_of_far_files() {
    for (len, most_requests, most_bytes) in
        [(1026, 19, 1 << 20), (65_533, 16, 64 << 10), (20_000, 20, 1 << 20)]
    {
        let file = jpeg(&jpeg_segment(0xe2, &vec![7; len]).repeat((1 << 20) / (len + 20)));
        let (mut requests, mut bytes, mut reader) = (0, 0, HeaderReader::dimensions_only());
        while let Need::Bytes { offset, len } = reader.need_far() {
            let rest = &file[file.len().min(offset as usize)..];
            let answer = &rest[..rest.len().min(len)];
            reader.feed(offset, answer);
            requests += 1;
            bytes += answer.len();
        }
        assert!(reader.result().is_some());
        assert!(requests <= most_requests && bytes <= most_bytes, "{requests} requests, {bytes} bytes");
    }
}

#[test]
fn oriented_dimensions() {
    let (width, height) = (3, 2);
    for orientation in 1..=8 {
        let dimensions = Dimensions { width, height };
        let info = ImageInfo { format: Format::Jpeg, dimensions, aperture: None, orientation };
        let oriented = info.oriented_dimensions();
        let expected = if orientation < 5 { (3, 2) } else { (2, 3) };
        assert_eq!((oriented.width, oriented.height), expected);
    }
    let most = Dimensions { width: u32::MAX, height: u32::MAX };
    assert_eq!(most.pixels(), 18_446_744_065_119_617_025);
}

#[test]
fn a_caller_that_feeds_nonsense_gets_an_answer() {
    let mut reader = HeaderReader::new();
    reader.feed(5, b"x");
    assert_eq!(reader.need(), Need::Done(None));
    let mut reader = HeaderReader::new();
    reader.feed(0, b"");
    assert_eq!(reader.need(), Need::Done(None));
    reader.feed(0, b"GIF89a\x01\0\x01\0");
    assert_eq!(reader.need(), Need::Done(None));
    // More bytes than requested, from an earlier offset.
    let file = jpeg(&jpeg_segment(0xe2, &[0; 60_000]));
    let mut reader = HeaderReader::new();
    reader.feed(0, &file[..4096]);
    assert!(matches!(reader.need(), Need::Bytes { offset: 60_006, .. }));
    reader.feed(0, &file);
    assert!(matches!(reader.need(), Need::Done(Some(_))));
}

#[test]
fn the_cursor_of_a_file_stays() {
    use std::io::Seek;
    let mut file = file_of(b"GIF89a\x01\0\x01\0");
    file.seek(io::SeekFrom::Start(3)).unwrap();
    assert!(probe_file(&file).unwrap().is_some());
    assert_eq!(file.stream_position().unwrap(), 3);
    // A directory can be opened but not read: an error, not an answer.
    assert!(probe_file(&File::open(".").unwrap()).is_err());
}

/// Between large segments only the length is read, with the headers clustered after the last one.
#[test]
fn few_bytes_of_a_jpeg_with_large_segments() {
    let large = jpeg_segment(0xe2, &[7; 65_533]);
    let table = jpeg_segment(0xdb, &[1; 65]);
    let file = join(&[b"\xff\xd8", &large.repeat(3), &table, &jpeg_frame(40, 30), &[0; 2000]]);
    check(&file);
    let mut requests = Vec::new();
    let mut reader = HeaderReader::dimensions_only();
    let fed = feed_from(&mut reader, |offset, buffer| {
        requests.push((offset, buffer.len()));
        let rest = &file[file.len().min(offset as usize)..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Some(Ok(count))
    });
    assert!(fed.unwrap());
    assert_eq!(seen(reader.result()), Some((Format::Jpeg, 40, 30, 1)));
    let small: Vec<_> = (1..4).map(|n| (2 + n * 65_537, 256)).collect();
    assert_eq!(requests, [&[(0, 4096)], &small[..]].concat());
    // Without an answer the reader keeps its position.
    let mut reader = HeaderReader::dimensions_only();
    assert!(!feed_from(&mut reader, |_, _| None).unwrap());
    assert_eq!(reader.need(), Need::Bytes { offset: 0, len: 4096 });
}

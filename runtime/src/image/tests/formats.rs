//! Each format with hand-built headers.

use super::*;

#[test]
fn png_header() {
    assert_eq!(check(&png(64, 48, RGB)), Some((Format::Png, 64, 48, 1)));
    let longest = i32::MAX as u32;
    assert_eq!(check(&png(longest, 1, RGB)), Some((Format::Png, longest, 1, 1)));
    // A zero side, and the rules of the specification.
    for broken in [
        png(0, 48, RGB),
        png(64, 0, RGB),
        png(longest + 1, 1, RGB),
        png(64, 48, [3, 2, 0, 0, 0]),
        png(64, 48, [16, 3, 0, 0, 0]),
        png(64, 48, [8, 5, 0, 0, 0]),
        png(64, 48, [8, 2, 1, 0, 0]),
        png(64, 48, [8, 2, 0, 1, 0]),
        png(64, 48, [8, 2, 0, 0, 2]),
    ] {
        assert_eq!(check(&broken), None);
    }
    let good = png(64, 48, RGB);
    for at in 8..good.len() {
        let mut broken = good.clone();
        broken[at] ^= 4;
        assert_eq!(check(&broken), None, "flipped a bit of byte {at}");
    }
    assert_eq!(check(&join(&[png::SIGNATURE, &png_chunk(b"IDAT", b"x"), &good[8..]])), None);
}

#[test]
fn png_orientation() {
    let idat = png_chunk(b"IDAT", b"x");
    let with = |chunks: &[u8]| check(&join(&[&png(64, 48, RGB), chunks, &idat])).unwrap().3;
    assert_eq!(with(&png_chunk(b"eXIf", &exif(6))), 6);
    assert_eq!(with(&join(&[&png_chunk(b"iCCP", &[7; 300_000]), &png_chunk(b"eXIf", &exif(8))])), 8);
    assert_eq!(with(&join(&[&idat, &png_chunk(b"eXIf", &exif(6))])), 1, "not looked for behind the data");
    // As many chunks as fit into 64 KiB.
    let behind = |count, len| {
        with(&join(&[&png_chunk(b"tEXt", &vec![b'a'; len]).repeat(count), &png_chunk(b"eXIf", &exif(6))]))
    };
    assert_eq!((behind(4000, 0), behind(60, 5000), behind(62, 5000)), (6, 6, 1));
}

#[test]
fn jpeg_frames() {
    assert_eq!(check(&jpeg(&[])), Some((Format::Jpeg, 640, 480, 1)));
    for marker in 0xc0..=0xcf {
        let mut frame = jpeg_frame(9, 8);
        frame[1] = marker;
        let expected = (![0xc4, 0xc8, 0xcc].contains(&marker)).then_some((Format::Jpeg, 9, 8, 1));
        assert_eq!(check(&join(&[b"\xff\xd8", &frame])), expected, "marker {marker:x}");
    }
    let tables =
        [jpeg_segment(0xe0, b"JFIF\0"), jpeg_segment(0xdb, &[0; 65]), jpeg_segment(0xc4, &[0; 30])].concat();
    assert_eq!(check(&jpeg(&tables)), Some((Format::Jpeg, 640, 480, 1)));
    // Fill bytes (T.81, B.1.1.2) and stray ones.
    assert_eq!(check(&jpeg(&[0xff; 9000])), Some((Format::Jpeg, 640, 480, 1)));
    assert_eq!(
        check(&jpeg(&join(&[&jpeg_segment(0xfe, b"x"), &[0x20; 3000]]))),
        Some((Format::Jpeg, 640, 480, 1))
    );
    for stray in [0, 0xff] {
        let comment = jpeg_segment(0xfe, b"x");
        let answer = |count| check(&jpeg(&join(&[&comment, &vec![stray; count]])));
        assert_eq!(answer(65_536), Some((Format::Jpeg, 640, 480, 1)));
        assert_eq!(answer(65_537), None, "as many bytes {stray} as nobody writes");
    }
    let stuffed = |count: usize| check(&jpeg(&join(&[&jpeg_segment(0xfe, b"x"), &b"\xff\0".repeat(count)])));
    assert_eq!(stuffed(32_768), Some((Format::Jpeg, 640, 480, 1)));
    assert_eq!(stuffed(32_769), None);
    // Stray bytes do not count as steps, however they are split.
    let many = join(&[&jpeg_segment(0xfe, b"").repeat(1000), &[0x20; 65_000]]);
    assert_eq!(check(&jpeg(&many)), Some((Format::Jpeg, 640, 480, 1)));
    // The first of two frame headers counts.
    assert_eq!(check(&jpeg(&jpeg_frame(1, 2))), Some((Format::Jpeg, 1, 2, 1)));
}

#[test]
fn jpeg_refusals() {
    let empty = |width, height| join(&[b"\xff\xd8", &jpeg_frame(width, height)]);
    assert_eq!(check(&empty(0, 480)), None);
    assert_eq!(check(&empty(640, 0)), None);
    for segment in [&b"\xff\xe0\0\0"[..], b"\xff\xe0\0\x01", b"\xff\x02", b"\xff\xd9", b"\xff\xda\0\x0c"] {
        assert_eq!(check(&jpeg(segment)), None, "{segment:x?}");
    }
    let mut frame = jpeg_frame(640, 480);
    frame[9] = 4;
    assert_eq!(check(&join(&[b"\xff\xd8", &frame])), None, "length and number of components disagree");
    let whole = join(&[b"\xff\xd8", &jpeg_frame(640, 480)]);
    for cut in 0..whole.len() {
        let answer = check(&whole[..cut]);
        assert!(answer.is_none() || answer == check(&whole), "cut to {cut}");
    }
}

/// Phones write megabytes of depth maps and other pictures before the frame.
#[test]
fn jpeg_segments_are_counted_and_not_their_bytes() {
    let segment = jpeg_segment(0xe2, &[0; 65_533]);
    let segments = |count: usize| jpeg(&segment.repeat(count));
    for count in [15, 40, 320] {
        assert_eq!(check(&segments(count)), Some((Format::Jpeg, 640, 480, 1)));
    }
    let (_, requests) = by_request(&segments(40), HeaderReader::new());
    assert!(requests.len() <= 42, "it hops: {requests:?}");
    let small = |count: usize| check(&jpeg(&jpeg_segment(0xe2, b"").repeat(count)));
    assert_eq!((small(1024).is_some(), small(1025)), (true, None));
    // The maximum number of segments of the maximum size.
    let (answer, requests) = by_request(&segments(1100), HeaderReader::new());
    assert_eq!(answer, None);
    assert!(requests.len() <= 1026, "{}", requests.len());
}

#[test]
fn jpeg_orientation() {
    let app1 = |tiff: &[u8]| jpeg_segment(0xe1, &join(&[b"Exif\0\0", tiff]));
    let with = |segments: &[u8]| {
        let (_, width, height, orientation) = check(&jpeg(segments)).unwrap();
        assert_eq!((width, height), (640, 480));
        orientation
    };
    for orientation in 1..=8 {
        assert_eq!(with(&app1(&exif(orientation.into()))), orientation);
        let little = tiff(false, &[(274, 3, 1, orientation.into())]);
        assert_eq!(with(&app1(&little)), orientation);
    }
    for bad in [0, 9, 65_535] {
        assert_eq!(with(&app1(&exif(bad))), 1);
    }
    let xmp = jpeg_segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>");
    assert_eq!(with(&join(&[&xmp, &app1(&exif(6)), &app1(&exif(3))])), 6, "the first one counts");
    // Absurd offsets, counts and types.
    let mut far = exif(6);
    far[4..8].copy_from_slice(&[0xff; 4]);
    assert_eq!(with(&app1(&far)), 1);
    let mut outside = exif(6);
    outside[4..8].copy_from_slice(&60_u32.to_be_bytes());
    assert_eq!(with(&join(&[&app1(&outside), &exif(3)])), 1, "a directory behind the segment");
    let mut count = exif(6);
    count[8..10].copy_from_slice(&[0xff; 2]);
    assert_eq!(with(&app1(&count)), 6, "more entries promised than there are");
    for kind in [1, 3, 4, 6, 8, 9] {
        let value = if kind == 1 || kind == 6 { 6 << 24 } else { 6 };
        let value = if kind == 8 { 6 << 16 } else { value };
        assert_eq!(with(&app1(&tiff(true, &[(274, kind, 1, value)]))), 6, "a number of type {kind}");
    }
    assert_eq!(with(&app1(&tiff(true, &[(274, 3, 2, 6)]))), 6, "two numbers, of which the first counts");
    assert_eq!(with(&app1(&tiff(true, &[(274, 3, 3, 6)]))), 1, "three that are elsewhere");
    assert_eq!(with(&app1(&join(&[b"Exif\0\0", &exif(6)]))), 6, "the prefix stands there twice");
    assert_eq!(with(&app1(&tiff(true, &[(274, 5, 1, 6)]))), 1);
    assert_eq!(with(&app1(&tiff(true, &[(274, 4, 1, 6)]))), 6);
    assert_eq!(with(&app1(b"MM\0*")), 1);
    assert_eq!(with(&app1(b"")), 1);
}

#[test]
fn gif() {
    let screen = |version: &[u8], width: u16, height: u16| {
        check(&join(&[
            version,
            &width.to_le_bytes(),
            &height.to_le_bytes(),
            b"\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02",
        ]))
    };
    assert_eq!(screen(b"GIF87a", 3, 4), Some((Format::Gif, 3, 4, 1)));
    assert_eq!(screen(b"GIF89a", 65_535, 1), Some((Format::Gif, 65_535, 1, 1)));
    assert_eq!(screen(b"GIF89a", 0, 1), None);
    assert_eq!(screen(b"GIF88a", 3, 4), None);
    assert_eq!(check(b"GIF89a\x01\0\x01"), None);
}

#[test]
fn webp_lossy() {
    let frame = |width: u16, height: u16| {
        join(&[&[0x10, 0, 0, 0x9d, 0x01, 0x2a], &width.to_le_bytes(), &height.to_le_bytes()])
    };
    assert_eq!(check(&webp(b"VP8 ", &frame(300, 200), b"")), Some((Format::WebP, 300, 200, 1)));
    assert_eq!(
        check(&webp(b"VP8 ", &frame(300 | 0xc000, 16_383), b"")),
        Some((Format::WebP, 300, 16_383, 1))
    );
    assert_eq!(check(&webp(b"VP8 ", &frame(0, 200), b"")), None);
    let mut other = frame(300, 200);
    other[0] |= 1;
    assert_eq!(check(&webp(b"VP8 ", &other, b"")), None, "not a key frame");
    other[0] &= !1;
    other[3] = 0;
    assert_eq!(check(&webp(b"VP8 ", &other, b"")), None, "no start code");
}

#[test]
fn webp_lossless() {
    let frame = |width: u32, height: u32| join(&[&[0x2f], &((width - 1) | (height - 1) << 14).to_le_bytes()]);
    assert_eq!(check(&webp(b"VP8L", &frame(300, 200), b"")), Some((Format::WebP, 300, 200, 1)));
    // The largest side.
    assert_eq!(check(&webp(b"VP8L", &frame(16_384, 16_384), b"")), Some((Format::WebP, 16_384, 16_384, 1)));
    assert_eq!(check(&webp(b"VP8L", &frame(1, 1), b"")), Some((Format::WebP, 1, 1, 1)));
    let mut version = frame(1, 1);
    version[4] |= 0x20;
    assert_eq!(check(&webp(b"VP8L", &version, b"")), None);
    assert_eq!(check(&webp(b"VP8L", &[0x2e, 0, 0, 0, 0], b"")), None);
}

#[test]
fn webp_extended() {
    let canvas = |flags: u8, width: u32, height: u32| {
        join(&[&[flags, 0, 0, 0], &(width - 1).to_le_bytes()[..3], &(height - 1).to_le_bytes()[..3]])
    };
    let chunk = |kind: &[u8], body: &[u8]| {
        join(&[kind, &(body.len() as u32).to_le_bytes(), body, &vec![0; body.len() & 1]])
    };
    assert_eq!(check(&webp(b"VP8X", &canvas(0, 1 << 24, 255), b"")), Some((Format::WebP, 1 << 24, 255, 1)));
    assert_eq!(check(&webp(b"VP8X", &canvas(0, 1 << 24, 256), b"")), None, "the product has 32 bits");
    let rest = [chunk(b"ICCP", &[1; 5001]), chunk(b"VP8 ", &[2; 70_001]), chunk(b"EXIF", &exif(6))].concat();
    assert_eq!(check(&webp(b"VP8X", &canvas(8, 300, 200), &rest)), Some((Format::WebP, 300, 200, 6)));
    assert_eq!(
        check(&webp(b"VP8X", &canvas(0, 300, 200), &rest)),
        Some((Format::WebP, 300, 200, 1)),
        "no flag"
    );
    let prefixed = chunk(b"EXIF", &join(&[b"Exif\0\0", &exif(5)]));
    assert_eq!(check(&webp(b"VP8X", &canvas(8, 300, 200), &prefixed)), Some((Format::WebP, 300, 200, 5)));
    // As many frames as fit into 64 KiB.
    let behind = |count, len| {
        let rest = [chunk(b"ANMF", &vec![0; len]).repeat(count), chunk(b"EXIF", &exif(6))].concat();
        check(&webp(b"VP8X", &canvas(8, 300, 200), &rest)).unwrap().3
    };
    assert_eq!((behind(300, 100), behind(59, 70_000), behind(10_000, 100)), (6, 6, 1));
    let huge = join(&[b"ICCP", &[0xff; 4]]);
    assert_eq!(check(&webp(b"VP8X", &canvas(8, 300, 200), &huge)), Some((Format::WebP, 300, 200, 1)));
}

#[test]
fn bmp() {
    let info = |size: u32, width: i32, height: i32| {
        check(&join(&[b"BM", &[0; 12], &size.to_le_bytes(), &width.to_le_bytes(), &height.to_le_bytes()]))
    };
    for size in [40, 52, 56, 64, 108, 124] {
        assert_eq!(info(size, 16, 8), Some((Format::Bmp, 16, 8, 1)));
    }
    // Negative heights.
    assert_eq!(info(40, 16, -8), Some((Format::Bmp, 16, 8, 1)));
    assert_eq!(info(40, 16, i32::MIN), Some((Format::Bmp, 16, 1 << 31, 1)));
    assert_eq!(info(40, -16, 8), None);
    assert_eq!(info(40, 0, 8), None);
    assert_eq!(info(41, 16, 8), None);
    let core = join(&[b"BM", &[0; 12], &12_u32.to_le_bytes(), &16_u16.to_le_bytes(), &8_u16.to_le_bytes()]);
    assert_eq!(check(&core), Some((Format::Bmp, 16, 8, 1)));
    assert_eq!(check(b"BMW builds cars and motorcycles."), None);
}

#[test]
fn tiff_directories() {
    for big_endian in [false, true] {
        let sides = tiff(big_endian, &[(256, 3, 1, 300), (257, 4, 1, 200), (274, 3, 1, 7)]);
        assert_eq!(check(&sides), Some((Format::Tiff, 300, 200, 7)));
        let bytes = tiff(big_endian, &[(256, 4, 1, 70_000), (257, 4, 1, 2), (256, 3, 1, 1)]);
        assert_eq!(check(&bytes), Some((Format::Tiff, 70_000, 2, 1)), "the first of two counts");
        for entries in
            [&[(256, 4, 1, 300)][..], &[(256, 4, 1, 0), (257, 4, 1, 1)], &[(256, 4, 2, 3), (257, 4, 1, 1)]]
        {
            assert_eq!(check(&tiff(big_endian, entries)), None);
        }
    }
    assert_eq!(check(b"II*\0\x08\0\0\0\0\0\x08\0\0\0"), None, "an empty directory that points at itself");
    assert_eq!(check(b"II*\0\0\0\0\0\0\0\0\0"), None);
    assert_eq!(check(b"II*\0\xff\xff\xff\xff"), None);
    // The directory at the end of a large file, where most writers put it.
    let end = tiff(false, &[(256, 4, 1, 300), (257, 4, 1, 200)]);
    let file = join(&[b"II*\0", &100_008_u32.to_le_bytes(), &[0; 100_000], &end[8..]]);
    assert_eq!(check(&file), Some((Format::Tiff, 300, 200, 1)));
    assert_eq!(by_request(&file, HeaderReader::new()).1.len(), 2);
}

#[test]
fn big_tiff() {
    let mut file = join(&[b"MM\0+\0\x08\0\0", &16_u64.to_be_bytes(), &2_u64.to_be_bytes()]);
    for (tag, kind, value) in [(256_u16, 4_u16, 300_u64 << 32), (257, 16, 200)] {
        file.extend(join(&[
            &tag.to_be_bytes(),
            &kind.to_be_bytes(),
            &1_u64.to_be_bytes(),
            &value.to_be_bytes(),
        ]));
    }
    assert_eq!(check(&file), Some((Format::Tiff, 300, 200, 1)));
    file[8..16].copy_from_slice(&[0xff; 8]);
    assert_eq!(check(&file), None);
    file[8..16].copy_from_slice(&16_u64.to_be_bytes());
    file[16..24].copy_from_slice(&[0xff; 8]);
    assert_eq!(check(&file), None);
}

//! Files as phones, cameras and other programs write them, each made here.

use super::sources::{avif, ispe, items};
use super::*;

fn property(kind: &[u8; 4], numbers: &[u32]) -> Vec<u8> {
    mp4_box(kind, &[&numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>()])
}

#[test]
fn heif_has_the_dimensions_of_its_primary_item() {
    for brand in [b"heic", b"heix", b"heim", b"mif1"] {
        // A tile, and the grid of tiles, turned by a quarter.
        let properties = [ispe(512, 512), ispe(4032, 3024), mp4_box(b"irot", &[&[3]])];
        let mut file = avif(&properties, &[0x82, 0x83]);
        file[8..12].copy_from_slice(brand);
        file[16..20].copy_from_slice(b"heic");
        assert_eq!(check(&file), Some((Format::Heif, 4032, 3024, 6)), "{brand:?}");
        assert_eq!(probe(&file).unwrap().oriented_dimensions(), Dimensions { width: 3024, height: 4032 });
        assert_eq!(crate::inspect::sniff(&file), Some("image/heic"));
    }
}

/// A track header in its shorter and its longer version.
fn track(long: bool, matrix: [i32; 4], width: u32, height: u32) -> Vec<u8> {
    let [a, b, c, d] = matrix.map(|number| (number << 16).cast_unsigned());
    let matrix = [a, b, 0, c, d, 0, 0, 0, 1 << 30];
    let mut body = vec![u8::from(long), 0, 0, 7];
    body.extend(vec![0; if long { 32 + 16 } else { 20 + 16 }]);
    body.extend(
        [matrix.as_slice(), &[width << 16, height << 16]].concat().iter().flat_map(|n| n.to_be_bytes()),
    );
    mp4_box(b"tkhd", &[&body])
}

#[test]
fn a_sequence_without_a_still_image_has_the_dimensions_of_its_first_track() {
    const UPRIGHT: [i32; 4] = [1, 0, 0, 1];
    let ftyp = mp4_box(b"ftyp", &[b"hevc\0\0\0\0msf1"]);
    for long in [false, true] {
        for (matrix, orientation) in
            [(UPRIGHT, 1), ([0, 1, -1, 0], 6), ([-1, 0, 0, -1], 3), ([0, -1, 1, 0], 8), ([9, 9, 9, 9], 1)]
        {
            let sound = mp4_box(b"trak", &[&track(long, UPRIGHT, 0, 0), &mp4_box(b"mdia", &[&[0; 99]])]);
            let film = mp4_box(b"trak", &[&mp4_box(b"free", &[]), &track(long, matrix, 640, 480)]);
            let other = mp4_box(b"trak", &[&track(long, UPRIGHT, 1, 1)]);
            let movie = mp4_box(b"moov", &[&mp4_box(b"mvhd", &[&[0; 100]]), &sound, &film, &other]);
            let data = mp4_box(b"mdat", &[&[0; 9000]]);
            let expected = Some((Format::Heif, 640, 480, orientation));
            assert_eq!(check(&join(&[&ftyp, &movie, &data])), expected);
            assert_eq!(check(&join(&[&ftyp, &data, &movie])), expected);
            let open = join(&[&[0; 4], b"mdat", &[7; 500]]);
            assert_eq!(check(&join(&[&ftyp, &movie, &open])), expected, "data to the end of the file");
            // A still image counts wherever it is.
            let meta = mp4_box(b"meta", &[&[0; 4], &items(&[ispe(30, 20)], &[1])]);
            for parts in [[&meta[..], &movie], [&movie, &meta]] {
                assert_eq!(check(&join(&[&ftyp, &parts.concat()])), Some((Format::Heif, 30, 20, 1)));
            }
        }
    }
}

#[test]
fn metadata_that_goes_on_to_the_end_of_the_file_is_read() {
    let ftyp = mp4_box(b"ftyp", &[b"avif\0\0\0\0mif1"]);
    let inner = join(&[&[0; 4], &items(&[ispe(33, 11)], &[1])]);
    let open = join(&[&ftyp, &[0; 4], b"meta", &inner]);
    assert_eq!(check(&open), Some((Format::Avif, 33, 11, 1)));
    assert_eq!(check(&join(&[&open, &mp4_box(b"free", &[b"x"])])), Some((Format::Avif, 33, 11, 1)));
    let long = join(&[&1_u32.to_be_bytes(), b"meta", &(inner.len() as u64 + 16).to_be_bytes(), &inner]);
    assert_eq!(check(&join(&[&ftyp, &long])), Some((Format::Avif, 33, 11, 1)), "a length of 64 bits");
}

#[test]
fn the_clean_aperture_is_what_is_shown() {
    let aperture = |numbers: [u32; 8]| property(b"clap", &numbers);
    let shown = |file: &[u8]| {
        check(file);
        probe(file).unwrap().oriented_dimensions()
    };
    let crop = aperture([330, 1, 385, 1, 103, 1, 308, 1]);
    let turned = avif(&[ispe(722, 1024), crop.clone(), mp4_box(b"irot", &[&[1]])], &[1, 2, 3]);
    assert_eq!(shown(&turned), Dimensions { width: 385, height: 330 });
    assert_eq!(probe(&turned).unwrap().dimensions, Dimensions { width: 722, height: 1024 }, "as stored");
    let upright = avif(&[ispe(722, 1024), crop], &[1, 2]);
    assert_eq!(shown(&upright), Dimensions { width: 330, height: 385 });
    for nonsense in [[1, 0, 1, 1, 0, 1, 0, 1], [0, 1, 9, 1, 0, 1, 0, 1], [5000, 1, 9, 1, 0, 1, 0, 1]] {
        let file = avif(&[ispe(722, 1024), aperture(nonsense)], &[1, 2]);
        assert_eq!(shown(&file), Dimensions { width: 722, height: 1024 }, "{nonsense:?}");
    }
    let cut = avif(&[ispe(722, 1024), property(b"clap", &[330, 1, 385])], &[1, 2]);
    assert_eq!(shown(&cut), Dimensions { width: 722, height: 1024 });
}

#[test]
fn png_of_an_ios_application() {
    let plain = png(64, 48, RGB);
    let apple =
        |rest: &[u8]| join(&[png::SIGNATURE, &png_chunk(b"CgBI", b"\x50\0\x20\x02"), &plain[8..], rest]);
    assert_eq!(check(&apple(b"")), Some((Format::Png, 64, 48, 1)));
    assert_eq!(check(&apple(&png_chunk(b"eXIf", &exif(6)))), Some((Format::Png, 64, 48, 6)));
    let mut broken = apple(b"");
    broken[40] ^= 1;
    assert_eq!(check(&broken), None, "its header has a checksum as well");
}

/// Concatenates directories and passes their offsets to the function that makes them.
fn directories(
    mark: &[u8],
    count: usize,
    make: impl Fn(usize, &[u32]) -> Vec<(u16, u16, u32, u32)>,
) -> Vec<u8> {
    let first = 8 + mark.len() as u32;
    let mut offsets = vec![first; count];
    // Twice: the first pass only measures lengths.
    for _ in 0..2 {
        let mut at = first;
        for (index, offset) in offsets.clone().iter().enumerate() {
            debug_assert!(*offset >= first);
            offsets[index] = at;
            at += tiff(false, &make(index, &offsets)).len() as u32 - 8;
        }
    }
    let bodies: Vec<_> =
        (0..count).flat_map(|index| tiff(false, &make(index, &offsets))[8..].to_vec()).collect();
    join(&[b"II*\0", &first.to_le_bytes(), mark, &bodies])
}

#[test]
fn raw_files_have_the_dimensions_of_the_picture_and_not_of_its_preview() {
    let sides =
        |kind: u32, width: u32, height: u32| vec![(254, 4, 1, kind), (256, 4, 1, width), (257, 4, 1, height)];
    // A preview, one more, and the picture: NEF and DNG.
    let several = directories(b"", 3, |index, offsets| match index {
        // The two offsets, written after everything below.
        0 => [sides(1, 160, 120), vec![(274, 3, 1, 8), (330, 4, 2, 0)]].concat(),
        1 => [sides(1, 1620, 1080), vec![(513, 4, 1, offsets[0])]].concat(),
        _ => sides(0, 6016, 4016),
    });
    let with_offsets = |order: [u32; 2]| {
        let mut file = several.clone();
        let at = file.windows(8).position(|entry| entry == b"\x4a\x01\x04\0\x02\0\0\0").unwrap();
        let end = file.len() as u32;
        file[at + 8..at + 12].copy_from_slice(&end.to_le_bytes());
        file.extend(order.iter().flat_map(|offset| offset.to_le_bytes()));
        file
    };
    let [one, two] = {
        let lens: Vec<u32> = [5, 4, 3].iter().map(|entries| 2 + entries * 12 + 4).collect();
        [8 + lens[0], 8 + lens[0] + lens[1]]
    };
    // When a stream reaches their offsets, the directories are already past, so they are not read.
    let file = with_offsets([one, two]);
    assert_eq!(seen(probe(&file)), Some((Format::Tiff, 6016, 4016, 8)));
    assert_eq!(seen(probe(&with_offsets([two, one]))), Some((Format::Tiff, 6016, 4016, 8)));
    assert_eq!(seen(probe_file(&file_of(&file)).unwrap()), Some((Format::Tiff, 6016, 4016, 8)));

    let one = directories(b"", 2, |index, offsets| match index {
        0 => [sides(1, 256, 171), vec![(330, 4, 1, offsets[1])]].concat(),
        _ => sides(0, 5212, 3468),
    });
    assert_eq!(check(&one), Some((Format::Tiff, 5212, 3468, 1)));
    // If the directories below are not of a picture, there are no dimensions; those of the preview do not
    // count.
    let none = directories(b"", 2, |index, offsets| match index {
        0 => [sides(1, 256, 171), vec![(330, 4, 1, offsets[1])]].concat(),
        _ => sides(1, 52, 34),
    });
    assert_eq!(check(&none), None);
    // A full picture with smaller copies below, and a single preview.
    let pyramid = directories(b"", 2, |index, offsets| match index {
        0 => [sides(0, 5212, 3468), vec![(330, 4, 1, offsets[1])]].concat(),
        _ => sides(1, 52, 34),
    });
    assert_eq!(check(&pyramid), Some((Format::Tiff, 5212, 3468, 1)));
    assert_eq!(check(&tiff(false, &sides(1, 160, 120))), Some((Format::Tiff, 160, 120, 1)));

    // A CR2: the first directory is of a preview, which may be as large as the picture.
    for (preview, expected) in [((1536, 1024), (3456, 2304)), ((5616, 3744), (5616, 3744))] {
        let canon = directories(b"CR\x02\0\0\0\0\0", 2, |index, offsets| match index {
            0 => vec![
                (256, 4, 1, preview.0),
                (257, 4, 1, preview.1),
                (274, 3, 1, 6),
                (34_665, 4, 1, offsets[1]),
            ],
            _ => vec![(40_962, 4, 1, 3456), (40_963, 4, 1, 2304)],
        });
        assert_eq!(check(&canon), Some((Format::Tiff, expected.0, expected.1, 6)));
    }
}

/// A `mini` file with these bits followed by `rest`. `len` is the declared box length in bytes; `None` for
/// the real length.
fn mini(digits: &str, rest: usize, len: Option<u32>) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|digit| *digit != b' ').map(|digit| digit - b'0').collect();
    let pack = |bits: &[u8]| (0..8).fold(0, |byte, at| byte << 1 | bits.get(at).copied().unwrap_or(0));
    let content: Vec<u8> = digits.chunks(8).map(pack).chain(std::iter::repeat_n(7, rest)).collect();
    let len = len.unwrap_or(content.len() as u32 + 8);
    join(&[b"\0\0\0\x10ftypmif3avif", &len.to_be_bytes(), b"mini", &content])
}

/// 4:2:0, turned by a quarter, 64 x 48, 8 bits; short lengths: 4 bytes of configuration, 10 of the image.
const PLAIN: &str = "00 000000 000 01 101 0 0111111 0101111 00 0 0 0 100 000000000001001";

#[test]
fn the_minimized_form_has_its_dimensions_in_bits() {
    let whole = mini(PLAIN, 14, None);
    assert_eq!(check(&whole), Some((Format::Avif, 64, 48, 6)));
    assert_eq!(check(&join(&[&whole, b"behind it"])), Some((Format::Avif, 64, 48, 6)));
    // Types, alpha, colour codes, a profile, Exif and XMP; 4:4:4, large sides, 10 bits, long lengths.
    let all = [
        "00 1 0 1 1 1 0 1 1 1 11 000 1 000111111111111 000011111111111 1 001 0",
        "00000001 00001101 00000110",
        "01100001 01110110 00110000 00110001 01100001 01110110 00110001 01000011",
        "1 1 1",
        "00000000000000000100 000000000100 0000000000000000000000001001 0000000000000000000000000110",
        "000000000011 0 00000000000000000001 00000000000000000010",
    ];
    let all = mini(&all.concat(), 5 + 4 + 10 + 6 + 3 + 2 + 3, None);
    assert_eq!(check(&all), Some((Format::Avif, 4096, 2048, 1)));
    for matrix in ["", "00000110"] {
        let grey = format!(
            "00 000010 000 00 000 0 0111111 0101111 0 00000001 00001101 {matrix} 0 0 100 000000000001001"
        );
        assert_eq!(check(&mini(&grey, 14, None)), Some((Format::Avif, 64, 48, 1)), "{matrix}");
    }
}

#[test]
fn a_minimized_form_that_does_not_add_up_is_no_image() {
    for wrong in [0, 1, 8, 9, 28, 30, 0x1020, u32::MAX] {
        assert_eq!(check(&mini(PLAIN, 14, Some(wrong))), None, "{wrong}");
    }
    let whole = mini(PLAIN, 14, None);
    for cut in 16..whole.len() - 14 {
        assert_eq!(check(&whole[..cut]), None, "cut to {cut}");
    }
    let flags = |flags: &str| check(&mini(&format!("{flags}{}", &PLAIN[9..]), 14, None));
    assert!(flags("00 000000").is_some());
    assert_eq!(flags("01 000000"), None, "another version");
    assert_eq!(flags("00 000001"), None, "high dynamic range");
    for text in ["<html><body>hello</body></html>", "1 2 3 4 5 6 7 8 9", "a text about the mini box"] {
        for text in [text.to_owned(), text.repeat(200)] {
            for len in [0, 0x1020, text.len() as u32 + 8] {
                let head = b"\0\0\0\x10ftypmif3avif";
                let file = join(&[head, &len.to_be_bytes(), b"mini", text.as_bytes()]);
                assert_eq!(check(&file), None, "{text}");
            }
        }
    }
}

#[test]
fn directories_that_lead_to_each_other_end() {
    let circle = directories(b"", 2, |_, offsets| {
        vec![(254, 4, 1, 1), (256, 4, 1, 9), (257, 4, 1, 9), (330, 4, 1, offsets[0])]
    });
    assert_eq!(check(&circle), None);
    let many = tiff(false, &[(254, 4, 1, 1), (256, 4, 1, 9), (257, 4, 1, 9), (330, 4, u32::MAX, 8)]);
    assert_eq!(check(&many), None);
}

/// Whatever is changed in a file, every way to its dimensions gives the same answer, and none panics.
#[test]
fn changed_files_have_one_answer() {
    let heif = avif(&[ispe(512, 512), property(b"clap", &[9, 1, 9, 1, 0, 1, 0, 1])], &[1, 2]);
    let sequence = join(&[
        &mp4_box(b"ftyp", &[b"hevc\0\0\0\0msf1"]),
        &mp4_box(b"moov", &[&mp4_box(b"trak", &[&track(true, [0, 1, -1, 0], 640, 480)])]),
    ]);
    let raw = directories(b"CR\x02\0\0\0\0\0", 2, |index, offsets| match index {
        0 => vec![(256, 4, 1, 1536), (257, 4, 1, 1024), (34_665, 4, 1, offsets[1])],
        _ => vec![(40_962, 4, 1, 3456), (40_963, 4, 1, 2304)],
    });
    let below = directories(b"", 2, |index, offsets| match index {
        0 => vec![(254, 4, 1, 1), (256, 4, 1, 9), (257, 4, 1, 9), (330, 4, 1, offsets[1])],
        _ => vec![(254, 4, 1, 0), (256, 4, 1, 90), (257, 4, 1, 90)],
    });
    let jpeg = jpeg(&jpeg_segment(0xe1, &join(&[b"Exif\0\0Exif\0\0", &exif(6)])));
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for original in [heif, sequence, raw, below, jpeg, mini(PLAIN, 14, None)] {
        for _ in 0..300 {
            let mut file = original.clone();
            for _ in 0..1 + random(3) {
                let at = random(file.len());
                file[at] = [0, 1, 0x7f, 0x80, 0xff, random(256) as u8][random(6)];
            }
            file.truncate(file.len() - random(3) * random(20));
            let answer = probe(&file);
            assert_eq!(answer, by_request(&file, HeaderReader::new()).0);
            assert_eq!(answer.map(|info| info.dimensions), dimensions(&file));
        }
    }
}

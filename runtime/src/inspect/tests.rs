#![allow(clippy::unwrap_used)]

use super::*;
use std::io::{Seek, Write};

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// Returns the outcome for `bytes` and checks that chunks of every size and a file agree.
#[track_caller]
fn inspect(rules: &Rules, bytes: &[u8]) -> Result<Inspection> {
    let mut outcomes = Vec::new();
    for size in [1, 13, 4095, 4096, 100_000] {
        let (mut inspector, result) = Inspector::new(rules.clone());
        let shown = bytes.chunks(size).try_for_each(|chunk| inspector.update(chunk));
        // A storage that ignores the first error gets it again.
        let finished = inspector.finish();
        assert!(finished.is_err() || shown.is_ok());
        assert_eq!(result.get().is_some(), finished.is_ok());
        outcomes.push(shown.and(finished).map(|()| result.get().unwrap().clone()));
    }
    let mut file = file_of(bytes);
    file.seek(std::io::SeekFrom::Start(1)).unwrap();
    let (inspector, result) = Inspector::new(rules.clone());
    outcomes.push(inspector.inspect_file(&file).map(|()| result.get().unwrap().clone()));
    assert_eq!(file.stream_position().unwrap(), 1);

    let last = outcomes.pop().unwrap();
    for outcome in outcomes {
        match (&outcome, &last) {
            (Ok(one), Ok(other)) => assert_eq!(one, other),
            (Err(one), Err(other)) => assert_eq!(one.kind(), other.kind()),
            _ => panic!("{outcome:?} but {last:?}"),
        }
    }
    last
}

#[test]
fn everything_in_one_pass() {
    let mut bytes = b"GIF89a\x40\0\x30\0\0\0\0,\0\0\0\0\x40\0\x30\0\0\x02".to_vec();
    bytes.resize(200_000, 7);
    let rules = Rules {
        max_size: Some(200_000),
        accept: &["image/gif"],
        checksum: true,
        dimensions: true,
        ..Rules::default()
    };
    let seen = inspect(&rules, &bytes).unwrap();
    assert_eq!(seen.size, 200_000);
    assert_eq!(seen.content_type, Some("image/gif"));
    assert_eq!(seen.sha256, Some(Sha256::digest(&bytes).into()));
    assert_eq!(seen.dimensions, Some(Dimensions { width: 64, height: 48 }));
    assert_eq!(seen.orientation, Some(1));
}

#[test]
fn nothing_but_what_was_asked_for() {
    let seen = inspect(&Rules::default(), b"GIF89a\x40\0\x30\0").unwrap();
    let expected = Inspection { size: 10, content_type: Some("image/gif"), ..Inspection::default() };
    assert_eq!(seen, expected);
    assert_eq!(inspect(&Rules::default(), b"").unwrap(), Inspection::default());
    let empty = inspect(&Rules { checksum: true, dimensions: true, ..Rules::default() }, b"").unwrap();
    assert_eq!(empty.sha256, Some(Sha256::digest(b"").into()));
    assert_eq!((empty.dimensions, empty.orientation), (None, None));
}

#[test]
fn needs_all_bytes_for_the_checksum_only() {
    let all = Rules { max_size: Some(1), accept: &["image/*"], dimensions: true, ..Rules::default() };
    assert!(!Inspector::new(all).0.needs_all_bytes());
    assert!(Inspector::new(Rules { checksum: true, ..Rules::default() }).0.needs_all_bytes());
}

#[test]
fn too_large() {
    let rules = Rules { max_size: Some(5000), ..Rules::default() };
    assert_eq!(inspect(&rules, &[b'x'; 5000]).unwrap().size, 5000);
    let error = inspect(&rules, &[b'x'; 5001]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_eq!(error.to_string(), "the content has 5001 bytes, the limit is 5000 bytes");
    let (mut inspector, _) = Inspector::new(Rules { max_size: Some(3), ..Rules::default() });
    inspector.update(b"123").unwrap();
    let error = inspector.update(b"4").unwrap_err();
    assert_eq!(error.to_string(), "the content has at least 4 bytes, the limit is 3 bytes");
    assert_eq!(inspect(&Rules { max_size: Some(0), ..Rules::default() }, b"").unwrap().size, 0);
}

#[test]
fn not_accepted() {
    let rules = Rules { accept: &["image/png", "image/*"], ..Rules::default() };
    assert!(inspect(&rules, b"GIF89a\x40\0\x30\0").is_ok());
    for (bytes, found) in [
        (&b""[..], "unknown"),
        (b"\x01\x02\x03", "unknown"),
        (b"<?php system($_GET[0]);", "text/plain"),
        (b"<svg onload='alert(1)'/>", "image/svg+xml"),
        (b"%PDF-1.4", "application/pdf"),
        (&[b'x'; 9000], "text/plain"),
    ] {
        let error = inspect(&rules, bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotAccepted);
        let expected = format!("the type of the content is {found}, accepted are image/png, image/*");
        assert_eq!(error.to_string(), expected);
        let to_visitor = match bytes {
            b"" => "The file is empty.",
            _ => "Files of this type are not accepted. Accepted types: image/png, image/*.",
        };
        assert_eq!(error.message(), to_visitor);
    }
    // As soon as the prefix is complete, not only at the end.
    let (mut inspector, _) = Inspector::new(rules);
    inspector.update(&[b'x'; SNIFF_LEN - 1]).unwrap();
    assert_eq!(inspector.update(b"x").unwrap_err().kind(), ErrorKind::NotAccepted);
}

#[test]
fn allow_lists() {
    let rules = &["image/*", "Application/PDF"];
    for good in ["image/png", "IMAGE/x-foo", "application/pdf"] {
        assert!(accepts(rules, good), "{good}");
    }
    for bad in [
        "",
        "/",
        "image",
        "image/",
        "/png",
        "image/*",
        "image/png;q=1",
        "image/png, text/html",
        "image/png\n",
        " image/png",
        "text/html;image/png",
        "application/pdf ",
        "application/pdfx",
        "image/svg+xml",
        "image/SVG+xml",
        "ximage/png",
    ] {
        assert!(!accepts(rules, bad), "{bad:?}");
    }
    assert!(accepts(&["image/svg+xml"], "image/svg+xml"));
    assert!(!accepts(&[], "image/png"));
    assert!(!accepts(&["*/*"], "image/png"), "only subtypes have wildcards");
}

#[test]
fn signatures() {
    let mp3_frame = [&b"\xff\xfb\x90\x00"[..], &[0; 413]].concat();
    let mp3 = mp3_frame.repeat(2);
    let ogg = |packet: &[u8]| [b"OggS\0\x02", &[0; 20][..], b"\x01\x1e", packet].concat();
    let cases: &[(&[u8], Option<&str>)] = &[
        (b"\x89PNG\r\n\x1a\n", Some("image/png")),
        (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
        (b"GIF87a", Some("image/gif")),
        (b"RIFF\x10\0\0\0WEBPVP8L", Some("image/webp")),
        (b"BM\x10\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", Some("image/bmp")),
        (b"II*\0\x08\0\0\0", Some("image/tiff")),
        (b"MM\0*\0\0\0\x08", Some("image/tiff")),
        (b"\0\0\x01\0\x01\0\x10\x10\0\0", Some("image/vnd.microsoft.icon")),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1miaf", Some("image/avif")),
        (b"\0\0\0\x18ftypmif1\0\0\0\0avifmiaf", Some("image/avif")),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Some("image/heic")),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1miaf", Some("image/heif")),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", Some("video/mp4")),
        (b"\0\0\0\x18ftypf4v \0\0\0\0iso2avc1", Some("video/mp4")),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", Some("video/quicktime")),
        (b"\0\0\0\x14ftypM4A \0\0\0\0M4A ", Some("audio/mp4")),
        (CANON_RAW, Some("image/x-canon-cr3")),
        (b"\0\0\x01\0ftypisom", Some("video/mp4")),
        (b"\0\0\x01\0moov\0\0\0\x6cmvhd", Some("video/quicktime")),
        (b"%PDF-1.7", Some("application/pdf")),
        (b"\xef\xbb\xbf\r\n%PDF-1.7", Some("application/pdf")),
        (b"%!PS-Adobe-3.0 EPSF-3.0", Some("application/postscript")),
        (b"\xc5\xd0\xd3\xc6\x20\0\0\0", Some("application/postscript")),
        (b"PK\x03\x04\x14\0", Some("application/zip")),
        (b"PK\x05\x06\0\0", Some("application/zip")),
        (b"\x1f\x8b\x08\0", Some("application/gzip")),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", Some("video/webm")),
        (b"\x1a\x45\xdf\xa3\xa3\x42\x86\x81\x01\x42\x82\x88matroska", Some("video/matroska")),
        (b"\x1a\x45\xdf\xa3\xa3\x42\x86\x81\x01\x42\x82\x88whatever", None),
        (&ogg(b"\x01vorbis"), Some("audio/ogg")),
        (&ogg(b"OpusHead"), Some("audio/ogg")),
        (&ogg(b"\x80theora"), Some("video/ogg")),
        (&ogg(b"fishead\0"), Some("application/ogg")),
        (b"fLaC\0\0\0\x22", Some("audio/flac")),
        (b"ID3\x04\0", Some("audio/mpeg")),
        (&mp3, Some("audio/mpeg")),
        (&mp3[..200], None),
        (b"RIFF\x10\0\0\0WAVEfmt ", Some("audio/wav")),
        (b"wOFF\0\x01\0\0", Some("font/woff")),
        (b"wOF2\0\x01\0\0", Some("font/woff2")),
        (b"", None),
        (b"\0", None),
        (b"\xff", None),
        (b"\xff\xfe\0\0\x01", None),
    ];
    for (bytes, expected) in cases {
        assert_eq!(sniff(bytes), *expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_text_that_begins_like_another_file_is_a_text() {
    for text in [
        "ID3Toy story",
        "ID3 is a tag",
        "ID3",
        "RIFF as AVI container",
        "RIFF and WAVE are",
        "RIFF1234WAVEfmt and more text behind it",
        "RIFF....AVI LIST of things to do today",
        "RIFF is WEBPVP8 in letters",
        "fLaC is a codec",
        "fLaC",
        "wOFF and wOF2 are fonts",
        "wOF2",
        "wOFFtrue stories, told by others",
        "wOFFOTTO von Bismarck, a biography",
        "GIF89a File Specification\n",
        "GIF87a, and GIF89a\r\n",
        "BM is a unit of the army",
        "BMW builds cars and motorcycles.",
        "MZ is a motorcycle",
        "II* is a rank",
        "MM.* matches",
        "OggS is a page",
        "PK is a surname",
        "%PDF- is a signature",
        "%PDF-x",
        "%!PS is a signature",
        "abc ftypisom is a box",
        "size ftypheic mif1 and others",
        "    moov and mdat",
        "In a text there may stand %PDF-1.7, and it stays a text.",
        "free text",
    ] {
        assert_eq!(sniff(text.as_bytes()), Some("text/plain"), "{text}");
        assert_eq!(crate::image::probe(text.as_bytes()), None, "{text}");
        // The same with a byte that rules out text: still not detected as anything else.
        for odd in [&b"\x1a"[..], b"\xe9", b"\0"] {
            let other = [text.as_bytes(), &[b' '; 40], odd].concat();
            assert_eq!(sniff(&other), None, "{}", other.escape_ascii());
        }
    }
}

#[test]
fn short_signatures_with_what_belongs_behind_them() {
    for (bytes, expected) in [
        (&b"ID3\x03\0\0\0\0\x0f\x76TIT2"[..], "audio/mpeg"),
        (b"ID3\x04\0\x80\0\0\x0f\x76", "audio/mpeg"),
        (b"fLaC\0\0\0\x22\x10\0\x10\0", "audio/flac"),
        (b"fLaC\x80\0\0\x22\x10\0", "audio/flac"),
        (b"wOFF\0\x01\0\0\0\0\x5f\x10\0\x0c\0\0", "font/woff"),
        (b"wOFFOTTO\0\0\x5f\x10\0\x0c\0\0", "font/woff"),
        (b"wOF2ttcf\0\0\x5f\x10\0\x0c\0\0", "font/woff2"),
        (b"RIFF\x24\x08\0\0WAVEfmt \x10\0\0\0\x01\0", "audio/wav"),
        // 512 MiB or more, with letters in its length.
        (b"RIFF    WAVEJUNK\x1c\0\0\0", "audio/wav"),
        (b"RIFFabcdAVI LIST\x24\x01\0\0hdrlavih", "video/x-msvideo"),
        (b"GIF89a\x20\x03\x58\x02\xf7\0\0", "image/gif"),
        (b"GIF87a\x20\x21\x20\x21\x20\0\0", "image/gif"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"%PDF-2.0\r", "application/pdf"),
        (b"%!PS-Adobe-3.0\n", "application/postscript"),
        (b"%!PS\n/x 1 def", "application/postscript"),
    ] {
        assert_eq!(sniff(bytes), Some(expected), "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_pdf_may_begin_within_the_first_kibibyte() {
    let pdf = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< >>\nendobj\n";
    for before in [
        &b"\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n",
        b"\x1b%-12345X@PJL ENTER LANGUAGE=PDF\r\n",
        b"\0\0\0\0",
        b"junk ",
        &[b'x'; 1024],
        &[0; 1024],
    ] {
        assert_eq!(sniff(&[before, pdf].concat()), Some("application/pdf"), "{}", before.escape_ascii());
    }
    assert_eq!(sniff(&[&[b'x'; 1025][..], pdf].concat()), None, "too late, and no text");
    assert_eq!(sniff(&[b"<html>", &pdf[..]].concat()), Some("text/html"), "a browser would run it");
    assert_eq!(sniff(&[b"\x89PNG\r\n\x1a\n", &pdf[..]].concat()), Some("image/png"));
}

#[test]
fn brands_of_heif_and_their_relatives() {
    let file = |major: &[u8; 4], minor: &[u8; 4], compatible: &[&[u8; 4]]| {
        let mut file = vec![0, 0, 0, 16 + 4 * compatible.len() as u8];
        file.extend([b"ftyp", major, minor].into_iter().flatten());
        file.extend(compatible.iter().copied().flatten());
        file
    };
    let none = b"\0\0\0\0";
    for (major, compatible, expected) in [
        (b"mif1", &[b"mif1", b"heic"][..], "image/heic"),
        (b"mif2", &[b"mif2", b"heix"], "image/heic"),
        (b"mif2", &[b"mif2"], "image/heif"),
        (b"miaf", &[b"miaf", b"avif"], "image/avif"),
        (b"msf1", &[b"msf1", b"heic", b"hevc"], "image/heic-sequence"),
        (b"msf1", &[b"msf1", b"hevc", b"mif1", b"heic"], "image/heic-sequence"),
        (b"msf1", &[b"msf1", b"avis"], "image/avif"),
        (b"msf1", &[b"msf1"], "image/heif-sequence"),
        (b"heic", &[b"mif1", b"msf1", b"hevc"], "image/heic"),
        (b"heim", &[], "image/heic"),
        (b"heis", &[], "image/heic"),
        (b"hevm", &[], "image/heic-sequence"),
        (b"hevs", &[], "image/heic-sequence"),
        (b"avci", &[], "image/heif"),
        (b"avcs", &[], "image/heif-sequence"),
        (b"jpeg", &[], "image/heif"),
        (b"jpgs", &[], "image/heif-sequence"),
        (b"j2ki", &[], "image/heif"),
        (b"j2is", &[], "image/heif-sequence"),
        (b"vvic", &[], "image/heif"),
        (b"vvis", &[], "image/heif-sequence"),
        (b"avis", &[b"avif", b"msf1"], "image/avif"),
        (b"isom", &[b"isom", b"mp41"], "video/mp4"),
    ] {
        let bytes = file(major, none, compatible);
        assert_eq!(sniff(&bytes), Some(expected), "{}", bytes.escape_ascii());
    }
    assert_eq!(sniff(&file(b"mif3", none, &[])), Some("image/heif"));
    assert_eq!(sniff(&file(b"mif3", b"avif", &[])), Some("image/avif"));
    assert_eq!(sniff(&file(b"mif3", b"heic", &[])), Some("image/heic"));
}

#[test]
fn a_bitmap_with_the_short_header_of_os2() {
    let bytes = [&b"BM"[..], &[0; 12], &[16, 0, 0, 0, 7, 0, 0, 0, 5, 0, 0, 0, 1, 0, 24, 0]].concat();
    assert_eq!(sniff(&bytes), Some("image/bmp"));
    assert_eq!(crate::image::dimensions(&bytes), Some(Dimensions { width: 7, height: 5 }));
}

#[test]
fn every_type_has_extensions_and_none_stands_for_two_types_by_itself() {
    for content_type in TYPES {
        let found = extensions(Some(content_type));
        assert_ne!(found, ["bin"], "{content_type}");
        for extension in found {
            assert!(extension.len() <= 9 && extension.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        }
        let first = TYPES.iter().filter(|other| extensions(Some(other))[0] == found[0]).count();
        assert_eq!(first, 1, "{content_type}: `{}` is the first of others too", found[0]);
    }
    for runnable in ["php", "js", "html", "svg", "exe", "sh", "jar", "apk", "xhtml", "htm", "css", "py"] {
        for content_type in ["text/plain", "application/zip", "application/xml"] {
            assert!(!extensions(Some(content_type)).contains(&runnable), "{runnable}");
        }
    }
    assert_eq!(extensions(None), ["bin"]);
}

#[test]
fn content_of_no_known_type_is_accepted_by_those_who_say_so() {
    let rules = Rules { accept: &["text/plain", UNKNOWN], ..Rules::default() };
    let utf16: Vec<u8> = "no mark".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [&b""[..], b"caf\xe9", &utf16, b"one NUL\0", b"VT\x0b", b"old text\x1a", b"\xd0\xcf\x11\xe0"]
    {
        assert_eq!(inspect(&rules, bytes).unwrap().content_type, None);
        let error = inspect(&Rules { accept: &["text/plain"], ..Rules::default() }, bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotAccepted);
    }
    assert!(inspect(&rules, b"text").is_ok());
    assert_eq!(inspect(&rules, b"%PDF-1.4").unwrap_err().kind(), ErrorKind::NotAccepted);
    assert_eq!(inspect(&rules, b"<script>").unwrap_err().kind(), ErrorKind::NotAccepted);
}

/// Pseudo-random bytes that depend only on the seed.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(len)
    .collect()
}

#[test]
fn noise_behind_a_signature_is_no_image() {
    let heads: [&[u8]; 14] = [
        b"\xff\xd8\xff\xe0",
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0",
        b"\xff\xd8\xff\xe1",
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR",
        b"GIF89a\x10\0\x10\0\0\0\0\x01",
        b"GIF87a\x10\0\x10\0\0\0\0x",
        b"II*\0",
        b"MM\0*",
        b"\0\0\x01\0\x01\0\x10\x10\0\0",
        b"RIFF\x10\0\0\0WEBPVP8 ",
        b"RIFF\x10\0\0\0WEBPVP8X\x0a\0\0\0\xff",
        b"BM\x10\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x10\0\0\0\x10\0\0\0\x33\x44",
        b"\0\0\0\x18ftypavif\0\0\0\0mif1miaf",
    ];
    for accept in [&["image/*"][..], &["image/png", "image/jpeg", "image/gif", "image/*"]] {
        for head in heads {
            for seed in 1..=5 {
                let bytes = [head, &noise(seed, 20_000)].concat();
                let rules = Rules { accept, sound_images: true, ..Rules::default() };
                let error = inspect(&rules, &bytes).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotAnImage, "{} {seed}", head.escape_ascii());
                // Dimensions are reported only on request.
                let seen = inspect(&Rules { dimensions: true, ..Rules::default() }, &bytes).unwrap();
                assert_eq!(seen.dimensions, None, "{} {seed}", head.escape_ascii());
            }
        }
    }
}

#[test]
fn an_image_with_a_right_header_is_accepted_whatever_follows() {
    let rules = Rules { accept: &["image/*"], sound_images: true, ..Rules::default() };
    let gif = b"GIF89a\x10\0\x10\0\0\0\0,\0\0\0\0\x10\0\x10\0\0\x02\x02\x4c\x01\0;";
    let frame = b"\xff\xc0\0\x0b\x08\0\x05\0\x07\x01\x01\x11\0\xff\xda";
    let jpeg = [b"\xff\xd8\xff\xff\xff\xfe\0\x04hi", &frame[..]].concat();
    for head in [&gif[..], &jpeg] {
        for bytes in [head.to_vec(), [head, &noise(1, 9000)].concat()] {
            let seen = inspect(&rules, &bytes).unwrap();
            assert_eq!(seen.dimensions, None, "they were not asked for");
        }
    }
    // Content that is not an image is not checked.
    assert!(inspect(&Rules { accept: &["image/svg+xml"], ..rules.clone() }, b"<svg/>").is_ok());
    assert!(inspect(&Rules { accept: &["text/plain"], ..rules }, b"GIF89a is").is_ok());
}

#[test]
fn a_text_behind_the_beginning_of_an_image_is_no_image() {
    let rules = Rules { accept: &["image/*"], sound_images: true, ..Rules::default() };
    for head in [
        &b"\0\0\0\x10ftypmif3avif\0\0\x10\x20mini"[..],
        b"\0\0\0\x10ftypmif3heic\0\0\x10\x20mini",
        b"\0\0\0\x10ftypmif3heic\0\0\0\0mini",
        b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom",
        b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom\0\0\x10\0moov",
        b"GIF89a\x40\0\x30\0\0\0\0;",
    ] {
        for text in ["", "<html><body><script>alert(1)</script></body></html>", "1 is a text"] {
            for text in [text.to_owned(), text.repeat(500)] {
                let bytes = [head, text.as_bytes()].concat();
                let error = inspect(&rules, &bytes).unwrap_err();
                let expected = if head.ends_with(b"isom") || head.ends_with(b"moov") {
                    ErrorKind::NotAccepted
                } else {
                    ErrorKind::NotAnImage
                };
                assert_eq!(error.kind(), expected, "{} {text}", head.escape_ascii());
            }
        }
    }
}

/// The first bytes of a Canon raw file.
const CANON_RAW: &[u8] = b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom\0\0\x40\0moov\0\0\x3f\0uuid\
    \x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48";

#[test]
fn the_brand_of_a_raw_file_is_not_enough() {
    assert_eq!(sniff(CANON_RAW), Some("image/x-canon-cr3"));
    for cut in 8..CANON_RAW.len() {
        assert_eq!(sniff(&CANON_RAW[..cut]), None, "cut to {cut}");
    }
    let text = [&CANON_RAW[..24], b"<html><script>alert(1)</script></html>"].concat();
    assert_eq!(sniff(&text), None);
}

/// Every media type in the detection code is in the list, and the list has no others.
#[test]
fn types() {
    let sources = [
        include_str!("sniff.rs"),
        include_str!("markup.rs"),
        include_str!("../image/avif.rs"),
        include_str!("../image/mod.rs"),
    ];
    let code = sources.iter().flat_map(|source| source.lines()).filter(|line| !line.trim().starts_with("//"));
    let literals = code.flat_map(|line| line.split('"').skip(1).step_by(2));
    let kinds = ["application/", "audio/", "font/", "image/", "text/", "video/"];
    let mut found: Vec<&str> =
        literals.filter(|text| kinds.iter().any(|kind| text.starts_with(kind))).collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, TYPES);
}

#[test]
fn texts() {
    let utf16 = |text: &str, mark: bool, big: bool| -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    let (svg, html) = (Some("image/svg+xml"), Some("text/html"));
    let (xml, plain) = (Some("application/xml"), Some("text/plain"));
    for (text, expected) in [
        ("<svg xmlns='http://www.w3.org/2000/svg'/>", svg),
        ("<SVG>", svg),
        ("<s:svg xmlns:s='http://www.w3.org/2000/svg'>", svg),
        ("\n\t<!-- <html> --> <!-- > --><svg>", svg),
        ("<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><svg>", svg),
        ("<?xml version='1.0'?>\n<!-- x --><svg>", svg),
        ("<!DOCTYPE x [<!ENTITY y 'z'>]><svg>", svg),
        ("<!doctype HTML>", html),
        ("  <ScRiPt>alert(1)</script>", html),
        ("<html", html),
        ("<b>bold</b>", html),
        ("<!-- a comment --> and text", html),
        ("<!-- never closed", html),
        ("<?xml version='1.0'?><rss/>", xml),
        ("<?xml version='1.0'?><!-- never closed", xml),
        ("<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>", Some("application/xhtml+xml")),
        ("<?xpacket begin='x' id='W5M0MpCehiHzreSzNTczkc9d'?><svg xmlns='http://www.w3.org/2000/svg'/>", svg),
        ("<?xml version='1.0'?><?xpacket begin=''?>\n<!-- x --><svg>", svg),
        ("<?xml version='1.0'?><?xml-stylesheet href='a.css'?><svg>", svg),
        ("<?xpacket begin=''?><x:xmpmeta xmlns:x='adobe:ns:meta/'/>", xml),
        ("<?xml version='1.0'?><!DOCTYPE s:svg [<!ENTITY a ']>'><!-- ]> -->]><s:svg>", svg),
        ("<!DOCTYPE x [<!ENTITY a \"]>\"> <!-- ]> --> <!ELEMENT y (z)>]><svg>", svg),
        ("<!DOCTYPE svgz [<!ENTITY y 'z'>]><rss>", xml),
        ("<?php echo 1;", plain),
        ("<?php echo 1; ?><svg>", plain),
        ("<?foo is a start", plain),
        ("<? no name ?><svg>", plain),
        ("<john@example.com> wrote:", plain),
        ("<brand>", plain),
        ("hello world\n", plain),
        ("gr\u{fc}\u{df}e, \u{65e5}\u{672c}", plain),
        ("#define x_width 9", plain),
    ] {
        assert_eq!(sniff(text.as_bytes()), expected, "{text}");
        let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        assert_eq!(sniff(&marked), expected, "{text} behind a mark");
        assert_eq!(sniff(&utf16(text, true, false)), expected, "{text} in UTF-16LE");
        assert_eq!(sniff(&utf16(text, true, true)), expected, "{text} in UTF-16BE");
        if expected != plain && text.starts_with('<') {
            assert_eq!(sniff(&utf16(text, false, false)), expected, "{text} in UTF-16LE without a mark");
            assert_eq!(sniff(&utf16(text, false, true)), expected, "{text} in UTF-16BE without a mark");
        }
        assert_eq!(crate::image::dimensions(text.as_bytes()), None);
    }
    for control in ["\0", "\x08", "\x1a", "\x7f"] {
        assert_eq!(sniff(format!("text {control}").as_bytes()), None);
    }
    assert_eq!(sniff(b"caf\xe9"), None, "not UTF-8");
    assert_eq!(
        sniff("\u{65e5}".repeat(3000).as_bytes()),
        plain,
        "the last character of the prefix is cut off"
    );
}

#[test]
fn the_prefix_is_enough() {
    for text in ["<!-- ".repeat(3000), "\u{65e5}".repeat(3000), " ".repeat(9000) + "<svg>"] {
        let whole = text.as_bytes();
        assert_eq!(sniff(whole), sniff(&whole[..SNIFF_LEN]));
    }
}

/// Fields of a fixed size hold the whole number, or the image is refused.
#[test]
fn sides_that_a_field_cannot_hold() {
    let gif = |width: u16, height: u16| {
        let (width, height) = (width.to_le_bytes(), height.to_le_bytes());
        [&b"GIF89a"[..], &width, &height, b"\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02\x4c\x01\0;"].concat()
    };
    let judge = |bytes: &[u8], rules: &Rules| {
        let (mut inspector, result) = Inspector::new(rules.clone());
        inspector.update(bytes).unwrap();
        let judged = inspector.finish();
        assert_eq!(result.get().is_some(), judged.is_ok());
        judged.map_err(|error| error.kind())
    };
    let max_sides = Some(Dimensions { width: 300, height: 200 });
    let rules = Rules { dimensions: true, max_sides, needs_dimensions: true, ..Rules::default() };
    assert_eq!(judge(&gif(300, 200), &rules), Ok(()));
    assert_eq!(judge(&gif(301, 200), &rules), Err(ErrorKind::TooLarge));
    assert_eq!(judge(&gif(300, 201), &rules), Err(ErrorKind::TooLarge));
    assert_eq!(judge(&gif(0, 200), &rules), Err(ErrorKind::NotAnImage));
    assert_eq!(judge(b"<svg/>", &rules), Err(ErrorKind::NotAnImage));
    assert_eq!(judge(b"<svg/>", &Rules { needs_dimensions: false, ..rules }), Ok(()));
}

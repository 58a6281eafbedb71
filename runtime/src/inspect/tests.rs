#![allow(clippy::unwrap_used)]

use super::*;
use std::io::{Seek, Write};

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// The outcome for `bytes`, after checking that chunks of every size and a file agree on it.
#[track_caller]
fn inspect(rules: &Rules, bytes: &[u8]) -> Result<Inspection> {
    let mut outcomes = Vec::new();
    for size in [1, 13, 4095, 4096, 100_000] {
        let (mut inspector, result) = Inspector::new(rules.clone());
        let shown = bytes.chunks(size).try_for_each(|chunk| inspector.update(chunk));
        // A storage that overlooks the first error gets it again.
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
    let mut bytes = b"GIF89a\x40\0\x30\0".to_vec();
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
    }
    // As soon as the prefix is there, not only at the end.
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
        (b"\0\0\0\x14ftypcrx \0\0\0\0crx ", None),
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

/// Every media type in the code that sniffs is in the list, and no other is.
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
        ("<?php echo 1;", plain),
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

/// Fields of a fixed size hold all of a number, or the image is refused.
#[test]
fn sides_that_a_field_cannot_hold() {
    let gif = |width: u16, height: u16| {
        [b"GIF89a".as_slice(), &width.to_le_bytes(), &height.to_le_bytes(), b"\0\0\0;"].concat()
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

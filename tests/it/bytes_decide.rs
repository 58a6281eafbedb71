//! What the bytes of a file decide: its extension, whether it is the image it appears to be, and the result
//! of a function of the program.

use crate::support::Garage;
use filefield::db::Table;
use filefield::file::File;
use filefield::prelude::*;
use filefield::{Content, ErrorKind, TempFile};
use std::io::{Cursor, Read};

#[derive(Debug, Clone, Default, Model)]
#[model(table = "posters")]
struct Poster {
    #[model(primary_key)]
    id: i64,
    #[file(upload_to = "p", accept = ["image/*"], extension = "detected")]
    picture: ImageField,
    #[file(upload_to = "n", accept = ["text/plain", "unknown"])]
    note: FileField,
    #[file(upload_to = any_name, extension = "detected")]
    any: FileField,
    #[file(upload_to = "v", verify = is_bright, max_size = 100_000)]
    verified: ImageField,
}

fn any_name(_: &Poster, filename: &str) -> String {
    format!("a/{filename}")
}

/// Dark pictures are refused, and some make the codec panic.
fn is_bright(file: &mut File) -> std::io::Result<()> {
    let mut all = Vec::new();
    file.read_to_end(&mut all)?;
    assert!(!all.ends_with(b"bomb"), "too large a picture");
    if all.ends_with(b"dark") { Err(std::io::Error::other("too dark")) } else { Ok(()) }
}

const GIF: &[u8] = b"GIF89a\x07\0\x09\0\0\0\0,\0\0\0\0\x07\0\x09\0\0\x02\x02\x4c\x01\0;";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";

fn temp(bytes: &[u8]) -> TempFile {
    let mut writer = TempFile::create_in(std::env::temp_dir()).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// The same bytes in every form that a program may have.
fn contents(bytes: &[u8]) -> Vec<Content> {
    let pieces: Vec<filefield::Result<filefield::Bytes>> =
        bytes.chunks(3).map(|piece| Ok(filefield::Bytes::copy_from_slice(piece))).collect();
    vec![
        bytes.to_vec().into(),
        temp(bytes).into(),
        Content::reader(Cursor::new(bytes.to_vec())),
        Content::stream(futures_util::stream::iter(pieces)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_extension_is_that_of_the_bytes() {
    Garage::run::<Poster, _>(|garage| async move {
        for (given, bytes, stored) in [
            ("../../etc/passwd", PNG, "p/passwd.png"),
            ("photo.jpg", PNG, "p/photo.png"),
            ("photo.PNG", PNG, "p/photo.PNG"),
            ("💫.jpg ", GIF, "p/file.gif"),
            ("Dr. Who", GIF, "p/Dr._Who.gif"),
        ] {
            for content in contents(bytes) {
                let kind = format!("{given:?} from {:?}", content.source());
                let picture = ImageField::new(given, content);
                let mut poster = Poster { picture, ..Poster::default() };
                poster.save(&garage.db).await.unwrap();
                assert_eq!(poster.picture().name(), stored, "{kind}");
                assert_eq!(poster.picture().read().await.unwrap(), bytes, "{kind}");
                poster.picture_mut().delete().await.unwrap();
            }
            for content in contents(bytes) {
                let mut poster = Poster::default();
                let kind = format!("{given:?} from {:?} by the accessor", content.source());
                assert_eq!(poster.picture_mut().save(given, content).await.unwrap(), stored, "{kind}");
                assert_eq!(poster.picture().read().await.unwrap(), bytes, "{kind}");
                poster.picture_mut().delete().await.unwrap();
            }
        }
        for (given, bytes, stored) in [
            ("table.csv", &b"a,b\n1,2\n"[..], "a/table.csv"),
            ("evil.php", b"<?php system($_GET[0]);", "a/evil.txt"),
            ("page.txt", b"<script>alert(1)</script>", "a/page.html"),
            ("letter.docx", b"PK\x03\x04\x14\0", "a/letter.docx"),
            ("letter.jar", b"PK\x03\x04\x14\0", "a/letter.zip"),
            ("photo.jpg", b"\x01\x02\x03", "a/photo.bin"),
            ("empty.txt", b"", "a/empty.bin"),
        ] {
            let mut poster = Poster { any: FileField::new(given, bytes), ..Poster::default() };
            poster.save(&garage.db).await.unwrap();
            assert_eq!(poster.any().name(), stored);
        }
    })
    .await;
}

#[tokio::test]
async fn content_of_no_known_type_is_stored_where_the_field_says_so() {
    Garage::run::<Poster, _>(|garage| async move {
        for bytes in [&b""[..], b"caf\xe9", b"n\0o\0", b"one\0", b"\x0b", b"dos\x1a", b"text"] {
            let mut poster = Poster { note: FileField::new("note.txt", bytes), ..Poster::default() };
            poster.save(&garage.db).await.unwrap();
            assert_eq!(poster.note().read().await.unwrap(), bytes);
        }
        let mut poster = Poster { note: FileField::new("note.txt", GIF), ..Poster::default() };
        assert_eq!(poster.save(&garage.db).await.unwrap_err().kind(), ErrorKind::NotAccepted);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_behind_the_signature_of_an_image_is_refused_and_leaves_nothing() {
    Garage::run::<Poster, _>(|garage| async move {
        let mut noise = vec![0xff, 0xd8, 0xff, 0xe0];
        noise.extend((0..20_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8));
        for bytes in [&noise[..], b"GIF89a\x07\0\x09\0\0\0\0x", &PNG[..30]] {
            for content in contents(bytes) {
                let kind = format!("{} bytes from {:?}", bytes.len(), content.source());
                let picture = ImageField::new("a.jpg", content);
                let mut poster = Poster { picture, ..Poster::default() };
                let error = poster.save(&garage.db).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotAnImage, "{kind}: {error}");
            }
        }
        let text = ImageField::new("a.gif", "GIF89a File Specification\n");
        let mut poster = Poster { picture: text, ..Poster::default() };
        assert_eq!(poster.save(&garage.db).await.unwrap_err().kind(), ErrorKind::NotAccepted);
        garage.settle().await;
        assert!(garage.files().is_empty(), "{:?}", garage.files());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_of_the_program_refuses_files_before_they_are_stored() {
    Garage::run::<Poster, _>(|garage| async move {
        for (end, text) in [("dark", "too dark"), ("bomb", "panicked")] {
            for content in contents(&[GIF, end.as_bytes()].concat()) {
                let kind = format!("{end} from {:?}", content.source());
                let verified = ImageField::new("a.gif", content);
                let mut poster = Poster { verified, ..Poster::default() };
                let error = poster.save(&garage.db).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotAnImage, "{kind}");
                let mut told = error.to_string();
                let mut source = std::error::Error::source(&error);
                while let Some(cause) = source {
                    told.push_str(&cause.to_string());
                    source = cause.source();
                }
                assert!(told.contains(text), "{kind}: {told}");
                let again = poster.save(&garage.db).await.unwrap_err();
                assert_eq!(again.kind(), ErrorKind::NotAnImage, "{kind}: another try is told the same");
                assert!(garage.files().is_empty() && garage.journal().await == 0, "{kind}");
            }
        }
        let endless = Content::reader(std::io::repeat(7));
        let error = Poster::default().verified_mut().save("a.gif", endless).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        for content in contents(GIF) {
            let verified = ImageField::new("a.gif", content);
            let mut poster = Poster { verified, ..Poster::default() };
            poster.save(&garage.db).await.unwrap();
            assert_eq!(poster.verified().read().await.unwrap(), GIF);
        }
        // A path is copied before it is verified, so that nobody changes it in between.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("path.gif");
        std::fs::write(&path, GIF).unwrap();
        let mut poster = Poster { verified: ImageField::from_path(&path).unwrap(), ..Poster::default() };
        poster.save(&garage.db).await.unwrap();
        assert_eq!(poster.verified().name(), "v/path.gif");
        assert_eq!(poster.verified().read().await.unwrap(), GIF);
        assert_eq!(std::fs::read(&path).unwrap(), GIF, "it stays where it is");
    })
    .await;
}

//! Images and their dimension fields.

use super::support::Garage;
use filefield::ErrorKind;
use filefield::prelude::*;

#[derive(Debug, Clone, Default, Model)]
#[model(table = "placards")]
struct Placard {
    #[model(primary_key)]
    id: i64,
    #[file(upload_to = "posters", width_field = width, height_field = height)]
    picture: ImageField,
    width: Option<u16>,
    height: u32,
    #[file(upload_to = "scans", width_field = scan_width)]
    scan: Option<ImageField>,
    scan_width: Option<i64>,
}

/// The header of a PNG without the rest.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut chunk =
        [b"IHDR".as_slice(), &width.to_be_bytes(), &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let mut sum = flate2::Crc::new();
    sum.update(&chunk);
    chunk.extend(sum.sum().to_be_bytes());
    [b"\x89PNG\r\n\x1a\n\0\0\0\x0d".as_slice(), &chunk].concat()
}

#[tokio::test]
async fn dimensions_that_a_field_cannot_hold_are_refused_before_anything_is_stored() {
    Garage::run::<Placard, _>(|garage| async move {
        let refused = [
            (png(70_000, 9), ErrorKind::TooLarge, "70000 pixels wide"),
            (b"plain text".to_vec(), ErrorKind::NotAnImage, "`Option`"),
        ];
        for (bytes, kind, words) in refused {
            let mut poster = Placard { picture: ImageField::new("p.png", bytes), ..Placard::default() };
            let error = poster.save(&garage.db).await.unwrap_err();
            assert_eq!((error.kind(), error.field()), (kind, Some("picture")));
            assert!(error.to_string().contains(words), "{error}");
            garage.settle().await;
            assert!(garage.files().is_empty());
        }
        let mut poster = Placard {
            picture: ImageField::new("p.png", png(65_535, 70_000)),
            scan: Some(ImageField::new("scan.txt", "an `Option` may stay empty")),
            ..Placard::default()
        };
        poster.save(&garage.db).await.unwrap();
        let poster = Placard::objects(&garage.db).all().await.unwrap().remove(0);
        assert_eq!((poster.width, poster.height, poster.scan_width), (Some(65_535), 70_000, None));
    })
    .await;
}

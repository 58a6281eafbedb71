//! Unusual names, look-alikes, and names at the limits.

use super::checks;
use crate::name::FileName;
use crate::testing::kit::*;
use crate::{SharedStorage, StorageExt};

checks![
    odd_names_come_back_as_they_were,
    names_that_differ_in_case_keep_their_bytes,
    names_that_look_alike_keep_their_bytes,
    names_that_look_like_patterns_are_literal,
    deep_directories_work,
    names_at_the_limits_work,
    variants_of_names_at_the_limits_fit,
];

const ODD: [&str; 18] = [
    "a b c.txt",
    "quote'back`tick.txt",
    "percent %41 %2e%2e %.txt",
    "plus+and&equals=.txt",
    "hash#.txt",
    "semi;comma,at@dollar$.txt",
    "brackets[1]{2}(3).txt",
    "bang!caret^tilde~.txt",
    "ünïcödé-Ω-日本語-ไทย.txt",
    "नमस्ते.txt",
    "ligature-ﬁ.txt",
    "👍.png",
    "שלום-مرحبا.txt",
    "-dash-first",
    "two..dots..inside",
    "no extension",
    "many.dots.in.a.name.tar.gz",
    "dir with space/and%20percent/ü.txt",
];

async fn odd_names_come_back_as_they_were(s: SharedStorage) -> Checked {
    for odd in ODD {
        put(&*s, odd, odd).await?;
    }
    for odd in ODD {
        ensure!(s.exists(name(odd)?).await?, "{odd:?} does not exist");
        ensure_holds(&*s, odd, odd).await?;
    }
    if let Some(found) = files(&*s).await? {
        let mut wanted = ODD.map(str::to_owned);
        wanted.sort();
        ensure!(found == wanted, "the storage lists {found:?}, not {wanted:?}");
    }
    for odd in ODD {
        s.delete(name(odd)?).await?;
    }
    ensure_files(&*s, &[]).await
}

/// Saves under names that some media treat as equal, and checks that each file keeps its bytes.
async fn ensure_apart(s: &SharedStorage, wanted: &[&str]) -> Checked {
    let mut saved = Vec::new();
    for &text in wanted {
        saved.push((save(&**s, text, text.to_owned()).await?.name, text));
    }
    for (stored, text) in &saved {
        ensure_holds(&**s, stored, text).await?;
    }
    for (n, (stored, _)) in saved.iter().enumerate() {
        s.delete(name(stored)?).await?;
        for (other, text) in &saved[n + 1..] {
            ensure_holds(&**s, other, text).await?;
        }
    }
    ensure_files(&**s, &[]).await
}

async fn names_that_differ_in_case_keep_their_bytes(s: SharedStorage) -> Checked {
    ensure_apart(&s, &["Photo.jpg", "photo.jpg", "PHOTO.JPG", "photo.JPG"]).await?;
    ensure_apart(&s, &["d/straße", "d/strasse", "d/STRASSE"]).await
}

async fn names_that_look_alike_keep_their_bytes(s: SharedStorage) -> Checked {
    ensure_apart(&s, &["ﬁ.txt", "fi.txt", "FI.txt"]).await?;
    ensure_apart(&s, &["σας", "σασ", "ΣΑΣ", "Σας"]).await?;
    ensure_apart(&s, &["i", "I", "ı", "İ"]).await?;
    ensure_apart(&s, &["2", "²", "a b", "a_b"]).await
}

async fn names_that_look_like_patterns_are_literal(s: SharedStorage) -> Checked {
    ensure_apart(&s, &["ab", "a[b]", "a%", "a_", "a{b}", "a!", "a^b", "a$"]).await
}

async fn deep_directories_work(s: SharedStorage) -> Checked {
    let deep = format!("{}/file.txt", ["d"; 40].join("/"));
    put(&*s, &deep, "deep").await?;
    ensure_holds(&*s, &deep, "deep").await?;
    ensure_files(&*s, &[&deep]).await?;
    s.delete(name(&deep)?).await?;
    ensure!(!s.exists(name(&deep)?).await?, "it is still there");
    Ok(())
}

/// The longest names that [`FileName`] accepts: 255 bytes per component, 1,024 in total. A storage with a
/// prefix has that much less in total.
fn longest() -> [String; 4] {
    [
        format!("{}.txt", "a".repeat(251)),
        format!("{}é.txt", "é".repeat(124)),
        format!("{0}/{0}/{1}.txt", "d".repeat(255), "f".repeat(251)),
        format!("{0}/{0}/{0}/{1}.txt", "d".repeat(239), "f".repeat(251)),
    ]
}

async fn names_at_the_limits_work(s: SharedStorage) -> Checked {
    for longest in longest() {
        FileName::new(&longest)?;
        put(&*s, &longest, "long").await?;
        ensure_holds(&*s, &longest, "long").await?;
        s.delete(name(&longest)?).await?;
    }
    ensure_files(&*s, &[]).await
}

async fn variants_of_names_at_the_limits_fit(s: SharedStorage) -> Checked {
    for longest in longest() {
        put(&*s, &longest, "1").await?;
        let second = save(&*s, &longest, "2").await?.name;
        ensure!(second != longest && name(&second).is_ok(), "{second:?} is no valid variant");
        ensure_holds(&*s, &second, "2").await?;
        ensure_holds(&*s, &longest, "1").await?;
    }
    Ok(())
}

//! `accept`: media types.

use super::Known;
use super::types::{TYPES, UNKNOWN};
use super::value::{refuse, texts};
use crate::errors::{Errors, Message};
use crate::suggest::nearest;
use proc_macro2::TokenTree;
use quote::ToTokens;

/// Extensions and media types that cannot be listed, with the type that is detected for such a file, or `""`
/// if no type is detected.
const SHOWN: &[(&str, &str)] = &[
    ("pdf", "application/pdf"),
    ("xml", "application/xml"),
    ("gz", "application/gzip"),
    ("zip", "application/zip"),
    ("docx", "application/zip"),
    ("xlsx", "application/zip"),
    ("pptx", "application/zip"),
    ("odt", "application/zip"),
    ("ods", "application/zip"),
    ("odp", "application/zip"),
    ("epub", "application/zip"),
    ("jar", "application/zip"),
    ("apk", "application/zip"),
    ("txt", "text/plain"),
    ("csv", "text/plain"),
    ("tsv", "text/plain"),
    ("md", "text/plain"),
    ("json", "text/plain"),
    ("yaml", "text/plain"),
    ("yml", "text/plain"),
    ("toml", "text/plain"),
    ("rtf", "text/plain"),
    ("css", "text/plain"),
    ("js", "text/plain"),
    ("html", "text/html"),
    ("doc", ""),
    ("xls", ""),
    ("ppt", ""),
    ("tar", ""),
    ("7z", ""),
    ("rar", ""),
    ("exe", ""),
    ("ttf", ""),
    ("otf", ""),
    ("aac", ""),
    ("mid", ""),
    ("mpg", ""),
    ("jp2", ""),
    ("jxl", ""),
    ("psd", ""),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("avif", "image/avif"),
    ("heic", "image/heic"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("png", "image/png"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("bmp", "image/bmp"),
    ("ico", "image/vnd.microsoft.icon"),
    ("svg", "image/svg+xml"),
    ("wav", "audio/wav"),
    ("mp3", "audio/mpeg"),
    ("m4a", "audio/mp4"),
    ("flac", "audio/flac"),
    ("ogg", "audio/ogg"),
    ("mov", "video/quicktime"),
    ("webm", "video/webm"),
    ("mkv", "video/matroska"),
    ("mp4", "video/mp4"),
    ("m4v", "video/mp4"),
    ("avi", "video/x-msvideo"),
    ("cr3", "image/x-canon-cr3"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("image", "image/*"),
    ("video", "video/*"),
    ("audio", "audio/*"),
    ("text", "text/*"),
    ("image/jpg", "image/jpeg"),
    ("image/pjpeg", "image/jpeg"),
    ("image/x-png", "image/png"),
    ("image/svg", "image/svg+xml"),
    ("image/tif", "image/tiff"),
    ("image/x-icon", "image/vnd.microsoft.icon"),
    ("image/x-ms-bmp", "image/bmp"),
    ("application/jpg", "image/jpeg"),
    ("application/jpeg", "image/jpeg"),
    ("application/png", "image/png"),
    ("application/x-pdf", "application/pdf"),
    ("application/x-gzip", "application/gzip"),
    ("application/x-zip-compressed", "application/zip"),
    ("application/java-archive", "application/zip"),
    ("application/json", "text/plain"),
    ("application/javascript", "text/plain"),
    ("application/yaml", "text/plain"),
    ("application/x-yaml", "text/plain"),
    ("application/toml", "text/plain"),
    ("application/rtf", "text/plain"),
    ("application/sql", "text/plain"),
    ("text/xml", "application/xml"),
    ("audio/mp3", "audio/mpeg"),
    ("audio/x-wav", "audio/wav"),
    ("audio/wave", "audio/wav"),
    ("audio/vnd.wave", "audio/wav"),
    ("audio/x-m4a", "audio/mp4"),
    ("audio/m4a", "audio/mp4"),
    ("audio/x-flac", "audio/flac"),
    ("video/mov", "video/quicktime"),
    ("video/x-matroska", "video/matroska"),
    ("video/x-m4v", "video/mp4"),
    ("video/avi", "video/x-msvideo"),
    ("video/msvideo", "video/x-msvideo"),
    ("application/doc", ""),
    ("application/msword", ""),
    ("application/vnd.ms-excel", ""),
    ("application/vnd.ms-powerpoint", ""),
    ("application/x-tar", ""),
    ("application/octet-stream", ""),
    ("video/mpeg", ""),
];

pub(super) fn accept(known: &Known, errors: &mut Errors) -> Option<Vec<String>> {
    let texts = texts(known, errors)?;
    if texts.is_empty()
        && known
            .value
            .iter()
            .any(|value| matches!(value, TokenTree::Group(group) if group.stream().is_empty()))
    {
        let help = Some("leave the key out to accept every type".to_owned());
        return refuse(known, "an empty list accepts no file at all".to_owned(), help, errors);
    }
    let listed: Vec<String> = texts.iter().map(|text| text.value.to_ascii_lowercase()).collect();
    for (at, (text, media_type)) in texts.iter().zip(&listed).enumerate() {
        let message = if listed[..at].contains(media_type) {
            Some(Message::new(format!("`{media_type}` is listed twice")).help("remove one of the two"))
        } else {
            media_type_error(media_type, &listed)
        };
        if let Some(message) = message {
            errors.add(text.token.to_token_stream(), message);
        }
    }
    Some(listed)
}

/// Returns what is wrong with one of the `listed` media types. The type is in lower case (RFC 9110, 8.3.1);
/// `*` is allowed as the subtype.
fn media_type_error(media_type: &str, listed: &[String]) -> Option<Message> {
    if matches!(media_type, "unknown/unknown" | "other" | "binary" | "any" | "empty" | "none") {
        let message = Message::new(format!("`{media_type}` is not a media type"));
        return Some(message.help(format!("write `\"{UNKNOWN}\"` for content of no known type")));
    }
    let token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let none = || Message::new(format!("`{}` is not a media type", media_type.escape_debug()));
    if media_type == "*/*" || media_type == "*" {
        return Some(
            Message::new(format!("`{media_type}` accepts everything")).help("leave the key `accept` out"),
        );
    }
    if media_type == UNKNOWN {
        return None;
    }
    let bare = media_type.trim_start_matches("*.").trim_start_matches('.');
    if !bare.contains('/')
        && let Some(found) = shown(bare)
    {
        return Some(instead(none(), found));
    }
    if media_type.contains(',') {
        let parts: Vec<_> =
            media_type.split(',').map(|part| format!("\"{}\"", part.trim().escape_debug())).collect();
        return Some(none().help(format!("write `{}`", parts.join(", "))));
    }
    if media_type.contains(';') {
        return Some(none().help("leave the parameters after `;` out"));
    }
    let (main, sub) = match media_type.split_once('/') {
        Some((main, sub)) if token(main) && (token(sub) || sub == "*") => (main, sub),
        _ if nearest(media_type, [UNKNOWN]).is_some() => {
            return Some(none().help(format!("write `\"{UNKNOWN}\"`")));
        }
        _ => return Some(none().help("write a type such as `\"application/pdf\"` or `\"image/*\"`")),
    };
    let mains = TYPES.iter().filter_map(|found| Some(found.split_once('/')?.0));
    if let Some(near) = nearest(main, mains.clone()).filter(|near| *near != main) {
        return Some(none().help(format!("write `\"{near}/{sub}\"`")));
    }
    if TYPES.contains(&media_type) || (sub == "*" && mains.clone().any(|known| known == main)) {
        return None;
    }
    let message = Message::new(format!("no file is found to be of the type `{media_type}`"));
    match shown(media_type) {
        // A client may declare this type for a text or an archive, which is accepted by its detected type.
        Some(found @ ("text/plain" | "application/zip")) if listed.iter().any(|other| other == found) => None,
        // The same holds for content that is accepted although no type is detected.
        Some("") if listed.iter().any(|other| other == UNKNOWN) => None,
        Some(found) => Some(instead(message, found)),
        None => Some(match nearest(media_type, TYPES.iter().copied()) {
            Some(near) => message.help(format!("did you mean `\"{near}\"`?")),
            None => instead(message, ""),
        }),
    }
}

/// Returns the detected type of a file that has this extension, or of a media type under another name.
fn shown(word: &str) -> Option<&'static str> {
    let archive = ["application/vnd.openxmlformats-", "application/vnd.oasis.opendocument."];
    match SHOWN.iter().find(|(known, _)| *known == word) {
        Some((_, found)) => Some(found),
        _ if word.ends_with("+zip") || archive.iter().any(|start| word.starts_with(start)) => {
            Some("application/zip")
        }
        _ if word.ends_with("+xml") => Some("application/xml"),
        _ if word.ends_with("+json") || word.starts_with("text/") => Some("text/plain"),
        _ => None,
    }
}

fn instead(message: Message, found: &str) -> Message {
    match found {
        "" => message
            .help(format!("write `\"{UNKNOWN}\"`, and look at the content in a `verify` function"))
            .note("the bytes of such a file show no type that is known"),
        "text/plain" | "application/zip" | "application/xml" => {
            message.help(format!("write `\"{found}\"`")).note("that is what the bytes of such a file show")
        }
        found => message.help(format!("write `\"{found}\"`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        for good in ["unknown", "image/*", "application/pdf", "image/svg+xml", "text/*", "video/matroska"] {
            assert!(media_type_error(good, &[]).is_none(), "{good}");
        }
        for bad in [
            "",
            "pdf",
            ".pdf",
            "*.pdf",
            "*/*",
            "*",
            "*/png",
            "image/",
            "/png",
            "a/b/c",
            "text/plain; charset=utf-8",
            "im age/png",
            "image/p*",
            "image/jpg",
            "imgae/png",
            "image/png, image/gif",
            "text/csv",
            "application/json",
            "application/vnd.ms-excel",
            "audio/x-wav",
            "chemical/x-pdb",
            "unknwon",
            "binary",
            "model/*",
        ] {
            assert!(media_type_error(bad, &[]).is_some(), "{bad}");
        }
        for (listed, good) in [
            (["text/plain", "text/csv"], true),
            (["text/plain", "application/json"], true),
            (["application/zip", "application/epub+zip"], true),
            (["application/zip", "text/csv"], false),
            (["application/zip", "application/msword"], false),
            (["text/plain", "text/xml"], false),
            (["text/plain", "unknown"], true),
            (["unknown", "application/msword"], true),
            (["unknown", "application/octet-stream"], true),
            (["unknown", "text/csv"], false),
        ] {
            let listed = listed.map(str::to_owned);
            assert_eq!(media_type_error(&listed[1], &listed).is_none(), good, "{listed:?}");
        }
    }

    #[test]
    fn what_is_recommended_is_accepted() {
        for (word, found) in SHOWN {
            assert!(media_type_error(word, &[]).is_some(), "{word}");
            assert!(found.is_empty() || media_type_error(found, &[]).is_none(), "{word}: {found}");
        }
    }
}

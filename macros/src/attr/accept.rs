//! `accept`: media types.

use super::Known;
use super::value::{refuse, texts};
use crate::errors::{Errors, Message};
use crate::suggest::nearest;
use proc_macro2::TokenTree;
use quote::ToTokens;

/// Extensions that are taken for media types.
const EXTENSIONS: &[(&str, &str)] = &[
    ("pdf", "application/pdf"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("xml", "application/xml"),
    ("md", "text/markdown"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("avif", "image/avif"),
    ("heic", "image/heic"),
    ("wav", "audio/wav"),
    ("mov", "video/quicktime"),
    ("webm", "video/webm"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("png", "image/png"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("json", "application/json"),
    ("zip", "application/zip"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("image", "image/*"),
    ("video", "video/*"),
    ("audio", "audio/*"),
    ("text", "text/*"),
];

/// Top-level media types.
const MAIN: &[&str] = &[
    "application",
    "audio",
    "example",
    "font",
    "haptics",
    "image",
    "message",
    "model",
    "multipart",
    "text",
    "video",
];

/// Types that are often written and never found: their right names.
const SLIPS: &[(&str, &str)] = &[
    ("image/jpg", "image/jpeg"),
    ("image/svg", "image/svg+xml"),
    ("image/tif", "image/tiff"),
    ("application/x-pdf", "application/pdf"),
    ("application/jpg", "image/jpeg"),
    ("application/jpeg", "image/jpeg"),
    ("application/png", "image/png"),
    ("application/doc", "application/msword"),
    ("audio/mp3", "audio/mpeg"),
    ("video/mov", "video/quicktime"),
    ("text/txt", "text/plain"),
    ("text/md", "text/markdown"),
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
    let mut types: Vec<String> = Vec::new();
    for text in texts {
        let media_type = text.value.to_ascii_lowercase();
        match media_type_error(&media_type) {
            Some(message) => errors.add(text.token.to_token_stream(), message),
            None if types.contains(&media_type) => {
                errors.add(
                    text.token.to_token_stream(),
                    Message::new(format!("`{media_type}` is listed twice")).help("remove one of the two"),
                );
            }
            None => types.push(media_type),
        }
    }
    Some(types)
}

/// What is wrong with a media type in lower case (RFC 9110, 8.3.1), where `*` may stand for the subtype.
fn media_type_error(media_type: &str) -> Option<Message> {
    let token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let message = Message::new(format!("`{}` is not a media type", media_type.escape_debug()));
    if media_type == "*/*" || media_type == "*" {
        return Some(
            Message::new(format!("`{media_type}` accepts everything")).help("leave the key `accept` out"),
        );
    }
    let bare = media_type.trim_start_matches("*.").trim_start_matches('.');
    if let Some((_, known)) = EXTENSIONS.iter().find(|(extension, _)| *extension == bare) {
        return Some(message.help(format!("write `\"{known}\"`")));
    }
    if let Some((_, right)) = SLIPS.iter().find(|(slip, _)| *slip == media_type) {
        return Some(
            Message::new(format!("no file is of the type `{media_type}`"))
                .help(format!("write `\"{right}\"`")),
        );
    }
    if media_type.contains(',') {
        let parts: Vec<_> =
            media_type.split(',').map(|part| format!("\"{}\"", part.trim().escape_debug())).collect();
        return Some(message.help(format!("write `{}`", parts.join(", "))));
    }
    if media_type.contains(';') {
        return Some(message.help("leave the parameters after `;` out"));
    }
    match media_type.split_once('/') {
        Some((main, sub)) if token(main) && (token(sub) || sub == "*") => {
            let near = nearest(main, MAIN.iter().copied()).filter(|near| *near != main)?;
            Some(message.help(format!("write `\"{near}/{sub}\"`")))
        }
        _ => Some(message.help("write a type such as `\"application/pdf\"` or `\"image/*\"`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        for good in [
            "image/*",
            "application/pdf",
            "image/svg+xml",
            "application/vnd.ms-excel",
            "chemical/x-pdb",
            "x-world/x-vrml",
        ] {
            assert!(media_type_error(good).is_none(), "{good}");
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
        ] {
            assert!(media_type_error(bad).is_some(), "{bad}");
        }
    }
}

//! The media types that can be detected: those of `filefield::inspect::TYPES`. A test of the runtime compares
//! the two.

/// In alphabetical order.
pub(crate) const TYPES: &[&str] = &[
    "application/gzip",
    "application/ogg",
    "application/pdf",
    "application/postscript",
    "application/xhtml+xml",
    "application/xml",
    "application/zip",
    "audio/flac",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "font/woff",
    "font/woff2",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/heic",
    "image/heic-sequence",
    "image/heif",
    "image/heif-sequence",
    "image/jpeg",
    "image/png",
    "image/svg+xml",
    "image/tiff",
    "image/vnd.microsoft.icon",
    "image/webp",
    "image/x-canon-cr3",
    "text/html",
    "text/plain",
    "video/3gpp",
    "video/3gpp2",
    "video/matroska",
    "video/mp4",
    "video/ogg",
    "video/quicktime",
    "video/webm",
    "video/x-msvideo",
];

/// Stands for content without a detected type.
pub(crate) const UNKNOWN: &str = "unknown";

//! All results of `sniff`.

/// All media types that [`sniff`](super::sniff) detects, in alphabetical order. Besides [`UNKNOWN`], the
/// derive accepts only these in `accept`.
pub const TYPES: &[&str] = &[
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

/// In `accept`, matches content of no detected type: text that is not UTF-8, an empty file, and every format
/// not in [`TYPES`].
pub const UNKNOWN: &str = "unknown";

/// Extensions of the types, the usual one first. Text, archives and XML underlie many formats; only
/// extensions that nothing executes are listed for them.
const EXTENSIONS: &[(&str, &[&str])] = &[
    ("application/gzip", &["gz", "tgz"]),
    ("application/ogg", &["ogx", "ogg"]),
    ("application/pdf", &["pdf"]),
    ("application/postscript", &["ps", "eps", "ai"]),
    ("application/xhtml+xml", &["xhtml", "xht"]),
    ("application/xml", &["xml", "rss", "atom", "gpx", "kml", "musicxml", "xmp", "rdf", "tei", "dae"]),
    (
        "application/zip",
        &[
            "zip", "docx", "xlsx", "pptx", "odt", "ods", "odp", "odg", "epub", "kmz", "3mf", "cbz", "sketch",
            "key", "numbers", "pages",
        ],
    ),
    ("audio/flac", &["flac"]),
    ("audio/mp4", &["m4a", "m4b", "mp4"]),
    ("audio/mpeg", &["mp3", "mp2", "mpga"]),
    ("audio/ogg", &["ogg", "oga", "opus", "spx"]),
    ("audio/wav", &["wav", "wave"]),
    ("font/woff", &["woff"]),
    ("font/woff2", &["woff2"]),
    ("image/avif", &["avif", "avifs"]),
    ("image/bmp", &["bmp", "dib"]),
    ("image/gif", &["gif"]),
    ("image/heic", &["heic", "heif", "hif"]),
    ("image/heic-sequence", &["heics", "heic", "heifs"]),
    ("image/heif", &["heif", "hif", "heic", "avci"]),
    ("image/heif-sequence", &["heifs", "heif", "avcs"]),
    ("image/jpeg", &["jpg", "jpeg", "jpe", "jfif", "jif", "mpo"]),
    ("image/png", &["png", "apng"]),
    ("image/svg+xml", &["svg"]),
    ("image/tiff", &["tif", "tiff", "dng", "nef", "arw", "cr2", "pef", "srw"]),
    ("image/vnd.microsoft.icon", &["ico", "cur"]),
    ("image/webp", &["webp"]),
    ("image/x-canon-cr3", &["cr3"]),
    ("text/html", &["html", "htm"]),
    (
        "text/plain",
        &[
            "txt", "text", "csv", "tsv", "md", "markdown", "json", "jsonl", "ndjson", "geojson", "yaml",
            "yml", "toml", "log", "ini", "rst", "adoc", "tex", "bib", "srt", "vtt", "ics", "vcf", "rtf",
            "eml", "po", "pem", "asc", "diff", "patch", "sql", "gcode", "obj", "stl", "m3u", "m3u8", "lrc",
        ],
    ),
    ("video/3gpp", &["3gp", "3gpp"]),
    ("video/3gpp2", &["3g2"]),
    ("video/matroska", &["mkv", "mka", "mk3d"]),
    ("video/mp4", &["mp4", "m4v", "f4v"]),
    ("video/ogg", &["ogv", "ogg"]),
    ("video/quicktime", &["mov", "qt"]),
    ("video/webm", &["webm", "weba"]),
    ("video/x-msvideo", &["avi"]),
];

/// The extensions of a type, without dots, the usual one first. Only `bin` if no type was detected.
pub(crate) fn extensions(content_type: Option<&str>) -> &'static [&'static str] {
    let found = EXTENSIONS.iter().find(|(known, _)| Some(*known) == content_type);
    found.map_or(&["bin"], |(_, extensions)| extensions)
}

//! Differences in chunks and images.

use super::Case;
use serde_json::{Value, json};

/// Django gives one piece; ours are all of the size asked for but the last, and as long together.
pub(super) fn memory_chunks(case: &Case<'_>) -> bool {
    let question = case.question;
    let Some(size) = question["size"].as_u64() else { return false };
    let chunk = question["chunk_size"].as_u64().filter(|&size| size > 0).unwrap_or(64 * 1024);
    let mut lengths = vec![chunk; usize::try_from(size / chunk).unwrap_or(0)];
    lengths.extend((!size.is_multiple_of(chunk)).then_some(size % chunk));
    case.op() == "chunks"
        && question["kind"] == "memory"
        && *case.want == json!({"ok": {"lengths": [size], "multiple": false}})
        && *case.got == json!({"ok": {"lengths": lengths, "multiple": size > chunk}})
}

/// Django finds nothing; ours are the dimensions of the image that the generator cut.
pub(super) fn cut_image(case: &Case<'_>) -> bool {
    let whole = &case.question["whole"];
    case.op() == "image_dimensions"
        && *case.want == json!({"ok": [Value::Null, Value::Null]})
        && whole.is_array()
        && case.got["ok"] == *whole
}

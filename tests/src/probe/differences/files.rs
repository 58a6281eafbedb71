//! Differences in chunks and images.

use super::Case;
use crate::probe::files::decode;
use filefield::image::{Dimensions, Format, dimensions, probe};
use serde_json::{Value, json};

/// Django returns one chunk. Our chunks all have the requested size except the last, and the same total
/// length.
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

/// The bytes in the question.
fn image(case: &Case<'_>) -> Option<Vec<u8>> {
    match case.argument("data_b64") {
        _ if case.op() != "image_dimensions" => None,
        "" => std::fs::read(case.argument("path")).ok(),
        data => decode(data).ok(),
    }
}

/// The dimensions in an answer, if any.
fn sides(answer: &Value) -> Option<Dimensions> {
    let side = |at: usize| u32::try_from(answer["ok"].get(at)?.as_u64()?).ok();
    Some(Dimensions { width: side(0)?, height: side(1)? })
}

fn is_none(answer: &Value) -> bool {
    *answer == json!({"ok": [Value::Null, Value::Null]})
}

/// Django finds nothing, or fails after the header. Ours are the dimensions in the header, or, for an image
/// that the generator cut off, the original ones.
pub(super) fn header_alone(case: &Case<'_>) -> bool {
    let whole = &case.question["whole"];
    let Some(bytes) = image(case) else { return false };
    let longest =
        if Format::detect(&bytes) == Some(Format::Jpeg) { bytes.len() } else { bytes.len().min(64 << 10) };
    (is_none(case.want) || case.want["error"] == "ValueError")
        && sides(case.got).is_some_and(|seen| dimensions(&bytes[..longest]) == Some(seen))
        && (whole.is_null() || case.got["ok"] == *whole)
}

pub(super) fn pixel_limit(case: &Case<'_>) -> bool {
    case.op() == "image_dimensions"
        && case.want["error"] == "DecompressionBombError"
        && (sides(case.got).is_some() || is_none(case.got))
}

pub(super) fn turned_tiff(case: &Case<'_>) -> bool {
    let seen = image(case).and_then(|bytes| probe(&bytes));
    seen.is_some_and(|seen| {
        seen.format == Format::Tiff
            && sides(case.got) == Some(seen.dimensions)
            && sides(case.want) == Some(seen.oriented_dimensions())
    })
}

/// The format of an image that only Django recognises. The inner `None` means that the format is not one of
/// ours.
fn unseen(case: &Case<'_>) -> Option<(Option<Format>, Vec<u8>)> {
    let bytes = image(case)?;
    let seen = sides(case.want).is_some() || case.want["error"] == "ValueError";
    (is_none(case.got) && seen).then(|| (Format::detect(&bytes), bytes))
}

pub(super) fn unknown_format(case: &Case<'_>) -> bool {
    unseen(case).is_some_and(|(format, _)| format.is_none())
}

pub(super) fn broken_header(case: &Case<'_>) -> bool {
    unseen(case).is_some_and(|(format, _)| format.is_some())
}

/// Django reads the dimensions from another header of the same file.
pub(super) fn second_header(case: &Case<'_>) -> bool {
    let (Some(bytes), Some(ours), Some(theirs)) = (image(case), sides(case.got), sides(case.want)) else {
        return false;
    };
    let at = |sides: Dimensions| {
        let header = match Format::detect(&bytes)? {
            Format::Png => [b"IHDR", &sides.width.to_be_bytes()[..], &sides.height.to_be_bytes()].concat(),
            Format::Jpeg => {
                [b"\x08", &sides.height.to_be_bytes()[2..], &sides.width.to_be_bytes()[2..]].concat()
            }
            _ => return None,
        };
        bytes.windows(header.len()).position(|window| window == header)
    };
    ours != theirs && at(ours).zip(at(theirs)).is_some_and(|(ours, theirs)| ours < theirs)
}

//! URLs and HTTP dates.

use super::{Answer, Failure};
use filefield::{FileName, http_date, name};
use serde::Deserialize;
use serde_json::json;
use std::time::{Duration, SystemTime};

#[derive(Debug, Deserialize)]
pub(super) struct Url {
    base_url: Option<String>,
    name: Option<String>,
    #[serde(default = "default_media_url")]
    media_url: Option<String>,
}

fn default_media_url() -> Option<String> {
    Some("/media/".to_owned())
}

/// The base URL that Django uses: an argument gets a slash, and a relative setting gets the script's prefix.
fn base_url(question: &Url) -> Option<String> {
    match (&question.base_url, &question.media_url) {
        (Some(base), _) if base.ends_with('/') => Some(base.clone()),
        (Some(base), _) => Some(format!("{base}/")),
        (None, Some(media)) if ["http://", "https://", "/"].iter().any(|start| media.starts_with(start)) => {
            Some(media.clone())
        }
        (None, media) => media.as_ref().map(|media| format!("/{media}")),
    }
}

pub(super) fn url(question: &Url) -> Answer {
    let Some(base) = base_url(question) else { return Err(Failure { error: "ValueError", kind: "" }) };
    let url = name::resolve_url(&base, question.name.as_deref().unwrap_or(""))?;
    // The rule that storages really use must agree wherever both apply.
    if let (Ok(checked), Some(Ok(file))) =
        (name::check_base_url(&base), question.name.as_deref().map(FileName::new))
        && ["http:", "https:", "/"].iter().any(|start| checked.starts_with(start))
        && base.ends_with('/')
        && name::join_url(&checked, file) != url
    {
        return Err(Failure { error: "Probe", kind: "join_url_disagrees" });
    }
    Ok(json!(url))
}

pub(super) fn was_modified_since(header: Option<&str>, mtime: f64) -> Answer {
    let shift =
        Duration::try_from_secs_f64(mtime.abs()).map_err(|_| Failure { error: "Probe", kind: "mtime" })?;
    let time = if mtime < 0.0 {
        SystemTime::UNIX_EPOCH.checked_sub(shift)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(shift)
    };
    let time = time.ok_or(Failure { error: "Probe", kind: "mtime" })?;
    Ok(json!(http_date::was_modified_since(header, time)))
}

//! The calls, as specified by the XML API.

use super::State;
use super::objects::{Object, Page, Refused};
use crate::buckets::refusals::error_body;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_RANGE, ETAG, HeaderMap, IF_MATCH, LAST_MODIFIED, RANGE};
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use std::fmt::Write;
use std::ops::Range;
use std::time::SystemTime;

type Answer = Response<Full<Bytes>>;
type Called = Result<Answer, Refused>;

/// Headers that are kept with an object.
const KEPT: [&str; 6] = [
    "content-type",
    "content-disposition",
    "content-encoding",
    "content-language",
    "cache-control",
    "x-goog-storage-class",
];
const META: &str = "x-goog-meta-";
const GENERATION: &str = "x-goog-if-generation-match";
const COPY: &str = "x-goog-copy-source";
/// The number of names per page of a list, unless fewer are requested.
const PAGE: usize = 1000;

/// A call, taken apart.
struct Call {
    method: Method,
    bucket: String,
    key: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    fn get(&self, key: &str) -> Option<&str> {
        self.query.iter().find_map(|(known, value)| (known == key).then_some(&**value))
    }

    /// The names in the query without those of the signature, in order.
    fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<_> = self.query.iter().map(|(key, _)| &**key).collect();
        keys.retain(|key| !key.starts_with("X-Goog-"));
        keys.sort_unstable();
        keys
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn kept(&self) -> Vec<(String, String)> {
        let kept = self
            .headers
            .iter()
            .filter(|(name, _)| KEPT.contains(&name.as_str()) || name.as_str().starts_with(META));
        kept.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
    }

    /// Checks that the body has the length in the signed header.
    fn check_length(&self) -> Result<(), Refused> {
        let Some(range) = self.header("x-goog-content-length-range") else { return Ok(()) };
        let (least, most) = range.split_once(',').unwrap();
        let len = self.body.len() as u64;
        match (len < least.parse().unwrap(), len > most.parse().unwrap()) {
            (true, _) => Err((400, "EntityTooSmall")),
            (_, true) => Err((400, "EntityTooLarge")),
            _ => Ok(()),
        }
    }

    /// The generation that the object must have; 0 if the name must be free.
    fn wanted(&self) -> Result<Option<u64>, Refused> {
        let wanted = self.header(GENERATION).map(str::parse).transpose();
        wanted.map_err(|_| (400, "InvalidArgument"))
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let plus = |text: &str| decoded(&text.replace('+', "%20"));
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (plus(key), plus(value)))
        .collect()
}

impl State {
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let shown = format!("{} {}", head.method, head.uri);
        let Ok(body) = body.collect().await.map(|body| body.to_bytes()) else {
            return refused((400, "RequestBodyIncomplete"));
        };
        if let Some((status, text)) = self.refusals.of(&head.method) {
            let mut answer = Response::new(Full::from(text));
            *answer.status_mut() = status;
            return answer;
        }
        let path = head.uri.path();
        let (bucket, key) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
        let query = pairs(head.uri.query().unwrap_or_default());
        if let Err(reason) = self.allow(&head.method, path, &query, &head.headers) {
            return refused(reason);
        }
        let call = Call {
            bucket: decoded(bucket),
            key: decoded(key),
            query,
            body,
            method: head.method,
            headers: head.headers,
        };
        match self.call(&call) {
            Ok(answer) => answer,
            Err(reason) => {
                if reason.0 == 501 {
                    self.unknown.lock().unwrap().push(shown);
                }
                refused(reason)
            }
        }
    }

    fn allow(
        &self,
        method: &Method,
        path: &str,
        query: &[(String, String)],
        headers: &HeaderMap,
    ) -> Result<(), Refused> {
        if query.iter().any(|(key, _)| key == "X-Goog-Signature") {
            let signed = self.account.is_signed(method.as_str(), path, query, headers);
            return if signed { Ok(()) } else { Err((403, "SignatureDoesNotMatch")) };
        }
        let token =
            headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        match token {
            None | Some("") => Err((403, "AccessDenied")),
            Some(token) if self.account.is_token(token) => Ok(()),
            Some(_) => Err((401, "AuthenticationRequired")),
        }
    }

    fn call(&self, call: &Call) -> Called {
        let mut objects = self.objects.lock().unwrap();
        let (bucket, key) = (&*call.bucket, &*call.key);
        if key.len() > 1024 {
            return Err((400, "KeyTooLongError"));
        }
        match (call.method.as_str(), key.is_empty(), &*call.keys()) {
            ("GET", true, keys)
                if call.get("list-type") == Some("2") && keys.iter().all(|key| is_of_list(key)) =>
            {
                let after = call.get("continuation-token").or(call.get("start-after")).unwrap_or_default();
                let most = call.get("max-keys").map_or(PAGE, |keys| keys.parse().unwrap());
                let page = objects.list(
                    bucket,
                    call.get("prefix").unwrap_or_default(),
                    call.get("delimiter"),
                    (after, most),
                )?;
                Ok(xml(list(&page)))
            }
            ("GET" | "HEAD", false, keys) if keys.iter().all(|key| is_of_get(key)) => {
                found(call, &objects.get(bucket, key)?)
            }
            ("PUT", false, []) if call.headers.contains_key(COPY) => {
                let from = decoded(call.header(COPY).unwrap());
                let (from_bucket, from_key) = from.split_once('/').unwrap();
                let original = objects.get(from_bucket, from_key)?;
                objects.put(bucket, key, (original.bytes, original.headers), call.wanted()?)?;
                Ok(xml("<CopyObjectResult><ETag>\"copied\"</ETag></CopyObjectResult>".into()))
            }
            ("PUT", false, []) => {
                call.check_length()?;
                let generation =
                    objects.put(bucket, key, (call.body.clone(), call.kept()), call.wanted()?)?;
                Ok(stored(&format!("\"{generation}\""), Some(generation)))
            }
            ("PUT", false, ["partNumber", "uploadId"]) => {
                let number = call.get("partNumber").unwrap().parse().map_err(|_| (400, "InvalidArgument"))?;
                let id = call.get("uploadId").unwrap();
                Ok(stored(&objects.put_part(bucket, key, id, (number, call.body.clone()))?, None))
            }
            ("POST", false, ["uploads"]) => {
                let id = objects.begin(bucket, key, call.kept())?;
                Ok(xml(format!(
                    "<InitiateMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{}</Key><UploadId>{id}</UploadId>\
                     </InitiateMultipartUploadResult>",
                    escaped(key)
                )))
            }
            ("POST", false, ["uploadId"]) if !call.headers.contains_key(GENERATION) => {
                let generation =
                    objects.complete(bucket, key, call.get("uploadId").unwrap(), &parts(&call.body)?)?;
                Ok(xml(format!(
                    "<CompleteMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{}</Key><ETag>\"{generation}\"</ETag>\
                     </CompleteMultipartUploadResult>",
                    escaped(key)
                )))
            }
            ("DELETE", false, ["uploadId"]) => {
                objects.abort(bucket, key, call.get("uploadId").unwrap())?;
                Ok(empty(StatusCode::NO_CONTENT))
            }
            ("DELETE", false, []) => {
                objects.delete(bucket, key)?;
                Ok(empty(StatusCode::NO_CONTENT))
            }
            _ => Err((501, "NotImplemented")),
        }
    }
}

fn is_of_list(key: &str) -> bool {
    ["list-type", "prefix", "delimiter", "continuation-token", "start-after", "max-keys"].contains(&key)
}

fn is_of_get(key: &str) -> bool {
    ["response-content-type", "response-content-disposition"].contains(&key)
}

/// An object, or the requested part of it.
fn found(call: &Call, object: &Object) -> Called {
    let tag = format!("\"{}\"", object.generation);
    if call.headers.get(IF_MATCH).is_some_and(|wanted| wanted != tag.as_str()) {
        return Err((412, "PreconditionFailed"));
    }
    let len = object.bytes.len();
    let wanted = call.headers.get(RANGE).map(|value| range(value.to_str().unwrap(), len)).transpose()?;
    let shown = wanted.clone().unwrap_or(0..len);
    let mut answer = Response::builder()
        .header(ETAG, tag)
        .header(LAST_MODIFIED, http_date(object.modified))
        .header("x-goog-generation", object.generation)
        .header("content-length", shown.len());
    if wanted.is_some() {
        let value = format!("bytes {}-{}/{len}", shown.start, shown.end - 1);
        answer = answer.status(206).header(CONTENT_RANGE, value);
    }
    for (name, value) in &object.headers {
        let asked = call.get(&format!("response-{name}"));
        answer = answer.header(name, asked.unwrap_or(value));
    }
    for name in ["content-type", "content-disposition"] {
        if let (Some(value), false) =
            (call.get(&format!("response-{name}")), object.headers.iter().any(|(known, _)| known == name))
        {
            answer = answer.header(name, value);
        }
    }
    let body = if call.method == Method::HEAD { Bytes::new() } else { object.bytes.slice(shown) };
    Ok(answer.body(Full::from(body)).unwrap())
}

/// `bytes=1-2`, `bytes=1-` or `bytes=-2`.
fn range(header: &str, len: usize) -> Result<Range<usize>, Refused> {
    let bad = (416, "InvalidRange");
    let (start, end) = header.strip_prefix("bytes=").and_then(|range| range.split_once('-')).ok_or(bad)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| bad);
    let (start, end) = match (start, end) {
        ("", last) => (len.saturating_sub(number(last)? as usize) as u64, len as u64),
        (start, "") => (number(start)?, len as u64),
        (start, end) => (number(start)?, number(end)?.saturating_add(1).min(len as u64)),
    };
    if start >= len as u64 || start >= end { Err(bad) } else { Ok(start as usize..end as usize) }
}

/// Numbers and ETags of the parts that the body names.
fn parts(body: &[u8]) -> Result<Vec<(u32, String)>, Refused> {
    let bad = (400, "MalformedXML");
    let text = str::from_utf8(body).map_err(|_| bad)?;
    let between = |part: &str, tag: &str| {
        let (_, rest) = part.split_once(&format!("<{tag}>"))?;
        Some(rest.split_once(&format!("</{tag}>"))?.0.replace("&quot;", "\""))
    };
    let part = |part: &str| Some((between(part, "PartNumber")?.parse().ok()?, between(part, "ETag")?));
    text.split("<Part>").skip(1).map(|text| part(text).ok_or(bad)).collect()
}

fn list(page: &Page) -> String {
    let mut text = String::from("<ListBucketResult>");
    for (key, object) in &page.objects {
        let modified = rfc3339(object.modified);
        let _ = write!(
            text,
            "<Contents><Key>{}</Key><LastModified>{modified}</LastModified><ETag>\"{}\"</ETag><Size>{}</Size></Contents>",
            escaped(key),
            object.generation,
            object.bytes.len()
        );
    }
    for prefix in &page.prefixes {
        let _ = write!(text, "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escaped(prefix));
    }
    if let Some(next) = &page.next {
        let _ = write!(text, "<NextContinuationToken>{}</NextContinuationToken>", escaped(next));
    }
    text + "</ListBucketResult>"
}

fn http_date(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).unwrap().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn rfc3339(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).unwrap().to_string()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn stored(tag: &str, generation: Option<u64>) -> Answer {
    let mut answer = empty(StatusCode::OK);
    answer.headers_mut().insert(ETAG, tag.parse().unwrap());
    if let Some(generation) = generation {
        answer.headers_mut().insert("x-goog-generation", generation.into());
    }
    answer
}

fn xml(text: String) -> Answer {
    Response::new(Full::from(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{text}")))
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

fn refused((status, code): Refused) -> Answer {
    let mut answer = Response::new(Full::from(error_body(code)));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

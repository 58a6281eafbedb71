//! Buckets, objects and open uploads, in memory.

use hyper::body::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

/// The minimum size of a part, except the last.
const LEAST_PART: usize = 5 << 20;

/// A refusal, with the status and the code of the provider.
pub(super) type Refused = (u16, &'static str);

#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) bytes: Bytes,
    /// `Content-Type` and the like, and `x-goog-meta-..`.
    pub(super) headers: Vec<(String, String)>,
    pub(super) generation: u64,
    pub(super) modified: SystemTime,
}

#[derive(Debug)]
struct Upload {
    bucket: String,
    key: String,
    headers: Vec<(String, String)>,
    parts: BTreeMap<u32, (String, Bytes)>,
}

/// A page of a list.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<(String, Object)>,
    pub(super) prefixes: Vec<String>,
    /// Where the next page begins.
    pub(super) next: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Objects {
    buckets: BTreeMap<String, BTreeMap<String, Object>>,
    uploads: BTreeMap<String, Upload>,
    last: u64,
}

impl Objects {
    pub(super) fn add_bucket(&mut self, bucket: &str) {
        self.buckets.entry(bucket.to_owned()).or_default();
    }

    pub(super) fn open_uploads(&self) -> usize {
        self.uploads.len()
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn bucket(&mut self, bucket: &str) -> Result<&mut BTreeMap<String, Object>, Refused> {
        self.buckets.get_mut(bucket).ok_or((404, "NoSuchBucket"))
    }

    pub(super) fn get(&mut self, bucket: &str, key: &str) -> Result<Object, Refused> {
        self.bucket(bucket)?.get(key).cloned().ok_or((404, "NoSuchKey"))
    }

    /// Stores an object. If `wanted` is given, it must be the generation of the object that is replaced; 0
    /// means no object. Both happen atomically, because the caller holds the lock.
    pub(super) fn put(
        &mut self,
        bucket: &str,
        key: &str,
        (bytes, headers): (Bytes, Vec<(String, String)>),
        wanted: Option<u64>,
    ) -> Result<u64, Refused> {
        let generation = self.next();
        let objects = self.bucket(bucket)?;
        let there = objects.get(key).map_or(0, |object| object.generation);
        if wanted.is_some_and(|wanted| wanted != there) {
            return Err((412, "PreconditionFailed"));
        }
        objects.insert(key.to_owned(), Object { bytes, headers, generation, modified: SystemTime::now() });
        Ok(generation)
    }

    pub(super) fn delete(&mut self, bucket: &str, key: &str) -> Result<(), Refused> {
        self.bucket(bucket)?.remove(key).map(drop).ok_or((404, "NoSuchKey"))
    }

    pub(super) fn begin(
        &mut self,
        bucket: &str,
        key: &str,
        headers: Vec<(String, String)>,
    ) -> Result<String, Refused> {
        self.bucket(bucket)?;
        let id = format!("upload-{}", self.next());
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.uploads.insert(id.clone(), Upload { bucket, key, headers, parts: BTreeMap::new() });
        Ok(id)
    }

    fn upload(&mut self, bucket: &str, key: &str, id: &str) -> Result<&mut Upload, Refused> {
        let upload = self.uploads.get_mut(id).filter(|upload| upload.bucket == bucket && upload.key == key);
        upload.ok_or((404, "NoSuchUpload"))
    }

    /// Stores a part and returns its ETag.
    pub(super) fn put_part(
        &mut self,
        bucket: &str,
        key: &str,
        id: &str,
        (number, bytes): (u32, Bytes),
    ) -> Result<String, Refused> {
        let tag = format!("\"part-{}\"", self.next());
        self.upload(bucket, key, id)?.parts.insert(number, (tag.clone(), bytes));
        Ok(tag)
    }

    /// Makes the object of exactly these parts. It has no conditions: it replaces an existing object.
    pub(super) fn complete(
        &mut self,
        bucket: &str,
        key: &str,
        id: &str,
        parts: &[(u32, String)],
    ) -> Result<u64, Refused> {
        let upload = self.upload(bucket, key, id)?;
        let mut bytes = Vec::new();
        for (n, (number, tag)) in parts.iter().enumerate() {
            match upload.parts.get(number) {
                Some((known, part)) if known == tag => {
                    if part.len() < LEAST_PART && n + 1 < parts.len() {
                        return Err((400, "EntityTooSmall"));
                    }
                    bytes.extend_from_slice(part);
                }
                _ => return Err((400, "InvalidPart")),
            }
        }
        if parts.is_empty() || !parts.is_sorted_by(|a, b| a.0 < b.0) {
            return Err((400, "InvalidPartOrder"));
        }
        let headers = std::mem::take(&mut upload.headers);
        self.uploads.remove(id);
        self.put(bucket, key, (bytes.into(), headers), None)
    }

    pub(super) fn abort(&mut self, bucket: &str, key: &str, id: &str) -> Result<(), Refused> {
        self.upload(bucket, key, id)?;
        self.uploads.remove(id);
        Ok(())
    }

    /// Names in the order of their bytes; with a delimiter, names that have it after the prefix are one entry.
    pub(super) fn list(
        &mut self,
        bucket: &str,
        prefix: &str,
        delimiter: Option<&str>,
        (after, most): (&str, usize),
    ) -> Result<Page, Refused> {
        let mut page = Page::default();
        let mut prefixes = BTreeSet::new();
        for (key, object) in self.bucket(bucket)?.range(prefix.to_owned()..) {
            let Some(rest) = key.strip_prefix(prefix) else { break };
            let folded = delimiter.and_then(|delimiter| {
                rest.split_once(delimiter).map(|(first, _)| format!("{prefix}{first}{delimiter}"))
            });
            let entry = folded.as_deref().unwrap_or(key);
            if entry <= after || prefixes.contains(entry) {
                continue;
            }
            if page.objects.len() + prefixes.len() == most {
                // The last name of this page.
                let last = page.objects.last().map(|(key, _)| key.clone());
                page.next = last.max(prefixes.last().cloned());
                break;
            }
            match folded {
                Some(folded) => drop(prefixes.insert(folded)),
                None => page.objects.push((key.clone(), object.clone())),
            }
        }
        page.prefixes = prefixes.into_iter().collect();
        Ok(page)
    }
}

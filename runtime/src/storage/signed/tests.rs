//! What a signature covers, and what clients may change in a URL.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::storage::{FileSystemStorage, MemoryStorage, PrefixStorage};
use crate::{Error, ErrorKind, FileName, Result, Storage, StorageExt};
use std::sync::Arc;

const SECRET: &str = "the first secret has 32 bytes, too";
const OTHER: &str = "the second secret has 32 bytes, too";
const REFUSED: &str =
    "verify_signed_url: the signed URL is invalid for this request or has expired (storage memory)";
const MINUTE: Duration = Duration::from_secs(60);

fn storage(signer: Signer) -> MemoryStorage {
    MemoryStorage::builder().base_url("/media/").signer(signer).build().unwrap()
}

fn name(name: &str) -> FileName<'_> {
    FileName::new(name).unwrap()
}

async fn sign(storage: &dyn Storage, options: &SignOptions) -> String {
    storage.signed_url(name("cars/57 chevy.jpg"), options).await.unwrap()
}

fn get(storage: &dyn Storage, target: &str) -> Result<SignedAccess> {
    storage.verify_signed_url(&SignedRequest::new("GET", target))
}

/// Checks that it is refused like everything else.
fn refused(result: Result<SignedAccess>, what: &str) -> Error {
    let error = result.expect_err(what);
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{what}: {error}");
    assert!(error.to_string() == REFUSED, "{what}: {error}");
    error
}

#[tokio::test]
async fn every_storage_of_this_machine_signs() {
    let folder = tempfile::tempdir().unwrap();
    let signer = || Signer::new(SECRET).unwrap();
    let disk = FileSystemStorage::builder(folder.path()).base_url("/media").signer(signer()).build().unwrap();
    let memory = Arc::new(storage(signer()));
    let tenant = PrefixStorage::new(memory.clone(), "tenants/7").unwrap();
    let stranger = PrefixStorage::new(memory.clone(), "tenants/8").unwrap();
    let download =
        SignOptions::get(MINUTE).disposition("attachment; filename=\"a b;c.jpg\"").content_type("image/jpeg");
    for storage in [&disk as &dyn Storage, &*memory, &tenant] {
        let url = sign(storage, &download).await;
        let access = get(storage, &url).unwrap();
        assert_eq!((access.name.as_str(), access.method), ("cars/57 chevy.jpg", SignedMethod::Get));
        assert_eq!(
            (access.content_type, access.disposition),
            (download.content_type.clone(), download.disposition.clone())
        );
        let left = access.expires.duration_since(SystemTime::now()).unwrap();
        assert!(left <= MINUTE && left > MINUTE - Duration::from_secs(10), "{left:?}");
        storage.verify_signed_url(&SignedRequest::new("HEAD", &url)).unwrap();
    }
    let url = sign(&tenant, &download).await;
    assert!(url.starts_with("/media/tenants/7/cars/57%20chevy.jpg?"), "{url}");
    refused(get(&stranger, &url), "another tenant's");

    let unsigned = MemoryStorage::builder().base_url("/media/").build().unwrap();
    let error = unsigned.signed_url(name("a"), &download).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("set `SECRET_KEY`"), "{error}");
    let nowhere = MemoryStorage::builder().signer(signer()).build().unwrap();
    for error in
        [nowhere.signed_url(name("a"), &download).await, nowhere.url(name("a"))].map(Result::unwrap_err)
    {
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(
            error.to_string().contains("set `MEDIA_URL` (in the environment `FILEFIELD_MEDIA_URL`)"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_upload_is_held_to_its_type_and_length() {
    let storage = storage(Signer::new(SECRET).unwrap());
    let url = sign(&storage, &SignOptions::put(MINUTE).content_type("image/png").content_length(7)).await;
    let good = SignedRequest {
        content_type: Some("image/png"),
        content_length: Some(7),
        ..SignedRequest::new("PUT", &url)
    };
    assert_eq!(storage.verify_signed_url(&good).unwrap().content_length, Some(7));
    for (bad, what) in [
        (SignedRequest { content_type: Some("text/html"), ..good }, "another type"),
        (SignedRequest { content_type: None, ..good }, "no type"),
        (SignedRequest { content_length: Some(8), ..good }, "another length"),
        (SignedRequest { content_length: None, ..good }, "no length"),
        (SignedRequest { method: "GET", ..good }, "an upload's signature for a download"),
        (SignedRequest { method: "POST", ..good }, "another method"),
        (SignedRequest { method: "put", ..good }, "a method in lower case"),
        (SignedRequest { purpose: "avatar", ..good }, "another purpose"),
    ] {
        refused(storage.verify_signed_url(&bad), what);
    }
    let bound = sign(&storage, &SignOptions::get(MINUTE).purpose("avatar")).await;
    assert!(!bound.contains("avatar"));
    refused(get(&storage, &bound), "no purpose");
    storage
        .verify_signed_url(&SignedRequest { purpose: "avatar", ..SignedRequest::new("GET", &bound) })
        .unwrap();
}

#[tokio::test]
async fn every_mutation_is_refused_and_another_order_is_not() {
    let storage = storage(Signer::new(SECRET).unwrap());
    let options = SignOptions::get(MINUTE).content_type("image/png").disposition("inline");
    let url = sign(&storage, &options).await;
    let (path, query) = url.split_once('?').unwrap();
    let (terms, signature) = query.rsplit_once("&signature=").unwrap();
    let expires: u64 = terms.split('&').next().unwrap().strip_prefix("expires=").unwrap().parse().unwrap();
    let rest = terms.split_once('&').unwrap().1;
    let reordered: Vec<&str> = query.split('&').rev().collect();
    get(&storage, &format!("{path}?{}", reordered.join("&"))).unwrap();

    let mut mutated: Vec<String> = Vec::new();
    for at in 0..32 {
        let byte = u8::from_str_radix(&signature[2 * at..2 * at + 2], 16).unwrap() ^ (1 << (at % 8));
        let flipped = format!("{}{byte:02x}{}", &signature[..2 * at], &signature[2 * at + 2..]);
        mutated.push(format!("{path}?{terms}&signature={flipped}"));
    }
    let upper = signature.to_uppercase();
    assert_ne!(upper, signature);
    for signature in ["", &upper, &signature[..2], &format!("{signature}00"), &format!("{signature}0"), "zz"]
    {
        mutated.push(format!("{path}?{terms}&signature={signature}"));
    }
    mutated.extend([
        path.to_owned(),
        format!("{path}?"),
        format!("{path}?{terms}"),
        format!("{path}?{query}&signature={signature}"),
        format!("{path}?{query}&signature={}", "0".repeat(64)),
        format!("{path}?{query}&unknown=1"),
        format!("{path}?{query}&"),
        format!("{path}?{query}&type=image%2Fpng"),
        format!("{path}?{query}#fragment"),
    ]);
    for other in
        ["/media/cars/57%20chevy.png", "/media/./cars/57%20chevy.jpg", "/media/cars/./57%20chevy.jpg"]
    {
        mutated.push(format!("{other}?{query}"));
    }
    for other in [
        "/media/cars//57%20chevy.jpg",
        "/media/x/../cars/57%20chevy.jpg",
        "/media/cars/57+chevy.jpg",
        "/media/cars%2F57%20chevy.jpg",
        "/media/",
        "/other/cars/57%20chevy.jpg",
        "media/cars/57%20chevy.jpg",
        "/media/cars/57%2520chevy.jpg",
        "",
        "/media/cars/57%20chevy.jpg/",
        "/media/cars/57%20chevy.jpg%00",
        "/media/cars/57%20chevy.jpg%ff",
        "/media/%",
    ] {
        mutated.push(format!("{other}?{query}"));
    }
    for expires in [
        (expires + 1).to_string(),
        (expires - 1).to_string(),
        format!("-{expires}"),
        format!("+{expires}"),
        format!("0{expires}"),
        "1e3".into(),
        (1_u64 << 63).to_string(),
        "18446744073709551616".into(),
        String::new(),
        "0".into(),
        format!("{expires}.0"),
        format!(" {expires}"),
    ] {
        mutated.push(format!("{path}?expires={expires}&{rest}&signature={signature}"));
    }
    for terms in [
        rest.to_owned(),
        format!("expires={expires}&{terms}"),
        terms.replace("image/png", "image/gif"),
        terms.replace("image/png", "image%252Fpng"),
        terms.replace("image/png", "image%2Fpng+"),
        terms.replace("&type=image/png", ""),
        terms.replace("&type=image/png", "&type="),
        terms.replace("inline", "attachment"),
        terms.replace("&disposition=inline", ""),
        terms.replace("disposition", "Disposition"),
        terms.replace("type=image/png&disposition=inline", "type=image/pngi&disposition=nline"),
        terms.replace("type=image/png&disposition=inline", "type=inline&disposition=image/png"),
        format!("{terms}&length=0"),
    ] {
        assert_ne!(format!("{path}?{terms}"), url);
        mutated.push(format!("{path}?{terms}&signature={signature}"));
    }
    assert!(mutated.len() >= 60, "{}", mutated.len());
    for target in &mutated {
        refused(get(&storage, target), target);
    }
    get(&storage, &url).unwrap();
}

/// Every printable ASCII character, and some others.
fn characters() -> Vec<String> {
    let odd = ["é", "ü", "ß", "日", "😀", "Ω", "й", "א", "ñ", "ﬁ"].map(str::to_owned);
    (b' '..=b'~').map(|byte| char::from(byte).to_string()).chain(odd).collect()
}

/// How browsers and HTTP clients rewrite a URL before they send it: by the URL standard, by parsing the query
/// and encoding it as a form, and by escaping more characters.
fn spellings(url: &str) -> Vec<String> {
    let browser = url::Url::parse("https://h.example/x").unwrap().join(url).unwrap();
    let target = |url: &url::Url| [url.path(), "?", url.query().unwrap()].concat();
    let mut form = browser.clone();
    let pairs: Vec<_> = browser.query_pairs().into_owned().collect();
    form.query_pairs_mut().clear().extend_pairs(pairs);
    let mut escaped = String::new();
    let mut rest = url.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let hex = [rest.next().unwrap(), rest.next().unwrap()].map(char::from);
                escaped.extend(['%', hex[0].to_ascii_lowercase(), hex[1].to_ascii_lowercase()]);
            }
            b'/' | b'?' | b'&' | b'=' | b'0'..=b'9' | b'A'..=b'Z' | b'b'..=b'z' => {
                escaped.push(char::from(byte));
            }
            _ => escaped += &format!("%{byte:02x}"),
        }
    }
    vec![target(&browser), target(&form), escaped]
}

/// Puts each character into a name, a disposition and a type, and verifies every rewriting of the URL.
#[tokio::test]
async fn what_a_client_makes_of_a_url_is_that_url() {
    let storage = storage(Signer::new(SECRET).unwrap());
    let mut refused = Vec::new();
    for c in characters() {
        let file = format!("cars/a{c}{c}b{c}.txt");
        let file = FileName::new(&file).unwrap_or_else(|_| {
            refused.push(c.clone());
            name("cars/a.txt")
        });
        let saved_as = SignOptions::get(MINUTE).download_as(file.file_name());
        let plain = c.is_ascii().then(|| {
            let value = format!("attachment; filename=x{c}{c}");
            SignOptions::get(MINUTE).disposition(&value).content_type(format!("text/plain; x=a{c}b{c}"))
        });
        for options in [Some(saved_as), plain].into_iter().flatten() {
            let url = storage.signed_url(file, &options).await.unwrap();
            assert_eq!(spellings(&url)[0], url, "a browser makes another URL of it");
            for target in spellings(&url) {
                let access = get(&storage, &target).unwrap_or_else(|error| panic!("{target}: {error}"));
                assert_eq!(
                    (access.name.as_str(), &access.disposition),
                    (file.as_str(), &options.disposition)
                );
                assert_eq!(access.content_type, options.content_type);
            }
        }
        let upload =
            SignOptions::put(MINUTE).content_type(format!("a{}b", if c.is_ascii() { &c } else { "" }));
        let url = storage.signed_url(file, &upload).await.unwrap();
        for target in spellings(&url) {
            let mut request = SignedRequest::new("PUT", &target);
            request.content_type = upload.content_type.as_deref();
            storage.verify_signed_url(&request).unwrap();
        }
    }
    assert!(refused.iter().all(|c| "\"*/:<>?\\|".contains(c.as_str())), "{refused:?} is in no name");
}

/// The same bytes may be escaped in any way. Other bytes, and an escaped slash, are refused.
#[tokio::test]
async fn another_spelling_of_the_same_bytes_is_no_other_url() {
    let storage = storage(Signer::new(SECRET).unwrap());
    let options =
        SignOptions::get(MINUTE).content_type("text/plain; a=b+c").disposition("attachment; filename='a'");
    let url = storage.signed_url(name("cars/it's a+b é.jpg"), &options).await.unwrap();
    for (from, to) in [
        ("it's", "it%27s"),
        ("it's", "%69t's"),
        ("%C3%A9", "%c3%a9"),
        ("a%2Bb", "a+b"),
        (".jpg", "%2ejpg"),
        ("text/plain", "text%2Fplain"),
        ("%3B%20a%3D", ";+a="),
        ("%27a%27", "'a'"),
    ] {
        assert!(url.contains(from), "{url} has no {from}");
        get(&storage, &url.replace(from, to)).unwrap_or_else(|error| panic!("{to}: {error}"));
    }
    for (from, to) in [
        ("cars/", "cars%2F"),
        ("%20a%2Bb", "+a%2Bb"),
        ("b%2Bc", "b+c"),
        ("%C3%A9", "%C3"),
        ("%C3%A9", "e%CC%81"),
        ("%C3%A9", "%25C3%25A9"),
        (".jpg", ".jpg%00"),
        ("cars/", "cars/%2e/"),
    ] {
        assert!(url.contains(from), "{url} has no {from}");
        refused(get(&storage, &url.replacen(from, to, 1)), to);
    }
}

/// Browsers omit the user and the default port of the scheme.
#[tokio::test]
async fn a_browser_asks_for_the_host_of_the_base_url() {
    for (base, asked, is_it) in [
        ("https://cdn.example:443/m/", "cdn.example", true),
        ("https://cdn.example/m/", "CDN.example:443", true),
        ("http://cdn.example:80/m/", "cdn.example", true),
        ("//cdn.example:443/m/", "cdn.example", true),
        ("https://user@cdn.example/m/", "cdn.example", true),
        ("https://cdn.example:80/m/", "cdn.example", false),
        ("http://cdn.example:8080/m/", "cdn.example", false),
        ("https://cdn.example/m/", "cdn.example.evil", false),
        ("https://cdn.example/m/", "evil@cdn.example", false),
        ("https://cdn.example/a%20b/", "cdn.example", true),
    ] {
        let signer = Signer::new(SECRET).unwrap();
        let storage = MemoryStorage::builder().base_url(base).signer(signer).build().unwrap();
        let url = sign(&storage, &MINUTE.into()).await;
        let target = &url[url.find(['/']).unwrap() + 2..];
        let request = SignedRequest {
            host: Some(asked),
            ..SignedRequest::new("GET", &target[target.find('/').unwrap()..])
        };
        assert_eq!(storage.verify_signed_url(&request).is_ok(), is_it, "{base} {asked}");
    }
}

#[tokio::test]
async fn a_look_at_the_headers_reads_nothing() {
    let storage = storage(Signer::new(SECRET).unwrap());
    let url = sign(&storage, &SignOptions::head(MINUTE)).await;
    let head = storage.verify_signed_url(&SignedRequest::new("HEAD", &url)).unwrap();
    assert_eq!(head.method, SignedMethod::Head);
    refused(get(&storage, &url), "a GET with the URL of a HEAD");
    refused(storage.verify_signed_url(&SignedRequest::new("PUT", &url)), "a PUT with the URL of a HEAD");
    let url = sign(&storage, &SignOptions::get(MINUTE)).await;
    let get = storage.verify_signed_url(&SignedRequest::new("HEAD", &url)).unwrap();
    assert_eq!(get.method, SignedMethod::Get);
}

#[tokio::test]
async fn keys_rotate_and_stay_secret() {
    let old = storage(Signer::new(SECRET).unwrap());
    let url = sign(&old, &MINUTE.into()).await;
    let new = storage(Signer::new(OTHER).unwrap().previous(SECRET).unwrap());
    get(&new, &url).unwrap();
    let url = sign(&new, &MINUTE.into()).await;
    refused(get(&old, &url), "the key of another tenant");
    get(&storage(Signer::new(OTHER).unwrap()), &url).unwrap();
    let text = format!("{:?} {new:?}", Signer::new(SECRET).unwrap());
    assert!(!text.contains("secret has"), "{text}");
    assert_eq!(Signer::new("short").unwrap_err().kind(), ErrorKind::Settings);
}

#[tokio::test]
async fn a_storage_elsewhere_with_the_same_key_is_another() {
    let signer = || Signer::new(SECRET).unwrap();
    let with_base = |base: &str| MemoryStorage::builder().base_url(base).signer(signer()).build().unwrap();
    let (one, two) = (with_base("https://a.example/media/"), with_base("https://b.example/media/"));
    let url = sign(&one, &MINUTE.into()).await;
    let target = url.strip_prefix("https://a.example").unwrap();
    let asked = |host| SignedRequest { host, ..SignedRequest::new("GET", target) };
    one.verify_signed_url(&asked(Some("A.example"))).unwrap();
    refused(one.verify_signed_url(&asked(Some("b.example"))), "another host");
    refused(one.verify_signed_url(&asked(None)), "no host");
    refused(two.verify_signed_url(&asked(Some("b.example"))), "another storage");
    // The same bytes, split differently between base URL and name.
    let (ab, a) = (with_base("/a/b/"), with_base("/a/"));
    let url = sign(&ab, &MINUTE.into()).await;
    refused(get(&a, &url), "the same path in another storage");
}

#[test]
fn time_is_counted_in_whole_seconds() {
    let signer = Signer::new(SECRET).unwrap().max_life(MINUTE);
    let file = name("a.txt");
    let query = signer.sign("/media/", file, &Duration::from_millis(59_500).into()).unwrap();
    let expires: u64 = query.strip_prefix("expires=").unwrap().split('&').next().unwrap().parse().unwrap();
    let request = SignedRequest::new("GET", "");
    let at = |now| signer.verify_at(now, "/media/", file, &query, &request).is_some();
    assert!(at(expires - 1) && at(expires - 60));
    assert!(!at(expires) && !at(expires + 1) && !at(u64::MAX), "over");
    // A verifying clock up to 60 seconds behind the signing clock is tolerated.
    assert!(at(expires - 120) && !at(expires - 121) && !at(0));
    let error = signer.sign("/media/", file, &(MINUTE + Duration::from_nanos(1)).into()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[tokio::test]
async fn terms_that_cannot_be_kept_are_an_error() {
    let storage = storage(Signer::new(SECRET).unwrap());
    for options in [
        SignOptions::get(MINUTE).content_length(1),
        SignOptions::put(MINUTE).disposition("inline"),
        SignOptions::put(MINUTE).download_as("é.txt"),
        SignOptions::head(MINUTE).content_length(1),
        SignOptions::get(MINUTE).disposition("attachment; filename=é"),
        SignOptions::get(MINUTE).disposition("inline\r\nSet-Cookie: a=b"),
        SignOptions::get(MINUTE).content_type(""),
        SignOptions::get(MINUTE).content_type("é"),
        SignOptions::get(MINUTE).disposition("x".repeat(1025)),
        SignOptions::get(Duration::MAX),
    ] {
        let error = storage.signed_url(name("a.txt"), &options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{options:?}");
    }
}

//! Buckets as described by settings.

use super::backend::{Backend, Place};
use super::option::Kind;
use super::value::Parsed;
use crate::FileName;

/// The error for credentials in the settings.
pub(super) const SECRETS: &str = "credentials do not belong in the settings: they come from the environment \
     (`AWS_ACCESS_KEY_ID`, `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_KEY` ..) or from the provider";

/// The minimum part size of S3 and Google Cloud Storage, in bytes.
const LEAST_PART: u64 = 5 << 20;

/// The options of all buckets, and those of one kind.
macro_rules! options {
    ($bucket:literal, $part:expr $(, $name:literal => $kind:expr)* $(,)?) => {
        &[
            ($bucket, Kind::Text),
            ("prefix", Kind::Prefix),
            ("base_url", Kind::BaseUrl),
            ("endpoint", Kind::Endpoint),
            $(($name, $kind),)*
            ("part_size", Kind::Bytes($part)),
            ("concurrency", Kind::Number),
            ("allow_overwrite", Kind::Flag),
            ("create_only", Kind::Choice(&["ask", "trust"])),
            ("disposition", Kind::Choice(&["active-as-attachment", "attachment", "unstated"])),
            ("cache_control", Kind::Text),
            ("storage_class", Kind::Text),
            ("retries", Kind::Number),
            ("retry_seconds", Kind::Number),
            ("timeout", Kind::Seconds),
            ("environment", Kind::Text),
        ]
    };
}

const fn missing(feature: &'static str, is_on: bool) -> Option<&'static str> {
    if is_on { None } else { Some(feature) }
}

pub(super) const S3: Backend = Backend {
    scheme: "s3",
    classes: &["S3Storage", "S3Boto3Storage"],
    missing: missing("s3", cfg!(feature = "s3")),
    place: Place::Bucket("bucket"),
    options: options!(
        "bucket",
        LEAST_PART,
        "region" => Kind::Text,
        "virtual_hosted" => Kind::Flag,
        "anonymous" => Kind::Flag,
        "server_side_encryption" => Kind::Choice(&["AES256", "aws:kms", "aws:kms:dsse"]),
        "kms_key_id" => Kind::Text,
    ),
    #[cfg(feature = "s3")]
    build: clients::s3,
    #[cfg(not(feature = "s3"))]
    build: off,
};

pub(super) const GCS: Backend = Backend {
    scheme: "gs",
    classes: &["GoogleCloudStorage"],
    missing: missing("gcs", cfg!(feature = "gcs")),
    place: Place::Bucket("bucket"),
    options: options!("bucket", LEAST_PART, "anonymous" => Kind::Flag),
    #[cfg(feature = "gcs")]
    build: clients::gcs,
    #[cfg(not(feature = "gcs"))]
    build: off,
};

pub(super) const AZURE: Backend = Backend {
    scheme: "az",
    classes: &["AzureStorage"],
    missing: missing("azure", cfg!(feature = "azure")),
    place: Place::Bucket("container"),
    options: options!(
        "container",
        1 << 10,
        "account" => Kind::Text,
        "emulator" => Kind::Flag,
        "anonymous" => Kind::Flag,
    ),
    #[cfg(feature = "azure")]
    build: clients::azure,
    #[cfg(not(feature = "azure"))]
    build: off,
};

/// Unreachable: no definition with such a back end is created.
#[cfg(not(all(feature = "s3", feature = "gcs", feature = "azure")))]
fn off(_: &super::backend::Definition, _: &super::Settings) -> crate::Result<crate::SharedStorage> {
    Err(crate::Error::new(crate::ErrorKind::Settings, "the feature of this storage is off"))
}

/// Whether an option looks like one for credentials.
pub(super) fn is_secret(option: &str) -> bool {
    ["secret", "access_key", "account_key", "token", "password", "credential", "sas", "connection_string"]
        .iter()
        .any(|word| option.contains(word))
}

/// Text that can be part of a header or a URL.
pub(super) fn word(text: String) -> Parsed<String> {
    match !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        true => Ok(text),
        false => Err("expected visible ASCII".into()),
    }
}

/// `http://host:port/path`, with scheme and host in lower case and no trailing slash.
pub(super) fn endpoint(text: String) -> Parsed<String> {
    let text = word(text)?;
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if host.contains('@') {
        return Err(SECRETS.into());
    }
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https") || host.is_empty() || rest.contains(['?', '#', ' ']) {
        return Err("expected a URL such as `https://s3.example.com`".into());
    }
    Ok(format!("{scheme}://{}{}", host.to_ascii_lowercase(), path.trim_end_matches('/')))
}

pub(super) fn prefix(text: &str) -> Parsed<String> {
    let text = text.trim_matches('/');
    match FileName::new(text) {
        Ok(name) => Ok(name.to_string()),
        Err(error) => Err(format!("the prefix is no name of a folder: {error}").into()),
    }
}

/// A number of bytes, at least `least`, with or without a unit.
pub(super) fn bytes(text: String, least: u64) -> Parsed<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let factor = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("expected bytes, such as `8388608` or `8MiB`".into()),
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    match number {
        None => Err("expected bytes, such as `8388608` or `8MiB`".into()),
        Some(number) if number < least => {
            Err(format!("expected {} KiB at least: write `8MiB`, or leave it out", least >> 10).into())
        }
        Some(number) => Ok(number),
    }
}

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
mod clients {
    use crate::settings::Settings;
    use crate::settings::backend::Definition;
    use crate::storage::{Disposition, ObjectStorage, ObjectStorageBuilder};
    use crate::{Error, ErrorKind, Result, SharedStorage};
    use object_store::{BackoffConfig, ClientOptions, RetryConfig};
    use std::sync::Arc;
    use std::time::Duration;

    /// A person waits for the answer: at most three tries, and no retry after ten seconds.
    const RETRIES: u64 = 2;
    const RETRY_SECONDS: u64 = 10;
    /// The maximum wait, in seconds, for an answer, during which a part is sent, and for the next piece of
    /// one.
    const TIMEOUT: u64 = 60;

    fn retry(definition: &Definition) -> RetryConfig {
        let retries = definition.number("retries").unwrap_or(RETRIES);
        RetryConfig {
            max_retries: usize::try_from(retries).unwrap_or(usize::MAX),
            retry_timeout: Duration::from_secs(definition.number("retry_seconds").unwrap_or(RETRY_SECONDS)),
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(2),
                base: 2.0,
            },
        }
    }

    /// A limit on the whole request would interrupt long downloads.
    fn client(definition: &Definition) -> ClientOptions {
        let silence = Duration::from_secs(definition.number("timeout").unwrap_or(TIMEOUT));
        ClientOptions::new().with_timeout_disabled().with_read_timeout(silence)
    }

    /// Whether an endpoint, which may come from the environment, has no TLS.
    fn is_plain(endpoint: Option<&String>) -> bool {
        endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"))
    }

    /// The variables of the provider, without the prefix given by the setting `environment`.
    fn variables(definition: &Definition, providers: &'static [&'static str]) -> Vec<(String, String)> {
        let before = definition.text("environment").unwrap_or_default();
        let provider = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            let name = name.into_string().ok()?.strip_prefix(before)?.to_owned();
            providers.iter().any(|provider| name.starts_with(provider)).then_some(())?;
            Some((name.to_ascii_lowercase(), value.into_string().ok()?))
        };
        std::env::vars_os().filter_map(provider).collect()
    }

    /// The error for a store that cannot be built. The original text is dropped because it may contain values
    /// of the environment.
    fn malformed(_: object_store::Error) -> Error {
        let message = "the options of the bucket and the credentials in the environment do not fit together";
        Error::new(ErrorKind::Settings, message)
    }

    fn storage(
        definition: &Definition,
        client: ObjectStorageBuilder,
        bucket: &str,
        place: String,
        own: bool,
        missing: Option<&str>,
    ) -> Result<SharedStorage> {
        // Error texts include the configured prefix of the variables.
        let before = definition.text("environment").unwrap_or_default();
        let hint = missing.map(|names| {
            let names = names.split(' ').map(|name| format!("`{before}{name}`")).collect::<Vec<_>>();
            format!(
                "the environment has no credentials: set {}, or give the machine a role, or write `anonymous=yes` for \
                 what is public",
                names.join(" and ")
            )
        });
        let mut builder = client
            .hint(hint)
            .location(format!("{place}/{bucket}"))
            .allow_overwrite(definition.flag("allow_overwrite"))
            .disposition(match definition.text("disposition") {
                Some("attachment") => Disposition::Attachment,
                Some("unstated") => Disposition::Unstated,
                _ => Disposition::ActiveAsAttachment,
            });
        if let Some(prefix) = definition.text("prefix") {
            builder = builder.prefix(prefix);
        }
        if let Some(base_url) = definition.text("base_url") {
            builder = builder.base_url(base_url);
        }
        if let Some(bytes) = definition.number("part_size") {
            builder = builder.part_size(bytes);
        }
        if let Some(parts) = definition.number("concurrency") {
            builder = builder.concurrency(usize::try_from(parts).unwrap_or(usize::MAX));
        }
        if let Some(value) = definition.text("cache_control") {
            builder = builder.cache_control(value);
        }
        if let Some(class) = definition.text("storage_class") {
            builder = builder.storage_class(class);
        }
        if definition.text("create_only").map_or(own, |word| word == "trust") {
            builder = builder.trust_create_only();
        }
        Ok(Arc::new(builder.build()?))
    }

    #[cfg(feature = "s3")]
    pub(super) fn s3(definition: &Definition, _: &Settings) -> Result<SharedStorage> {
        use object_store::ClientConfigKey;
        use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};
        let bucket = definition.text("bucket").unwrap_or_default();
        let mut builder = AmazonS3Builder::new().with_client_options(client(definition));
        for (key, value) in variables(definition, &["AWS_"]) {
            if let Ok(key) = key.parse::<Key>() {
                builder = builder.with_config(key, value);
            }
        }
        for (option, key) in [("region", Key::Region), ("endpoint", Key::S3Endpoint)] {
            if let Some(text) = definition.text(option) {
                builder = builder.with_config(key, text);
            }
        }
        let endpoint = [Key::S3Endpoint, Key::Endpoint].iter().find_map(|key| builder.get_config_value(key));
        if is_plain(endpoint.as_ref()) {
            builder = builder.with_config(Key::Client(ClientConfigKey::AllowHttp), "true");
        }
        if let Some(encryption) = definition.text("server_side_encryption") {
            builder =
                builder.with_config("aws_server_side_encryption".parse().map_err(malformed)?, encryption);
        }
        if let Some(key) = definition.text("kms_key_id") {
            builder = builder.with_config("aws_sse_kms_key_id".parse().map_err(malformed)?, key);
        }
        if definition.flag("virtual_hosted") {
            builder = builder.with_virtual_hosted_style_request(true);
        }
        if definition.flag("anonymous") {
            builder = builder.with_skip_signature(true);
        }
        if !definition.flag("allow_overwrite") {
            // Services that ignore the header are detected. A multipart copy would lose owner and type.
            let copies = builder.get_config_value(&Key::CopyIfNotExists);
            if copies.is_none_or(|copies| copies.trim().eq_ignore_ascii_case("multipart")) {
                builder = builder.with_config(Key::CopyIfNotExists, "header-with-status:if-none-match:*:412");
            }
            builder = builder.with_http_connector(crate::storage::CreateOnlyUploads);
        }
        let known = [
            Key::AccessKeyId,
            Key::SkipSignature,
            Key::WebIdentityTokenFile,
            Key::ContainerCredentialsRelativeUri,
            Key::ContainerCredentialsFullUri,
        ];
        let missing =
            known.iter().all(|key| builder.get_config_value(key).is_none_or(|value| value == "false"));
        let missing = missing.then_some("AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY");
        // Some services have no bulk delete, so objects are deleted one at a time.
        let store = builder
            .with_bucket_name(bucket)
            .with_disable_bulk_delete(true)
            .with_retry(retry(definition))
            .build()
            .map_err(malformed)?;
        let place = endpoint.as_deref().map_or("s3:/".to_owned(), place_of);
        storage(definition, ObjectStorage::s3(store), bucket, place, endpoint.is_none(), missing)
    }

    #[cfg(feature = "gcs")]
    pub(super) fn gcs(definition: &Definition, _: &Settings) -> Result<SharedStorage> {
        use object_store::ClientConfigKey;
        use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey as Key};
        let bucket = definition.text("bucket").unwrap_or_default();
        let mut builder = GoogleCloudStorageBuilder::new().with_client_options(client(definition));
        for (key, value) in variables(definition, &["GOOGLE_"]) {
            if let Ok(key) = key.parse::<Key>() {
                builder = builder.with_config(key, value);
            }
        }
        if let Some(endpoint) = definition.text("endpoint") {
            builder = builder.with_config(Key::BaseUrl, endpoint);
        }
        let endpoint = builder.get_config_value(&Key::BaseUrl);
        if is_plain(endpoint.as_ref()) {
            builder = builder.with_config(Key::Client(ClientConfigKey::AllowHttp), "true");
        }
        if definition.flag("anonymous") {
            builder = builder.with_skip_signature(true);
        }
        let known =
            [Key::ServiceAccount, Key::ServiceAccountKey, Key::ApplicationCredentials, Key::SkipSignature];
        let missing =
            known.iter().all(|key| builder.get_config_value(key).is_none_or(|value| value == "false"));
        let missing = missing.then_some("GOOGLE_SERVICE_ACCOUNT");
        let store =
            builder.with_bucket_name(bucket).with_retry(retry(definition)).build().map_err(malformed)?;
        let place = endpoint.as_deref().map_or("gs:/".to_owned(), place_of);
        storage(definition, ObjectStorage::gcs(store), bucket, place, endpoint.is_none(), missing)
    }

    /// The account of the emulator.
    #[cfg(feature = "azure")]
    const EMULATED: &str = "devstoreaccount1";

    #[cfg(feature = "azure")]
    pub(super) fn azure(definition: &Definition, _: &Settings) -> Result<SharedStorage> {
        use object_store::ClientConfigKey;
        use object_store::azure::{AzureConfigKey as Key, MicrosoftAzureBuilder};
        let container = definition.text("container").unwrap_or_default();
        let mut builder = MicrosoftAzureBuilder::new().with_client_options(client(definition));
        for (key, value) in variables(definition, &["AZURE_"]) {
            if let Ok(key) = key.parse::<Key>() {
                builder = builder.with_config(key, value);
            }
        }
        for (option, key) in [("account", Key::AccountName), ("endpoint", Key::Endpoint)] {
            if let Some(text) = definition.text(option) {
                builder = builder.with_config(key, text);
            }
        }
        let emulated = builder.get_config_value(&Key::UseEmulator).unwrap_or_default().to_ascii_lowercase();
        let emulator =
            definition.flag("emulator") || ["1", "true", "on", "yes", "y"].contains(&emulated.as_str());
        let endpoint = builder.get_config_value(&Key::Endpoint);
        if emulator {
            builder = builder.with_use_emulator(true);
        }
        if emulator || is_plain(endpoint.as_ref()) {
            builder = builder.with_config(Key::Client(ClientConfigKey::AllowHttp), "true");
        }
        if definition.flag("anonymous") {
            builder = builder.with_skip_signature(true);
        }
        let known = [
            Key::AccessKey,
            Key::SasKey,
            Key::Token,
            Key::ClientSecret,
            Key::FederatedTokenFile,
            Key::MsiEndpoint,
            Key::UseAzureCli,
            Key::UseEmulator,
            Key::SkipSignature,
        ];
        let missing =
            known.iter().all(|key| builder.get_config_value(key).is_none_or(|value| value == "false"));
        let missing = missing.then_some("AZURE_STORAGE_ACCOUNT_KEY");
        let account = builder.get_config_value(&Key::AccountName);
        let account = account.unwrap_or_else(|| if emulator { EMULATED } else { "" }.to_owned());
        let store = builder
            .with_container_name(container)
            .with_retry(retry(definition))
            .build()
            .map_err(malformed)?;
        let place = match &endpoint {
            Some(endpoint) => place_of(endpoint),
            None => format!("az:/{}/{account}", if emulator { "/emulator" } else { "" }),
        };
        let own = endpoint.is_none() && !emulator;
        storage(definition, ObjectStorage::azure(store), container, place, own, missing)
    }

    /// The location of a service. The endpoint may come from the environment, so query, fragment and user are
    /// removed.
    fn place_of(endpoint: &str) -> String {
        let (scheme, rest) = endpoint.split_once("://").unwrap_or(("https", endpoint));
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = host.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        format!("{}://{host}{}", scheme.to_ascii_lowercase(), path.trim_end_matches('/'))
    }
}

#[cfg(all(test, feature = "s3", feature = "gcs", feature = "azure"))]
mod tests;

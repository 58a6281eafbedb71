//! Azurite, Microsoft's emulator of Azure Blob Storage, in a separate process.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use filefield::object_store::ClientOptions;
use filefield::object_store::HeaderValue;
use filefield::object_store::azure::{
    AzureAccessKey, AzureAuthorizer, AzureCredential, MicrosoftAzure, MicrosoftAzureBuilder,
};
use filefield::object_store::client::{HttpConnector, HttpRequest, ReqwestConnector};
use filefield::storage::{ObjectStorage, ObjectStorageBuilder};
use hyper::Method;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::OnceCell;

/// The account that every Azurite has.
pub const ACCOUNT: &str = "devstoreaccount1";
/// Its key, which is public.
pub const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

const VERSION: &str = "3.37.0";
const SAS_VERSION: &str = "2020-12-06";

/// It ends when this process ends for any reason, because its input is closed then.
const START: &str =
    "process.stdin.on('end', () => process.exit()).on('error', () => process.exit()).resume();
    process.argv.splice(1, 0, 'azurite');
    require(process.env.AZURITE_MAIN);";

/// A running Azurite with its blobs in memory.
#[derive(Debug)]
pub struct Server {
    /// Its URL, without the account.
    pub endpoint: String,
    next: AtomicUsize,
    child: Child,
}

/// The Azurite of this process, started by the first call. If it cannot be installed or started, prints
/// `SKIPPED: azurite ..` and returns `None`.
pub async fn server() -> Option<&'static Server> {
    static SERVER: OnceCell<Option<Server>> = OnceCell::const_new();
    let start = || async {
        let started = tokio::task::spawn_blocking(Server::start).await.unwrap();
        started.inspect_err(|reason| println!("SKIPPED: azurite {reason}")).ok()
    };
    let server = SERVER.get_or_init(start).await;
    if server.is_none() {
        println!("SKIPPED: azurite is not there");
    }
    server.as_ref()
}

impl Server {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// Returns the reason if it cannot be installed or started.
    pub fn start() -> Result<Server, String> {
        let main = installed()?.join("node_modules/azurite/dist/src/blob/main.js");
        let mut command = Command::new("node");
        command.env("AZURITE_MAIN", main).args([
            "-e",
            START,
            "--",
            "--blobHost",
            "127.0.0.1",
            "--blobPort",
            "0",
        ]);
        command.args(["--inMemoryPersistence", "--disableTelemetry", "--silent", "--skipApiVersionCheck"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("needs node: {error}"))?;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.map_while(Result::ok).find_map(|line| {
            line.split_once(" on ")?.1.strip_prefix("http").map(|rest| format!("http{rest}"))
        });
        match url {
            Some(endpoint) => Ok(Server { endpoint, next: AtomicUsize::new(0), child }),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                Err("ended when it was started".into())
            }
        }
    }

    /// A new container.
    pub async fn container(&self) -> String {
        let container = format!("container-{}", self.next.fetch_add(1, Ordering::SeqCst));
        self.put(&format!("{container}?restype=container"), &[]).await;
        container
    }

    /// Leases this blob without end, so that nobody can delete it.
    pub async fn lease(&self, container: &str, blob: &str) {
        let headers = [("x-ms-lease-action", "acquire"), ("x-ms-lease-duration", "-1")];
        self.put(&format!("{container}/{blob}?comp=lease"), &headers).await;
    }

    /// Puts a blob of another program into a container, by its escaped name.
    pub async fn put_foreign(&self, container: &str, blob: &str) {
        self.put(&format!("{container}/{blob}"), &[("x-ms-blob-type", "BlockBlob")]).await;
    }

    /// Sends a signed request.
    async fn put(&self, path: &str, headers: &[(&'static str, &'static str)]) {
        let mut request = HttpRequest::new(Vec::new().into());
        *request.method_mut() = Method::PUT;
        *request.uri_mut() = format!("{}/{ACCOUNT}/{path}", self.endpoint).parse().unwrap();
        for (name, value) in headers.iter().chain(&[("content-length", "0")]) {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        let credential = AzureCredential::AccessKey(AzureAccessKey::try_new(KEY).unwrap());
        AzureAuthorizer::new(&credential, ACCOUNT).try_authorize(&mut request).unwrap();
        let client =
            ReqwestConnector::default().connect(&ClientOptions::new().with_allow_http(true)).unwrap();
        assert_eq!(client.execute(request).await.unwrap().status(), 201);
    }

    /// A token for a container with these permissions (`rwdl`) for this many seconds: a service SAS of
    /// version 2020-12-06.
    pub fn sas(&self, container: &str, permissions: &str, seconds: i64) -> Vec<(String, String)> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64_STANDARD.decode(KEY).unwrap());
        let expiry = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
        let expiry = expiry.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let fields =
            [permissions, "", &expiry, &format!("/blob/{ACCOUNT}/{container}"), "", "", "", SAS_VERSION, "c"];
        let text = fields.join("\n") + &"\n".repeat(7);
        let signature = BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()));
        let pairs =
            [("sv", SAS_VERSION), ("sp", permissions), ("se", &expiry), ("sr", "c"), ("sig", &signature)];
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    /// A client of a container.
    pub fn client(&self, container: &str) -> MicrosoftAzureBuilder {
        client_at(&self.endpoint, container).with_access_key(KEY)
    }

    /// A storage in a container.
    pub fn storage(&self, container: &str) -> ObjectStorageBuilder {
        over(self.client(container).build().unwrap())
    }
}

/// A client without credentials of a container of the Azurite at `endpoint`.
pub fn client_at(endpoint: &str, container: &str) -> MicrosoftAzureBuilder {
    MicrosoftAzureBuilder::new()
        .with_endpoint(format!("{endpoint}/{ACCOUNT}"))
        .with_allow_http(true)
        .with_account(ACCOUNT)
        .with_container_name(container)
        .with_retry(super::retry())
}

/// A storage over a client, which signs URLs too.
pub fn over(client: MicrosoftAzure) -> ObjectStorageBuilder {
    ObjectStorage::azure(client)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder with Azurite: `AZURITE_DIR`, or a folder beside the build's output that npm fills on the first
/// run.
fn installed() -> Result<PathBuf, String> {
    let folder = match std::env::var_os("AZURITE_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => {
            // target/debug/deps/object-0123456789abcdef
            let program = std::env::current_exe().map_err(|error| error.to_string())?;
            let built =
                program.ancestors().find(|folder| folder.ends_with("debug") || folder.ends_with("release"));
            let target = built.and_then(Path::parent).ok_or("finds no place: set AZURITE_DIR")?;
            target.join(format!("azurite-{VERSION}"))
        }
    };
    if !is_there(&folder) {
        install(&folder)?;
    }
    Ok(folder)
}

fn is_there(folder: &Path) -> bool {
    folder.join("node_modules/azurite/dist/src/blob/main.js").is_file()
}

/// Another process may install it at the same time, so it is installed elsewhere and moved into place when
/// complete.
fn install(folder: &Path) -> Result<(), String> {
    let made = PathBuf::from(format!("{}.{}.tmp", folder.display(), std::process::id()));
    std::fs::create_dir_all(&made).map_err(|error| error.to_string())?;
    let mut npm = Command::new("npm");
    npm.args([
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--no-package-lock",
        "--silent",
        "--prefix",
    ]);
    let output = npm.arg(&made).arg(format!("azurite@{VERSION}")).output();
    let output = output.map_err(|error| format!("needs npm: {error}"))?;
    let moved = if is_there(&made) { std::fs::rename(&made, folder) } else { Ok(()) };
    let _ = std::fs::remove_dir_all(&made);
    match is_there(folder) {
        true => Ok(()),
        false => Err(format!("cannot be installed: {moved:?} {}", String::from_utf8_lossy(&output.stderr))),
    }
}

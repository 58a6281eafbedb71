//! `object`: small saves, opens and large uploads in a bucket, compared with plain `object_store` with the
//! same settings.

use super::Result;
use super::jobs;
use super::measure::{Clock, Report, Time, peak_memory_mb};
use super::options::{Options, runtime};
use filefield::object_store::path::Path;
use filefield::object_store::{ClientOptions, ObjectStore, ObjectStoreExt, WriteMultipart, aws, azure, gcp};
use filefield::{Bytes, Content, FileName, SaveOptions, SharedStorage, StorageExt, registry};
use filefield_tests::buckets::s3;
use futures_util::stream;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

const MIB: usize = 1 << 20;
/// The chunk size of a large content.
const PIECE: usize = 64 * 1024;
/// The defaults of filefield.
const PART: usize = 8 * MIB;
const CONCURRENCY: usize = 4;

pub(crate) fn object(options: &Options) -> Result<Report> {
    if options.is_set("serve") {
        return serve();
    }
    if options.text("url", "").is_empty() {
        return beside_a_server();
    }
    let bucket = Bucket::new(options.text("url", ""))?;
    let n = options.number("n", 500)?;
    let word = options.word.as_deref().unwrap_or_default();
    let size = options.number("size", if matches!(word, "save" | "open") { 4096 } else { 256 * MIB })?;
    let baseline = options.is_baseline();
    runtime()?.block_on(async {
        bucket.storage.exists(FileName::new("warm")?).await?;
        let jobs = options.number("jobs", 1)?;
        match word {
            "save" => bucket.save(n, size, jobs, baseline).await,
            "open" => bucket.open(n, size, jobs, baseline).await,
            "large" => bucket.large(options.number("n", 1)?, size, baseline).await,
            "race" => bucket.race(options.number("rounds", 7)?, size).await,
            _ => Err("object needs a word: save, open, large or race".into()),
        }
    })
}

/// Serves S3 until the input ends, and prints how to reach it.
fn serve() -> Result<Report> {
    let clock = Clock::start();
    runtime()?.block_on(async {
        let server = s3::Server::start().await;
        println!(
            "AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY='{}' url=s3://{}?endpoint={}&region=us-east-1",
            s3::KEY,
            s3::SECRET,
            server.bucket(),
            server.endpoint
        );
        tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
        Result::Ok(())
    })?;
    Ok(Report::new(0, clock.stop(), 0))
}

/// Runs this command again, with a server in a third process, so that neither memory nor CPU of one is
/// counted for another.
fn beside_a_server() -> Result<Report> {
    let program = std::env::current_exe()?;
    let mut server = Command::new(&program)
        .args(["object", "--serve"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = server.stdout.take().ok_or("the server says nothing")?;
    let mut lines = BufReader::new(output).lines();
    let line = lines.next().ok_or("the server has ended")??;
    let (_, url) = line.split_once(" url=").ok_or("the server does not say where it is")?;
    let status = Command::new(&program)
        .args(std::env::args().skip(1))
        .args(["--url", url])
        .env("AWS_ACCESS_KEY_ID", s3::KEY)
        .env("AWS_SECRET_ACCESS_KEY", s3::SECRET)
        .status()?;
    // The server removes its files when it ends by itself.
    drop(server.stdin.take());
    server.wait()?;
    drop(lines);
    std::process::exit(status.code().unwrap_or(1))
}

/// A bucket, for filefield and for `object_store`.
struct Bucket {
    storage: SharedStorage,
    store: Arc<dyn ObjectStore>,
    part: usize,
    concurrency: usize,
}

/// Every chunk has separate memory.
fn pieces(size: usize) -> impl Iterator<Item = Bytes> {
    (0..size.div_ceil(PIECE)).map(move |n| Bytes::from(vec![n as u8; PIECE.min(size - n * PIECE)]))
}

impl Bucket {
    fn new(url: &str) -> Result<Bucket> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let option = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value)
        };
        let number = |name: &str, default: usize| option(name).map_or(Ok(default), str::parse);
        Ok(Bucket {
            storage: registry::create_storage(url)?,
            store: plain(place, option)?,
            part: number("part_size", PART)?,
            concurrency: number("concurrency", CONCURRENCY)?,
        })
    }

    async fn save(self, n: usize, size: usize, jobs: usize, baseline: bool) -> Result<Report> {
        let content = Bytes::from(vec![b'x'; size]);
        let (storage, store) = (self.storage.clone(), self.store.clone());
        // The first save tests what the bucket guarantees.
        self.put_small(n, content.clone(), baseline).await?;
        let clock = Clock::start();
        jobs::tasks(n, jobs, move |i| {
            let (storage, store, content) = (storage.clone(), store.clone(), content.clone());
            async move { put(&storage, &*store, &small(i), content, baseline).await }
        })
        .await?;
        let time = clock.stop();
        self.clear(n + 1, size).await?;
        Ok(Report::new(n, time, (n * size) as u64))
    }

    async fn open(self, n: usize, size: usize, jobs: usize, baseline: bool) -> Result<Report> {
        let content = Bytes::from(vec![b'x'; size]);
        for i in 0..n.min(100) {
            self.put_small(i, content.clone(), true).await?;
        }
        let (storage, store) = (self.storage.clone(), self.store.clone());
        let clock = Clock::start();
        jobs::tasks(n, jobs, move |i| {
            let (storage, store) = (storage.clone(), store.clone());
            async move {
                let key = small(i % 100);
                let read = match baseline {
                    true => store.get(&Path::from(key)).await?.bytes().await?,
                    false => storage.open(FileName::new(&key)?).await?.read_all(u64::MAX).await?,
                };
                if read.len() == size { Ok(()) } else { Err("a file was not whole".into()) }
            }
        })
        .await?;
        let time = clock.stop();
        self.clear(n.min(100), size).await?;
        Ok(Report::new(n, time, (n * size) as u64))
    }

    /// `grown_mb` is the growth of the peak memory; `parts_mb` is the memory that the parts in flight may
    /// use.
    async fn large(self, n: usize, size: usize, baseline: bool) -> Result<Report> {
        let before = peak_memory_mb();
        // Warms up connections and code.
        self.upload(4 * self.part, baseline).await?;
        let clock = Clock::start();
        for _ in 0..n {
            self.upload(size, baseline).await?;
        }
        let time = clock.stop();
        let parts = (self.part * self.concurrency) as f64 / MIB as f64;
        let report = Report::new(n, time, (n * size) as u64);
        Ok(report.with("grown_mb", peak_memory_mb() - before).with("parts_mb", parts))
    }

    /// Uploads in turn. The first of a pair may meet a busier disk, so the order alternates too. `ratio` is
    /// the median of the throughputs, ours to that of `object_store`. `cpu_ratio` is the same for CPU time,
    /// which is steadier.
    async fn race(self, rounds: usize, size: usize) -> Result<Report> {
        let (mut ratios, mut cpu) = (Vec::new(), [0.0; 2]);
        let mut total = Time { secs: 0.0, cpu: 0.0 };
        for round in 0..rounds + 1 {
            let mut times = [0.0; 2];
            for baseline in [round % 2 == 1, round % 2 == 0] {
                let clock = Clock::start();
                self.upload(size, baseline).await?;
                let time = clock.stop();
                times[usize::from(baseline)] = time.secs;
                cpu[usize::from(baseline)] += time.cpu;
                total = Time { secs: total.secs + time.secs, cpu: total.cpu + time.cpu };
            }
            // The first round is a warm-up.
            if round > 0 {
                ratios.push(times[1] / times[0]);
            }
        }
        ratios.sort_by(f64::total_cmp);
        let ratio = ratios.get(ratios.len() / 2).copied().ok_or("--rounds is at least 1")?;
        Ok(Report::new(rounds, total, (2 * (rounds + 1) * size) as u64)
            .with("ratio", ratio)
            .with("ratios", ratios)
            .with("cpu_ratio", cpu[0] / cpu[1]))
    }

    /// Uploads one content in parts, checks it, and deletes it.
    async fn upload(&self, size: usize, baseline: bool) -> Result {
        let path = if baseline {
            let path = Path::from("large.bin");
            let upload = self.store.put_multipart(&path).await?;
            let mut write = WriteMultipart::new_with_chunk_size(upload, self.part);
            for piece in pieces(size) {
                write.wait_for_capacity(self.concurrency).await?;
                write.put(piece);
            }
            write.finish().await?;
            path
        } else {
            let content = Content::stream(stream::iter(pieces(size).map(Ok)));
            let saved =
                self.storage.save(FileName::new("large.bin")?, content, &SaveOptions::default()).await?;
            Path::from(saved.name)
        };
        let stored = self.store.head(&path).await?.size;
        self.store.delete(&path).await?;
        if stored == size as u64 { Ok(()) } else { Err("the file was not whole".into()) }
    }

    async fn put_small(&self, i: usize, content: Bytes, baseline: bool) -> Result {
        put(&self.storage, &*self.store, &small(i), content, baseline).await
    }

    /// Checks the small files and deletes them.
    async fn clear(&self, n: usize, size: usize) -> Result {
        for i in 0..n {
            let path = Path::from(small(i));
            if self.store.head(&path).await?.size != size as u64 {
                return Err(format!("{path} is not whole").into());
            }
            self.store.delete(&path).await?;
        }
        Ok(())
    }
}

fn small(i: usize) -> String {
    format!("bench/{i}.txt")
}

async fn put(
    storage: &SharedStorage,
    store: &dyn ObjectStore,
    key: &str,
    content: Bytes,
    baseline: bool,
) -> Result {
    if baseline {
        store.put(&Path::from(key), content.into()).await?;
        return Ok(());
    }
    let saved = storage.save(FileName::new(key)?, content.into(), &SaveOptions::default()).await?;
    if saved.name == key { Ok(()) } else { Err(format!("{key} was there before").into()) }
}

/// The plain client of a bucket, with credentials from the environment and the options of the URL.
fn plain<'a>(place: &str, option: impl Fn(&str) -> Option<&'a str>) -> Result<Arc<dyn ObjectStore>> {
    let (scheme, bucket) = place.split_once("://").ok_or("the URL has no scheme")?;
    if bucket.contains('/') {
        return Err("a benchmark takes a bucket without a prefix".into());
    }
    let (endpoint, client) = (option("endpoint"), ClientOptions::new().with_allow_http(true));
    Ok(match scheme {
        "s3" => {
            let mut builder =
                aws::AmazonS3Builder::from_env().with_bucket_name(bucket).with_client_options(client);
            if let Some(endpoint) = endpoint {
                builder = builder.with_endpoint(endpoint);
            }
            if let Some(region) = option("region") {
                builder = builder.with_region(region);
            }
            Arc::new(builder.build()?)
        }
        "gs" => {
            let mut builder = gcp::GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(bucket)
                .with_client_options(client);
            if let Some(endpoint) = endpoint {
                builder = builder.with_base_url(endpoint);
            }
            Arc::new(builder.build()?)
        }
        "az" => {
            let mut builder = azure::MicrosoftAzureBuilder::from_env()
                .with_container_name(bucket)
                .with_client_options(client);
            if let Some(endpoint) = endpoint {
                builder = builder.with_endpoint(endpoint.to_owned());
            }
            if let Some(account) = option("account") {
                builder = builder.with_account(account);
            }
            Arc::new(builder.build()?)
        }
        _ => return Err(format!("no bucket of a kind `{scheme}`: there are s3, gs and az").into()),
    })
}

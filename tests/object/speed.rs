//! Memory and throughput of large contents, beside plain `object_store` with the same settings. The server is another
//! process. Run it alone and optimised: `cargo test --release -p filefield-tests --no-default-features --features object
//! --test object -- speed::large --ignored --nocapture`.

use filefield::object_store::path::Path;
use filefield::object_store::{ObjectStoreExt, WriteMultipart};
use filefield::{Bytes, Content, FileName, SaveOptions, Storage};
use filefield_tests::buckets::s3::{Server, client_at, over};
use futures_util::stream;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

const MIB: usize = 1 << 20;
const PART: usize = 8 * MIB;
const CONCURRENCY: usize = 4;
const PIECE: usize = 64 * 1024;

struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        // It removes its files when it ends by itself.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the server of `large`"]
async fn serve() {
    let server = Server::start().await;
    println!("bucket {} at {}", server.bucket(), server.endpoint);
    // Until the other side goes away.
    let gone = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await;
    gone.unwrap().unwrap();
}

fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Every piece has memory of its own.
fn pieces(count: usize) -> impl Iterator<Item = Bytes> {
    (0..count).map(|n| Bytes::from(vec![n as u8; PIECE]))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn large() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "speed::serve", "--ignored", "--nocapture"]);
    let mut served = Served(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(served.0.stdout.take().unwrap()).lines();
    let line =
        lines.find_map(|line| line.unwrap().split_once("bucket ").map(|(_, rest)| rest.to_owned())).unwrap();
    let words: Vec<_> = line.split(' ').collect();
    let (bucket, endpoint) = (words[0], words[2]);
    let client = client_at(endpoint, bucket).build().unwrap();
    let storage = over(client.clone()).part_size(PART as u64).concurrency(CONCURRENCY).build().unwrap();
    storage.check().await.unwrap();
    let name = FileName::new("large.bin").unwrap();
    // Connections and code are warm.
    for _ in 0..2 {
        let content = Content::stream(stream::iter(pieces(64).map(Ok)));
        storage.save(name, content, &SaveOptions::default()).await.unwrap();
    }

    let before = peak_mib();
    let save = async |bytes: usize| {
        let content = Content::stream(stream::iter(pieces(bytes / PIECE).map(Ok)));
        let saved = storage.save(name, content, &SaveOptions::default()).await.unwrap();
        assert_eq!(saved.size, bytes as u64);
        storage.delete(FileName::new(&saved.name).unwrap()).await.unwrap();
    };
    save(2048 * MIB).await;
    let grown = peak_mib() - before;
    println!(
        "2 GiB: peak {:.1} MiB over the {before:.1} MiB before it, {} MiB of parts",
        grown,
        PART * CONCURRENCY / MIB
    );
    assert!(grown <= (PART * CONCURRENCY / MIB + 16) as f64);

    let plain = async |bytes: usize| {
        let path = Path::from("plain.bin");
        let upload = client.put_multipart(&path).await.unwrap();
        let mut write = WriteMultipart::new_with_chunk_size(upload, PART);
        for piece in pieces(bytes / PIECE) {
            write.wait_for_capacity(CONCURRENCY).await.unwrap();
            write.put(piece);
        }
        write.finish().await.unwrap();
        client.delete(&path).await.unwrap();
    };
    let mut ratios = Vec::new();
    for round in 0..7 {
        let bytes = 256 * MIB;
        let time = async |ours: bool| {
            let begun = Instant::now();
            match ours {
                true => save(bytes).await,
                false => plain(bytes).await,
            }
            begun.elapsed().as_secs_f64()
        };
        // Whoever comes first may meet a busier disk.
        let (ours, theirs) = match round % 2 {
            0 => (time(true).await, time(false).await),
            _ => {
                let theirs = time(false).await;
                (time(true).await, theirs)
            }
        };
        println!("256 MiB: {ours:.2} s, plain {theirs:.2} s");
        ratios.push(theirs / ours);
    }
    ratios.sort_by(f64::total_cmp);
    println!("throughput against plain: {:.3} (median of {ratios:.2?})", ratios[ratios.len() / 2]);
}

//! Compares the answers of a memory storage and a disk storage to random operations.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::storage::{Durability, FileSystemStorage, StorageExt};

const NAMES: [&str; 12] =
    ["a", "b.txt", "d", "d/a", "d/b.tar.gz", "d/e", "d/e/f", "a/b", "a/b/c", "é/ü.txt", "b.txt/x", "d/e/f/g"];

/// Both storages, and the names that differ between them because of their random parts.
struct Pair {
    memory: MemoryStorage,
    disk: FileSystemStorage,
    aliases: Vec<(String, String)>,
    state: u64,
}

impl Pair {
    fn random(&mut self, below: usize) -> usize {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) as usize % below
    }

    /// The name of a file in memory and on disk.
    fn name(&mut self) -> (String, String) {
        let n = self.random(NAMES.len() + self.aliases.len().min(6));
        match NAMES.get(n) {
            Some(name) => ((*name).to_owned(), (*name).to_owned()),
            None => self.aliases[self.aliases.len() - 1 - (n - NAMES.len())].clone(),
        }
    }

    fn on_disk(&self, name: &str) -> String {
        let alias = self.aliases.iter().find(|(memory, _)| memory == name);
        alias.map_or_else(|| name.to_owned(), |(_, disk)| disk.clone())
    }

    /// Compares two saves, and records the names if they differ.
    fn saved(&mut self, memory: Result<Saved>, disk: Result<Saved>) -> String {
        match (memory, disk) {
            (Ok(memory), Ok(disk)) => {
                let shape = |name: &str| (name.len(), name.split('/').count());
                assert_eq!((shape(&memory.name), memory.size), (shape(&disk.name), disk.size));
                if memory.name == disk.name {
                    return memory.name;
                }
                let shown = format!("{} on disk {}", memory.name, disk.name);
                self.aliases.push((memory.name, disk.name));
                shown
            }
            (memory, disk) => same(memory, disk),
        }
    }

    async fn step(&mut self) -> String {
        let (from, on_disk) = self.name();
        let (memory, disk) = (FileName::new(&from).unwrap(), FileName::new(&on_disk).unwrap());
        let text = vec![b'x'; self.random(20)];
        let exact = self.random(3) == 0;
        let max_length = [None, None, Some(9), Some(14)][self.random(4)];
        let options = SaveOptions { exact, max_length, ..SaveOptions::default() };
        match self.random(12) {
            0..4 => {
                let one = self.memory.save(memory, text.clone().into(), &options).await;
                let two = self.disk.save(disk, text.into(), &options).await;
                let outcome = self.saved(one, two);
                format!("save {from} {options:?}: {outcome}")
            }
            4 => {
                let outcome = same(self.memory.delete(memory).await, self.disk.delete(disk).await);
                format!("delete {from}: {outcome}")
            }
            5 => {
                let read = async |storage: &dyn Storage, name| storage.open(name).await?.read_all(1000).await;
                format!(
                    "read {from}: {}",
                    same(read(&self.memory, memory).await, read(&self.disk, disk).await)
                )
            }
            6 => {
                let outcome = same(self.memory.size(memory).await, self.disk.size(disk).await);
                same(
                    self.memory.metadata(memory).await.map(|m| m.size),
                    self.disk.metadata(disk).await.map(|m| m.size),
                );
                format!("size {from}: {outcome}")
            }
            7 => format!(
                "exists {from}: {}",
                same(self.memory.exists(memory).await, self.disk.exists(disk).await)
            ),
            8 if exact => {
                let odd =
                    ["", ".", "..", "/", "//", "a/", "d/..", "d//e", "/d", ".x", "d\\e"][self.random(11)];
                format!(
                    "list {odd}: {}",
                    same(self.memory.list(odd).await.map(drop), self.disk.list(odd).await.map(drop))
                )
            }
            8 => {
                let mut one = self.memory.list(&from).await;
                if let Ok(listing) = &mut one {
                    let whole = |leaf: &String| self.on_disk(&format!("{from}/{leaf}"));
                    let leaf = |name: String| name.rsplit('/').next().unwrap().to_owned();
                    listing.files = listing.files.iter().map(|file| leaf(whole(file))).collect();
                    listing.files.sort();
                }
                format!("list {from}: {}", same(one, self.disk.list(&on_disk).await))
            }
            9 => {
                let (start, end) = (self.random(25) as u64, self.random(25) as u64);
                let read = async |storage: &dyn Storage, name| {
                    storage.open_range(name, start..end).await?.read_all(1000).await
                };
                let outcome = same(read(&self.memory, memory).await, read(&self.disk, disk).await);
                format!("range {from} {start}..{end}: {outcome}")
            }
            10 => {
                let (to, to_disk) = self.name();
                let one = self.memory.rename(memory, FileName::new(&to).unwrap()).await;
                let two = self.disk.rename(disk, FileName::new(&to_disk).unwrap()).await;
                format!("rename {from} {to}: {}", same(one, two))
            }
            _ => {
                let (to, to_disk) = self.name();
                let one = self.memory.copy(memory, FileName::new(&to).unwrap(), &options).await;
                let two = self.disk.copy(disk, FileName::new(&to_disk).unwrap(), &options).await;
                let outcome = self.saved(one, two);
                format!("copy {from} {to} {options:?}: {outcome}")
            }
        }
    }
}

/// Fails unless both are the same value or errors of the same kind.
#[track_caller]
fn same<T: PartialEq + std::fmt::Debug>(memory: Result<T>, disk: Result<T>) -> String {
    match (&memory, &disk) {
        (Ok(one), Ok(two)) if one == two => format!("{one:?}"),
        (Err(one), Err(two)) if one.kind() == two.kind() => format!("{:?}", one.kind()),
        _ => panic!("in memory {memory:?}, on disk {disk:?}"),
    }
}

#[tokio::test]
async fn w38_answers_are_those_of_the_disk() {
    let root = tempfile::tempdir().unwrap();
    for seed in 0..60 {
        let location = root.path().join(seed.to_string());
        let disk = FileSystemStorage::builder(location).durability(Durability::None).build().unwrap();
        let mut pair = Pair { memory: MemoryStorage::new(), disk, aliases: Vec::new(), state: seed };
        // The first save creates the root of a disk storage.
        let options = SaveOptions::default();
        pair.disk.save(FileName::new("first").unwrap(), "".into(), &options).await.unwrap();
        pair.memory.save(FileName::new("first").unwrap(), "".into(), &options).await.unwrap();
        for _ in 0..60 {
            let step = pair.step().await;
            println!("{seed}: {step}");
        }
    }
}

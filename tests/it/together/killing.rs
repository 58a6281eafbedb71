//! Processes killed at random times: what was acknowledged is there, and a sweep deletes the rest.

use super::*;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const KILLS: u64 = 25;

/// Saves, replaces and deletes without end, and reports which cars are acknowledged.
async fn work(folder: &Path, round: u64) {
    Garage::run_in::<Car, _>(folder, |garage| async move {
        for number in 0.. {
            let mut car = Car { name: format!("{round}-{number}"), ..chevy() };
            car.save(&garage.db).await.unwrap();
            println!("acknowledged {}", car.name);
            car.photo_mut().assign(ImageField::new("chevy.gif", gif(2)));
            car.save(&garage.db).await.unwrap();
            if number % 3 == 0 {
                println!("deleting {}", car.name);
                car.delete(&garage.db).await.unwrap();
            }
        }
    })
    .await;
}

#[test]
fn a_killed_process_leaves_what_it_acknowledged_and_nothing_else() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let (Ok(folder), Ok(round)) = (std::env::var("KILLED_FOLDER"), std::env::var("KILLED_ROUND")) {
        return runtime.block_on(work(Path::new(&folder), round.parse().unwrap()));
    }
    let folder = tempfile::tempdir().unwrap();
    let name = "together::killing::a_killed_process_leaves_what_it_acknowledged_and_nothing_else";
    let mut acknowledged = 0;
    for round in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env("KILLED_FOLDER", folder.path())
            .env("KILLED_ROUND", round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(60 + round * 7));
        child.kill().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut cars = std::collections::BTreeSet::new();
        for line in output.lines().map_while(Result::ok) {
            match line.split_once(' ') {
                Some(("acknowledged", car)) => cars.insert(car.to_owned()),
                Some(("deleting", car)) => cars.remove(car),
                _ => false,
            };
        }
        child.wait().unwrap();
        acknowledged += cars.len();
        runtime.block_on(Garage::run_in::<Car, _>(folder.path(), |garage| async move {
            for car in cars {
                let found = Car::objects(&garage.db).get(Car::columns().name.eq(car.as_str())).await;
                assert!(found.is_ok_and(|car| car.photo().is_stored()), "{car} was acknowledged");
            }
            agree(&garage).await;
        }));
    }
    assert!(acknowledged > 0, "no round was long enough to save a car");
}

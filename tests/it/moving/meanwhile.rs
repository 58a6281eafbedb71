//! Changes by others while files are being moved.

use super::*;
use filefield::testing::{Fault, Operation};
use std::time::Instant;

#[test]
fn whoever_changes_the_file_meanwhile_wins() {
    alone("meanwhile::whoever_changes_the_file_meanwhile_wins", async || {
        let yard = Yard::new().await;
        let cars = yard.park(4).await;
        // The first three stall in transit while their rows change.
        let stall = yard.photos.inject(Fault::stall().on(Operation::Save).always());
        let moving = tokio::spawn(yard.to_photos().concurrency(3).run());
        while stall.fired() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut replaced = cars[0].clone();
        replaced.photo_mut().assign(FileField::new("car.txt", "car 0"));
        replaced.save(&yard.db).await.unwrap();
        cars[1].clone().delete(&yard.db).await.unwrap();
        let mut cleared = cars[2].clone();
        cleared.photo_mut().clear();
        cleared.save(&yard.db).await.unwrap();
        yard.photos.clear();
        let report = moving.await.unwrap().unwrap();
        assert_eq!((report.moved, report.overtaken, report.failed), (1, 3, 0), "{report}");
        assert_eq!(yard.moved().await.moved, 1);
        yard.agree().await;
    });
}

/// A name that a row released is free, and the row may get it again for another file.
#[test]
fn a_name_that_is_used_again_is_another_file() {
    alone("meanwhile::a_name_that_is_used_again_is_another_file", async || {
        let yard = Yard::new().await;
        let mut car = yard.park(1).await.remove(0);
        let name = car.photo().name().to_owned();
        let stall = yard.photos.inject(Fault::stall().on(Operation::Save).always());
        let moving = tokio::spawn(yard.to_photos().run());
        while stall.fired() < 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        car.photo_mut().clear();
        car.save(&yard.db).await.unwrap();
        yard.disk.clear();
        while yard.disk().exists(FileName::new(&name).unwrap()).await.unwrap() {
            db::sweep(&yard.db).await.unwrap();
        }
        car.name = "car 1".into();
        car.photo_mut().assign(FileField::new("car.txt", "car 1"));
        car.save(&yard.db).await.unwrap();
        assert_eq!(car.photo().name(), name);
        yard.photos.clear();
        let report = moving.await.unwrap().unwrap();
        assert_eq!((report.moved, report.overtaken, report.failed), (0, 1, 0), "{report}");
        yard.all_well().await;
        assert_eq!(yard.moved().await.moved, 1);
        yard.agree().await;
        yard.all_well().await;
    });
}

#[test]
fn two_moves_replacers_deleters_and_a_sweeper_at_once() {
    alone("meanwhile::two_moves_replacers_deleters_and_a_sweeper_at_once", async || {
        let yard = Arc::new(Yard::new().await);
        let cars = yard.park(60).await;
        let movers: Vec<_> =
            (0..2).map(|_| tokio::spawn(yard.to_photos().concurrency(3).batch(7).run())).collect();
        let others: Vec<_> = cars
            .into_iter()
            .filter(|car| car.id % 3 != 0)
            .map(|mut car| {
                let yard = yard.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(u64::try_from(car.id).unwrap() * 7 % 200)).await;
                    if car.id % 3 == 1 {
                        car.delete(&yard.db).await.unwrap();
                    } else {
                        let photo = FileField::new("car.txt", car.name.clone());
                        car.photo_mut().assign(photo);
                        car.save(&yard.db).await.unwrap();
                    }
                })
            })
            .collect();
        let started = Instant::now();
        while movers.iter().any(|mover| !mover.is_finished()) {
            db::sweep(&yard.db).await.unwrap();
            assert!(started.elapsed() < Duration::from_secs(120), "it hangs");
        }
        for other in others {
            other.await.unwrap();
        }
        let mut moved = 0;
        for mover in movers {
            let report = mover.await.unwrap().unwrap();
            assert!(report.is_complete(), "{report}");
            moved += report.moved;
        }
        assert!(moved > 0);
        assert_eq!(yard.all_well().await.len(), 40);
        assert!(yard.moved().await.overtaken == 0);
        assert!(yard.all_well().await.iter().all(|car| car.photo_meta.storage.as_deref() == Some("photos")));
        yard.agree().await;
        assert!(yard.files(&yard.disk()).await.is_empty());
    });
}

#[test]
fn a_dropped_move_is_gone_on_with() {
    alone("meanwhile::a_dropped_move_is_gone_on_with", async || {
        let yard = Yard::new().await;
        yard.park(40).await;
        for wait in 0..40 {
            let this = yard.to_photos().concurrency(1 + wait % 3).batch(5).run();
            let _ = tokio::time::timeout(Duration::from_micros(300 * wait as u64 * wait as u64), this).await;
            assert_eq!(yard.all_well().await.len(), 40);
        }
        // Work on other threads comes to its end.
        tokio::time::sleep(Duration::from_millis(50)).await;
        yard.sweep().await;
        let report = yard.moved().await;
        assert_eq!(report.moved + report.skipped, 40, "{report}");
        yard.all_well().await;
        yard.agree().await;
        assert!(yard.files(&yard.disk()).await.is_empty());
    });
}

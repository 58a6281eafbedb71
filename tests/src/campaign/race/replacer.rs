//! Gives one row new files, from instances that others have made stale, deletes it, and makes it again.

use super::sums::Sums;
use super::{SHARED, Setup, content};
use crate::campaign::world::{Car, Random, World};
use filefield::prelude::*;
use filefield::{Error, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) struct Replacer {
    world: World,
    replaces: Arc<AtomicU64>,
    most: u64,
    random: Random,
    sums: Sums,
}

impl Replacer {
    pub(super) fn new(world: World, setup: &Setup, number: u64, replaces: Arc<AtomicU64>) -> Replacer {
        Replacer {
            world,
            replaces,
            most: setup.replaces,
            random: Random::new(setup.seed ^ (setup.process << 48) ^ (number << 32) ^ (1 << 60)),
            sums: Sums::default(),
        }
    }

    pub(super) async fn run(mut self) -> Sums {
        let mut stale = None;
        while self.replaces.load(Ordering::Relaxed) < self.most && !self.sums.is_enough() {
            if self.random.below(4) == 0 {
                stale = None;
            }
            let car = match stale.take() {
                Some(car) => car,
                None => match self.row().await {
                    Some(car) => car,
                    None => continue,
                },
            };
            if self.random.below(40) == 0 {
                let result = car.delete(&self.world.db).await;
                self.count("deletes", &result);
                continue;
            }
            let mut changed = car.clone();
            changed.photo_mut().assign(ImageField::new("shared.gif", self.content()));
            let result = changed.save(&self.world.db).await;
            if self.count("replaces", &result) {
                self.replaces.fetch_add(1, Ordering::Relaxed);
                // Half of the time, the next change starts from the state before this one.
                stale = Some(if self.random.below(2) == 0 { car } else { changed });
            }
        }
        self.sums
    }

    /// The current row with its file, or a new one. `None` if another process was faster.
    async fn row(&mut self) -> Option<Car> {
        match self.get().await {
            Ok(car) => {
                self.look(&car).await;
                Some(car)
            }
            Err(error) if error.kind() == ErrorKind::DoesNotExist => {
                let photo = ImageField::new("shared.gif", self.content());
                let mut car = Car { name: SHARED.to_owned(), photo, ..Car::default() };
                let result = car.save(&self.world.db).await;
                self.count("creates of the row", &result).then_some(car)
            }
            Err(error) => {
                self.sums.broken("error", format!("the shared row: {error:?}"));
                None
            }
        }
    }

    async fn get(&self) -> filefield::Result<Car> {
        Car::objects(&self.world.db).get(Car::columns().name.eq(SHARED)).await
    }

    /// Checks that the row's file is complete. It may be gone, but then the row has released it.
    async fn look(&mut self, car: &Car) {
        match car.photo().read().await {
            Ok(bytes) if bytes.starts_with(&content(SHARED, "")) => {}
            Ok(_) => self.sums.broken("P4", "the shared row has another's bytes"),
            Err(error) => match self.get().await {
                Ok(now) if now.photo == car.photo && now.photo().read().await.is_err() => {
                    self.sums.broken("R1", format!("the shared row: {error}"));
                }
                _ => self.sums.lost("reads of a replaced file", 1),
            },
        }
    }

    fn content(&mut self) -> Vec<u8> {
        content(SHARED, &format!("{:x}", self.random.next()))
    }

    /// Returns whether it was done. The row may be gone, or exist again; everything else can be retried.
    fn count(&mut self, what: &str, result: &filefield::Result<()>) -> bool {
        let expected = |error: &Error| {
            let is_gone = matches!(error.kind(), ErrorKind::DoesNotExist | ErrorKind::UniqueViolation);
            (is_gone || error.is_retryable()) && !error.is_uncertain()
        };
        match result {
            Ok(()) => self.sums.done(what),
            Err(error) if expected(error) => self.sums.lost(&format!("{what}: {:?}", error.kind()), 1),
            Err(error) => self.sums.broken("error", format!("{what}: {error:?}")),
        }
        result.is_ok()
    }
}

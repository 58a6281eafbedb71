//! Makes rows whose files all want one name, checks that they hold its own bytes, and deletes some of them.

use super::sums::Sums;
use super::{Setup, content};
use crate::campaign::world::{Car, Random, World};
use filefield::ErrorKind;
use filefield::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The name that every file wants. A foreign file has it.
const NAME: &str = "race.gif";

/// Number of rows that a saver checks again before it deletes one of them.
const MINE: usize = 8;

pub(super) struct Saver {
    world: World,
    saves: Arc<AtomicU64>,
    most: u64,
    name: String,
    random: Random,
    sums: Sums,
    mine: VecDeque<Car>,
}

impl Saver {
    pub(super) fn new(world: World, setup: &Setup, number: u64, saves: Arc<AtomicU64>) -> Saver {
        Saver {
            world,
            saves,
            most: setup.saves,
            name: format!("{}.{number}", setup.process),
            random: Random::new(setup.seed ^ (setup.process << 48) ^ (number << 32)),
            sums: Sums::default(),
            mine: VecDeque::new(),
        }
    }

    pub(super) async fn run(mut self) -> Sums {
        while self.saves.fetch_add(1, Ordering::Relaxed) < self.most {
            let name = format!("saver {}, {:x}", self.name, self.random.next());
            let photo = ImageField::new(NAME, content(&name, ""));
            let car = Car { name, photo, ..Car::default() };
            let Some(car) = self.save(car).await else { continue };
            self.sums.rows.insert(car.name.clone());
            self.look(&car).await;
            let is_first = car.photo.name() == Some("cars/race.gif");
            self.mine.push_back(car);
            // The name must become free again soon. The others are deleted later.
            if is_first {
                let car = self.mine.pop_back();
                self.delete(car).await;
            } else if self.mine.len() > MINE {
                let car = self.mine.pop_front();
                if self.random.below(4) == 0 {
                    self.delete(car).await;
                }
            }
        }
        self.sums
    }

    /// Retries until it is done. A saver that lost a race may retry.
    async fn save(&mut self, mut car: Car) -> Option<Car> {
        loop {
            match car.save(&self.world.db).await {
                Ok(()) => {
                    self.sums.done("saves");
                    return Some(car);
                }
                Err(error) if error.is_retryable() && !error.is_uncertain() => {
                    self.sums.lost(&format!("{:?}", error.kind()), 1);
                }
                Err(error) => {
                    self.sums.broken("error", format!("save of `{}`: {error:?}", car.name));
                    return None;
                }
            }
        }
    }

    /// Checks that the file holds this saver's bytes.
    async fn look(&mut self, car: &Car) {
        match car.photo().read().await {
            Ok(bytes) if bytes == content(&car.name, "") => {}
            Ok(_) => self.sums.broken("P4", format!("row `{}` has another's bytes", car.name)),
            Err(error) => self.sums.broken("R6", format!("row `{}`: {error}", car.name)),
        }
    }

    /// Checks once more against the database, and deletes the row.
    async fn delete(&mut self, car: Option<Car>) {
        let Some(car) = car else { return };
        match Car::objects(&self.world.db).get(Car::columns().name.eq(car.name.as_str())).await {
            Ok(found) if found.photo.name() == car.photo.name() => self.look(&found).await,
            Ok(found) => {
                let (had, has) = (&car.photo, &found.photo);
                self.sums.broken("R6", format!("row `{}` named {had} and names {has}", car.name));
            }
            Err(error) => self.sums.broken("R6", format!("row `{}`: {error}", car.name)),
        }
        loop {
            match car.clone().delete(&self.world.db).await {
                Ok(()) => {
                    self.sums.done("deletes");
                    self.sums.rows.remove(&car.name);
                    return;
                }
                Err(error) if error.is_retryable() && !error.is_uncertain() => {
                    self.sums.lost(&format!("delete: {:?}", error.kind()), 1);
                }
                Err(error) => {
                    let kind: ErrorKind = error.kind();
                    self.sums.broken("error", format!("delete of `{}`: {kind:?} {error:?}", car.name));
                    return;
                }
            }
        }
    }
}

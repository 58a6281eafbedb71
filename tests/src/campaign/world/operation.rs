//! Operations on rows, and their possible outcomes.

use super::{Car, Files, World};
use filefield::prelude::*;
use filefield::testing::spawn;
use filefield::{ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// One operation on the row of a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) row: String,
    pub(crate) change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Change {
    /// Make a row with these files.
    Create(Files),
    /// Give the row new files in place of some of its files.
    Replace(Files),
    /// Empty every field.
    Clear,
    /// Delete the row and its files.
    Delete,
    /// Delete the row in a transaction of the caller. Only the next sweep deletes its files.
    DeleteIn,
    /// Make a second row with the name: the transaction fails after the files were stored.
    Refused(Files),
    /// Stage new files, replace the row's in a transaction of the caller, and commit it.
    ReplaceIn(Files),
    /// The same, and roll it back.
    RolledBack(Files),
    /// Run a sweep.
    Sweep,
    /// Move the photo with the accessor and save the row. These are documented as two steps: a crash between
    /// them leaves a row whose file has moved away.
    Rename,
}

/// The outcome of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Done,
    Failed { kind: String, uncertain: bool, retryable: bool, text: String },
}

impl Outcome {
    pub(crate) fn of(result: Result<()>) -> Outcome {
        match result {
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::Failed {
                kind: format!("{:?}", error.kind()),
                uncertain: error.is_uncertain(),
                retryable: error.is_retryable(),
                text: error.to_string(),
            },
        }
    }
}

impl Order {
    pub(crate) fn new(row: impl Into<String>, change: Change) -> Order {
        Order { row: row.into(), change }
    }

    /// The files of the row after the operation, if it is done.
    pub(crate) fn after(&self, before: Option<Files>) -> Option<Files> {
        match self.change {
            Change::Create(files) | Change::Refused(files) => Some(before.unwrap_or(files)),
            Change::Replace(files) | Change::ReplaceIn(files) => before.map(|before| files.over(before)),
            Change::Clear => before.map(|_| Files::default()),
            Change::Delete | Change::DeleteIn => None,
            Change::RolledBack(_) | Change::Sweep | Change::Rename => before,
        }
    }
}

impl World {
    /// Performs one operation.
    pub(crate) async fn perform(&self, order: &Order) -> Result<()> {
        let row = async || Car::objects(&self.db).get(Car::columns().name.eq(order.row.as_str())).await;
        match order.change {
            Change::Create(files) => {
                let mut car = Car { name: order.row.clone(), ..Car::default() };
                files.assign(&mut car);
                car.save(&self.db).await
            }
            Change::Replace(files) => {
                let mut car = row().await?;
                files.assign(&mut car);
                car.save(&self.db).await
            }
            Change::Clear => {
                let mut car = row().await?;
                car.photo_mut().clear();
                car.manual_mut().clear();
                car.key_mut().clear();
                car.save(&self.db).await
            }
            Change::Delete => row().await?.delete(&self.db).await,
            Change::DeleteIn => {
                let car = row().await?;
                let tx = self.db.begin().await?;
                car.delete(&tx).await?;
                tx.commit().await
            }
            Change::ReplaceIn(files) | Change::RolledBack(files) => {
                let mut car = row().await?;
                files.assign(&mut car);
                car.stage(&self.db).await?;
                let tx = self.db.begin().await?;
                car.save(&tx).await?;
                if matches!(order.change, Change::RolledBack(_)) {
                    return tx.rollback().await;
                }
                tx.commit().await
            }
            Change::Refused(files) => {
                let mut car = Car { name: order.row.clone(), ..Car::default() };
                files.assign(&mut car);
                match car.save(&self.db).await {
                    Err(error) if error.kind() == ErrorKind::UniqueViolation => Ok(()),
                    result => result,
                }
            }
            Change::Sweep => filefield::db::sweep(&self.db).await.map(drop),
            Change::Rename => {
                let mut car = row().await?;
                let name = format!("cars/renamed_{}", filefield::name::token()?);
                car.photo_mut().rename(&name).await?;
                car.save(&self.db).await
            }
        }
    }

    /// Performs `count` random operations on the rows of `task`, and reports each before and after.
    pub(crate) async fn task(
        &self,
        seed: u64,
        task: u64,
        count: u64,
        mut tell: impl FnMut(&Order, Option<Outcome>),
    ) {
        let mut random = super::Random::new(seed ^ (task << 32));
        let prefix = format!("task {task}, ");
        let Ok(cars) = Car::objects(&self.db).all().await else { return };
        let mut names: Vec<_> =
            cars.into_iter().map(|car| car.name).filter(|name| name.starts_with(&prefix)).collect();
        for _ in 0..count {
            let files = random_files(&mut random);
            let order = match (random.below(if names.len() < 3 { 2 } else { 10 }), names.as_slice()) {
                (0..3, _) | (_, []) => {
                    names.push(format!("{prefix}{:x}", random.next()));
                    Order::new(names[names.len() - 1].clone(), Change::Create(files))
                }
                (3..5, names) => Order::new(random.pick(names).clone(), Change::Replace(files)),
                (5, names) => Order::new(random.pick(names).clone(), Change::ReplaceIn(files)),
                (6, names) => Order::new(random.pick(names).clone(), Change::Clear),
                (7, names) => {
                    let refused = random.below(2) == 0;
                    let change = if refused { Change::Refused(files) } else { Change::RolledBack(files) };
                    Order::new(random.pick(names).clone(), change)
                }
                (8, names) => Order::new(random.pick(names).clone(), Change::Sweep),
                (_, known) => {
                    let index = usize::try_from(random.below(known.len() as u64)).unwrap_or(0);
                    let change = if random.below(3) == 0 { Change::DeleteIn } else { Change::Delete };
                    Order::new(names.swap_remove(index), change)
                }
            };
            tell(&order, None);
            let outcome = Outcome::of(self.perform(&order).await);
            tell(&order, Some(outcome));
        }
    }

    /// Several tasks in parallel, until all are done.
    pub(crate) async fn load(
        &self,
        seed: u64,
        tasks: u64,
        count: u64,
        tell: impl FnMut(&Order, Option<Outcome>) + Clone + Send + 'static,
    ) {
        let tasks: Vec<_> = (0..tasks)
            .map(|task| {
                let (world, tell) = (self.clone(), tell.clone());
                spawn(async move { world.task(seed, task, count, tell).await })
            })
            .collect();
        for task in tasks {
            // The hook reports a panic.
            let _ = task.await;
        }
    }
}

/// At least one file.
fn random_files(random: &mut super::Random) -> Files {
    let bits = 1 + random.below(7);
    let Files { photo, manual, key } = Files::all(random);
    Files {
        photo: photo.filter(|_| bits & 1 != 0),
        manual: manual.filter(|_| bits & 2 != 0),
        key: key.filter(|_| bits & 4 != 0),
    }
}

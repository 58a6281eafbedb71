//! The operations whose futures are dropped.

use super::{Car, Change, Files, Order, Random, Result, World};
use filefield::db::Transaction;
use filefield::db::{self, Db};
use filefield::prelude::*;
use std::pin::Pin;
use std::sync::Arc;

named! {
    /// An operation that can be dropped.
    Operation
    Create = "create",
    Replace = "replace",
    Clear = "clear",
    Delete = "delete",
    DeleteIn = "delete-in",
    Refused = "refused",
    Sweep = "sweep",
    /// Staged; the instance is dropped with the future.
    Stage = "stage",
    /// Staged, then saved in the caller's transaction.
    CreateIn = "create-in",
    ReplaceIn = "replace-in",
    /// Two instances staged together and saved in one transaction.
    StageAll = "stage-all",
    /// Saved in the caller's transaction, which is committed whatever the outcome of the save.
    CreateWithin = "create-within",
    ReplaceWithin = "replace-within",
    AccessorSave = "accessor-save",
    AccessorRename = "accessor-rename",
    AccessorDelete = "accessor-delete",
}

use Operation::*;

type Running = Pin<Box<dyn Future<Output = filefield::Result<()>>>>;

/// An operation that is ready to run.
pub(super) struct Prepared {
    pub(super) running: Running,
    /// The caller's transaction, which is committed after the operation.
    pub(super) around: Option<Arc<Transaction<'static>>>,
}

impl Operation {
    /// Whether its row exists before.
    pub(super) fn has_row(self) -> bool {
        !matches!(self, Create | Stage | CreateIn | StageAll | CreateWithin)
    }

    pub(super) fn is_accessor(self) -> bool {
        matches!(self, AccessorSave | AccessorRename | AccessorDelete)
    }

    /// Whether its statements run in the caller's transaction.
    pub(super) fn is_callers(self) -> bool {
        matches!(self, DeleteIn | CreateIn | ReplaceIn | StageAll | CreateWithin | ReplaceWithin)
    }

    /// Its effect on the rows. An accessor writes none.
    pub(super) fn orders(self, row: &str, random: &mut Random) -> Vec<Order> {
        let files = Files::all(random);
        let order = |change| vec![Order::new(row, change)];
        match self {
            Create | CreateIn | CreateWithin => order(Change::Create(files)),
            Replace | ReplaceIn | ReplaceWithin => order(Change::Replace(files)),
            Clear => order(Change::Clear),
            Delete => order(Change::Delete),
            DeleteIn => order(Change::DeleteIn),
            Refused => order(Change::Refused(files)),
            Sweep | Stage | AccessorSave | AccessorRename | AccessorDelete => order(Change::Sweep),
            StageAll => vec![
                Order::new(row, Change::Create(files)),
                Order::new(format!("{row}, second"), Change::Create(Files::all(random))),
            ],
        }
    }

    /// Its future, before the first poll. Everything before it is done.
    pub(super) async fn perform(self, world: &World, orders: &[Order]) -> Result<Prepared> {
        let (world, first) = (world.clone(), orders[0].clone());
        let car = |order: &Order| {
            let mut car = Car { name: order.row.clone(), ..Car::default() };
            if let Change::Create(files) | Change::Replace(files) = order.change {
                files.assign(&mut car);
            }
            car
        };
        let held = async || Car::objects(&world.db).get(Car::columns().name.eq(first.row.as_str())).await;
        let mut around = None;
        let running: Running = match self {
            Sweep => {
                // Files of a process that died before it saved their row.
                let mut lost = car(&first);
                Files::all(&mut Random::new(7)).assign(&mut lost);
                lost.stage(&world.db).await?;
                std::mem::forget(lost);
                world.execute("UPDATE filefield_journal SET due_at = 0").await?;
                Box::pin(async move { world.perform(&first).await })
            }
            Create | Replace | Clear | Delete | Refused => {
                Box::pin(async move { world.perform(&first).await })
            }
            DeleteIn => {
                let car = held().await?;
                Box::pin(async move {
                    let tx = world.db.begin().await?;
                    car.delete(&tx).await?;
                    tx.commit().await
                })
            }
            Stage => {
                let mut car = car(&first);
                Files::all(&mut Random::new(8)).assign(&mut car);
                Box::pin(async move { car.stage(&world.db).await })
            }
            CreateIn => Box::pin(save_in(world.db.clone(), vec![car(&first)])),
            ReplaceIn => {
                let mut car = held().await?;
                if let Change::Replace(files) = first.change {
                    files.assign(&mut car);
                }
                Box::pin(save_in(world.db.clone(), vec![car]))
            }
            StageAll => Box::pin(save_in(world.db.clone(), orders.iter().map(car).collect())),
            CreateWithin | ReplaceWithin => {
                let mut car = if self == CreateWithin { car(&first) } else { held().await? };
                if let Change::Replace(files) = first.change {
                    files.assign(&mut car);
                }
                car.stage(&world.db).await?;
                let tx = Arc::new(world.db.begin().await?);
                around = Some(tx.clone());
                Box::pin(async move { car.save(&*tx).await })
            }
            AccessorSave => {
                let mut car = held().await?;
                Box::pin(async move {
                    let bytes = crate::campaign::world::bytes(9);
                    car.photo_mut().save("accessor.gif", bytes).await.map(drop)
                })
            }
            AccessorRename => {
                let mut car = held().await?;
                Box::pin(async move { car.photo_mut().rename("cars/renamed.gif").await })
            }
            AccessorDelete => {
                let mut car = held().await?;
                Box::pin(async move { car.photo_mut().delete().await })
            }
        };
        Ok(Prepared { running, around })
    }
}

/// Stages and saves in one transaction of the caller.
async fn save_in(db: Db, mut cars: Vec<Car>) -> filefield::Result<()> {
    let mut staged: Vec<&mut dyn db::Stage> = Vec::new();
    staged.extend(cars.iter_mut().map(|car| car as &mut dyn db::Stage));
    db::stage_all(&db, &mut staged).await?;
    let tx = db.begin().await?;
    for car in &mut cars {
        car.save(&tx).await?;
    }
    tx.commit().await
}

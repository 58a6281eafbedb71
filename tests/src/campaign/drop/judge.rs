//! After a drop.

use super::operation::Operation;
use super::{Car, Change, Order, Place, Report, Result, World};
use crate::campaign::world::{Files, Rows, bytes, number};
use filefield::db::Dialect;
use filefield::prelude::*;
use filefield::testing::{Baseline, Invariants};
use filefield::{ErrorKind, FileName, SaveOptions};

/// A file of another program, under a name that ours would take (R8).
const FOREIGN: (&str, &str) = ("cars/chevy.gif", "a picture of somebody else");

/// Where the accessors save and rename to.
const SAVED: &str = "cars/accessor.gif";
const RENAMED: &str = "cars/renamed.gif";

pub(super) async fn put_foreign(world: &World) -> Result {
    let name = FileName::new(FOREIGN.0)?;
    world.storage.save(name, FOREIGN.1.into(), &SaveOptions::default()).await?;
    Ok(())
}

/// Waits for everything to end, sweeps, and compares rows and files.
pub(super) async fn agreement(
    place: &mut Place,
    operation: Operation,
    orders: &[Order],
    report: &mut Report,
    again: &str,
) -> Result<Rows> {
    if !place.idle().await {
        lost_connection(place, operation, report, again).await?;
    }
    // The row is unchanged, while an accessor may have moved its file.
    mend(place, operation, orders, report, again).await?;
    let world = &place.world;
    for _ in 0..4 {
        world.execute("UPDATE filefield_journal SET due_at = 0").await?;
        let swept = filefield::db::sweep(&world.db).await?;
        report.add("files deleted by sweeps", swept.deleted);
        if world.journal().await?.is_empty() {
            break;
        }
    }
    place.idle().await;
    let mut check = Invariants::new(&world.db, &world.storage).model::<Car>().swept();
    // An accessor moves and deletes files that its row still names.
    if let Some(recording) = world.recording.as_ref().filter(|_| !operation.is_accessor()) {
        check = check.recording(recording);
    }
    let found = check.foreign(FOREIGN.0, FOREIGN.1).check().await?;
    for violation in &found.violations {
        report.violation(&violation.invariant.to_string(), format!("{violation}; {again}"));
    }
    if let Some(recording) = &world.recording {
        recording.clear();
    }
    let rows = rows(world).await?;
    if orders.len() > 1 {
        let made = orders.iter().filter(|order| rows.contains_key(&order.row)).count();
        if made != 0 && made != orders.len() {
            report.violation("P1", format!("{made} of {} rows of one transaction; {again}", orders.len()));
        }
    }
    for wrong in place.expected.compare(&rows) {
        report.violation("R6", format!("{wrong}; {again}"));
    }
    Ok(rows)
}

/// Something waits forever. On MySQL, sqlx 0.9.0 does so for a connection whose statement was dropped while
/// it was prepared. In the caller's transaction, the caller drops statements. The server keeps the
/// transaction and its locks, so its connections are ended as an administrator would end them.
pub(super) async fn lost_connection(
    place: &mut Place,
    operation: Operation,
    report: &mut Report,
    again: &str,
) -> Result {
    if operation.is_callers() && place.world.db.dialect() == Dialect::MySql {
        report.add("connections lost by sqlx", 1);
    } else {
        report.violation("R9", format!("something goes on for ever; {again}"));
    }
    place.database.end_connections().await?;
    if !place.idle().await {
        report.violation("R9", format!("tasks go on without their connections; {again}"));
    }
    place.give_up();
    Ok(())
}

/// Descriptors, tasks and connections are no more than before the first drop (R9).
pub(super) async fn resources(place: &Place, before: &Baseline, report: &mut Report, again: &str) -> Result {
    let check = Invariants::new(&place.world.db, &place.world.storage).model::<Car>().since(before);
    for violation in check.foreign(FOREIGN.0, FOREIGN.1).check().await?.violations {
        report.violation(&violation.invariant.to_string(), format!("{violation}; up to {again}"));
    }
    Ok(())
}

/// What the rows name, as numbers of files.
async fn rows(world: &World) -> Result<Rows> {
    let mut rows = Rows::new();
    let stored = |read: filefield::Result<filefield::Bytes>| read.ok().and_then(|bytes| number(&bytes));
    for car in Car::objects(&world.db).all().await? {
        let files = Files {
            photo: stored(car.photo().read().await),
            manual: stored(car.manual().read().await),
            key: stored(car.key().read().await),
        };
        rows.insert(car.name, files);
    }
    Ok(rows)
}

/// An accessor changes files only, and the caller saves the row. The file is complete or missing, and a moved
/// one is under one of its two names. This does the caller's part.
async fn mend(
    place: &mut Place,
    operation: Operation,
    orders: &[Order],
    report: &mut Report,
    again: &str,
) -> Result {
    let storage = place.world.storage.clone();
    match operation {
        Operation::AccessorSave => {
            let name = FileName::new(SAVED)?;
            match storage.open(name).await {
                Ok(reader) => {
                    if reader.read_all(u64::MAX).await? != bytes(9) {
                        report.violation("P3", format!("{SAVED} is not whole; {again}"));
                    }
                    storage.delete(name).await?;
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Operation::AccessorRename => {
            let car =
                Car::objects(&place.world.db).get(Car::columns().name.eq(orders[0].row.as_str())).await?;
            let (from, to) = (FileName::new(car.photo.name().unwrap_or_default())?, FileName::new(RENAMED)?);
            match (storage.exists(from).await?, storage.exists(to).await?) {
                (true, false) => {}
                (false, true) => storage.rename(to, from).await?,
                both => report.violation("P2", format!("the file is at its names {both:?}; {again}")),
            }
        }
        Operation::AccessorDelete => {
            let car =
                Car::objects(&place.world.db).get(Car::columns().name.eq(orders[0].row.as_str())).await?;
            if !car.photo().exists().await? {
                place.perform(&Order::new(orders[0].row.as_str(), Change::Clear)).await?;
            }
        }
        _ => {}
    }
    Ok(())
}

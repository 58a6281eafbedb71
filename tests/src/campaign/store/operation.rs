//! What is done to a row and its files while the store fails.

use super::claim::{self, Sent};
use super::stage::Stage;
use crate::campaign::Result;
use crate::campaign::world::{Car, Change, Files, LARGE, Order, Outcome, Random, bytes};
use filefield::prelude::*;
use filefield::{Error, FileName, SaveOptions, SharedStorage};
use std::sync::Arc;

named! {
    /// An operation whose requests are all broken.
    ///
    /// A new operation needs its name here, its preparation ([`prepare`](Self::prepare)), its action
    /// ([`perform`](Self::perform)), and what its caller does after a failure ([`Stage::mend`]), if anything.
    Operation
    /// By a storage that has not tested the bucket yet.
    FirstSave = "first-save",
    Save = "save",
    SaveThree = "save-three",
    /// In parts.
    SaveLarge = "save-large",
    Replace = "replace",
    ReplaceLarge = "replace-large",
    Clear = "clear",
    Delete = "delete",
    /// A row that the database refuses after its files were stored.
    Refused = "refused",
    Sweep = "sweep",
    Open = "open",
    OpenRange = "open-range",
    /// With the accessor; the bytes pass through this process.
    Rename = "rename",
    RenameInBucket = "rename-in-bucket",
    Copy = "copy",
    CopyInBucket = "copy-in-bucket",
    /// For a direct upload in parts.
    Ticket = "ticket",
    /// Of a direct upload, by a new row.
    Claim = "claim",
    ClaimParts = "claim-parts",
}

use Operation::*;

impl Operation {
    pub(super) fn is_large(self) -> bool {
        matches!(self, SaveLarge | ReplaceLarge | ClaimParts)
    }

    pub(super) fn is_reading(self) -> bool {
        matches!(self, Open | OpenRange)
    }

    pub(super) fn is_rename(self) -> bool {
        matches!(self, Rename | RenameInBucket)
    }

    pub(super) fn is_copy(self) -> bool {
        matches!(self, Copy | CopyInBucket)
    }

    pub(super) fn is_claim(self) -> bool {
        matches!(self, Claim | ClaimParts)
    }

    /// Its preparation, and what it acts on.
    pub(super) async fn prepare(self, stage: &mut Stage, random: &mut Random) -> Result<Subject> {
        let all = Files::all(random);
        let (photo, large) = (random.file(), LARGE + random.file() % 1_000);
        let three = Change::Create(Files::all(random));
        let (before, change) = match self {
            FirstSave | Save | Claim => (vec![], Change::Create(Files::photo(photo))),
            Ticket => (vec![], Change::Sweep),
            SaveThree => (vec![], Change::Create(all)),
            SaveLarge | ClaimParts => (vec![], Change::Create(Files::photo(large))),
            Replace => (vec![three], Change::Replace(Files::photo(photo))),
            ReplaceLarge => (vec![three], Change::Replace(Files::photo(large))),
            Clear => (vec![three], Change::Clear),
            Delete => (vec![three], Change::Delete),
            Refused => (vec![three], Change::Refused(Files { key: None, ..all })),
            Sweep => (vec![three, Change::DeleteIn], Change::Sweep),
            Open | OpenRange => (vec![Change::Create(Files::photo(long(random)))], Change::Sweep),
            Rename | RenameInBucket | Copy | CopyInBucket => {
                (vec![Change::Create(Files::photo(long(random)))], Change::Sweep)
            }
        };
        stage.number += 1;
        let order = Order::new(format!("{} {}", self.name(), stage.number), change);
        let mut wanted = Vec::new();
        for change in before {
            if let Change::Create(Files { photo: Some(number), .. }) = change {
                wanted = bytes(number);
            }
            let order = Order::new(order.row.as_str(), change);
            if let Outcome::Failed { text, .. } = stage.order(&order).await {
                return Err(format!("{} could not be prepared: {text}", self.name()).into());
            }
        }
        if self == Sweep {
            stage.world.execute("UPDATE filefield_journal SET due_at = 0").await?;
        }
        let mut subject = Subject::new(stage, order, wanted).await?;
        if self.is_claim() {
            let number = if self == Claim { photo } else { large };
            subject.sent = Some(claim::send(stage, number, self == ClaimParts).await?);
        }
        Ok(subject)
    }

    /// Runs it.
    pub(super) async fn perform(self, stage: &mut Stage, subject: &Subject) -> Result<End> {
        let storage = stage.world.storage.clone();
        let (from, to) = (FileName::new(&subject.from), FileName::new(&subject.to)?);
        let outcome = match self {
            FirstSave => {
                let fresh: SharedStorage = Arc::new(stage.fresh()?);
                let order = subject.order.clone();
                return Ok(End::Told(filefield::testing::with_storage(fresh, stage.order(&order)).await));
            }
            Claim | ClaimParts => {
                let sent = subject.sent.as_ref().ok_or("nothing was sent")?;
                return Ok(End::Told(stage.claim(&subject.order, sent).await));
            }
            Ticket => claim::ticket(&stage.world).await,
            Open => return Ok(subject.read(0..u64::MAX).await),
            OpenRange => {
                let len = subject.wanted.len() as u64;
                return Ok(subject.read(len / 3..len / 2).await);
            }
            Rename => {
                let mut car = subject.car()?;
                match car.photo_mut().rename(&subject.to).await {
                    // The file has its new name, whatever happens to the row.
                    Ok(()) => car.save(&stage.world.db).await.map_err(Error::uncertain),
                    failed => failed,
                }
            }
            RenameInBucket => {
                let mut car = subject.car()?;
                match stage.in_bucket.rename(from?, to).await {
                    Ok(()) => {
                        car.photo_mut().set_name(&subject.to)?;
                        car.save(&stage.world.db).await.map_err(Error::uncertain)
                    }
                    failed => failed,
                }
            }
            Copy | CopyInBucket => {
                let storage = if self == Copy { storage } else { stage.in_bucket.clone() };
                let options =
                    SaveOptions { exact: true, owner: subject.owner.clone(), ..SaveOptions::default() };
                storage.copy(from?, to, &options).await.map(drop)
            }
            _ => return Ok(End::Told(stage.order(&subject.order.clone()).await)),
        };
        Ok(End::Told(Outcome::of(outcome)))
    }
}

/// What an operation acts on.
pub(super) struct Subject {
    pub(super) order: Order,
    car: Option<Car>,
    /// The row's photo.
    pub(super) from: String,
    /// The other name of a copy or a rename.
    pub(super) to: String,
    owner: Option<String>,
    /// The upload to claim.
    sent: Option<Sent>,
    /// The content of the photo.
    pub(super) wanted: Vec<u8>,
}

impl Subject {
    async fn new(stage: &Stage, order: Order, wanted: Vec<u8>) -> Result<Subject> {
        let car = match stage.is_expected(&order.row) {
            true => {
                Some(Car::objects(&stage.world.db).get(Car::columns().name.eq(order.row.as_str())).await?)
            }
            false => None,
        };
        let from = car.as_ref().and_then(|car| car.photo.name()).unwrap_or_default().to_owned();
        let owner = match from.is_empty() {
            true => None,
            false => stage.patient.owner(FileName::new(&from)?).await?,
        };
        let to = format!("cars/moved_{}.gif", filefield::name::token()?);
        Ok(Subject { order, car, from, to, owner, sent: None, wanted })
    }

    /// The same subject in its current state.
    pub(super) async fn again(&self, stage: &Stage) -> Result<Subject> {
        let mut subject = Subject::new(stage, self.order.clone(), self.wanted.clone()).await?;
        if let Some(sent) = &self.sent {
            subject.sent = Some(sent.again(stage).await?);
        }
        Ok(subject)
    }

    pub(super) fn car(&self) -> Result<Car> {
        self.car.clone().ok_or_else(|| "an operation on a row that is not there".into())
    }

    async fn read(&self, range: std::ops::Range<u64>) -> End {
        let read = async {
            let Some(car) = &self.car else { return Ok(filefield::Bytes::new()) };
            match range.end {
                u64::MAX => car.photo().read().await,
                _ => car.photo().open_range(range.clone()).await?.read_all(u64::MAX).await,
            }
        };
        let at = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(self.wanted.len());
        let wanted = &self.wanted[at(range.start)..at(range.end)];
        match read.await {
            Ok(read) if read == wanted => End::Told(Outcome::Done),
            Ok(read) => End::Wrong { read: read.len(), wanted: wanted.len() },
            failed => End::Told(Outcome::of(failed.map(drop))),
        }
    }
}

/// How an operation ended.
#[derive(Debug, Clone)]
pub(super) enum End {
    Told(Outcome),
    /// With this many bytes that are wrong, and no error.
    Wrong {
        read: usize,
        wanted: usize,
    },
}

/// The number of a file that takes several reads.
fn long(random: &mut Random) -> u32 {
    loop {
        let number = random.file();
        if bytes(number).len() > 50_000 {
            return number;
        }
    }
}

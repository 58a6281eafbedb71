//! Direct uploads to the bucket, for a row to claim.

use super::stage::{PART_SIZE, Stage};
use crate::campaign::Result;
use crate::campaign::world::{Car, World, bytes};
use filefield::db::{NewUpload, UploadClaim};
use filefield::inspect::{Inspector, Rules};
use filefield::prelude::*;
use filefield::registry::AppBuilder;
use filefield::testing::with_storage;
use filefield_tests::buckets::http;

/// The key that signs tickets.
const SECRET_KEY: &str = "a secret of the campaign, of 32 bytes or more";

/// What a client has sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    number: u32,
    in_parts: bool,
    claim: UploadClaim,
}

/// The settings that tickets need.
pub(super) fn app() -> Result<AppBuilder> {
    Ok(App::builder().settings(Settings::builder().secret_key(SECRET_KEY).build()?))
}

/// A ticket for an upload in parts.
pub(super) async fn ticket(world: &World) -> filefield::Result<()> {
    Car::key_upload("key.bin", 2 * PART_SIZE + 1).part_size(PART_SIZE).ticket(&world.db).await.map(drop)
}

/// Sends the file of this number, without faults.
pub(super) async fn send(stage: &Stage, number: u32, in_parts: bool) -> Result<Sent> {
    let mut rest = &bytes(number)[..];
    let (mut inspector, result) = Inspector::new(Rules { checksum: true, ..Rules::default() });
    inspector.update(rest)?;
    inspector.finish()?;
    let sha256 = result.get().and_then(|found| found.sha256).ok_or("no hash")?;
    let mut upload: NewUpload<Car> =
        Car::photo_upload("photo.gif", rest.len() as u64).content_type("image/gif").sha256(sha256);
    if in_parts {
        upload = upload.part_size(PART_SIZE);
    }
    let ticket = with_storage(stage.patient.clone(), upload.ticket(&stage.world.db)).await?;
    let mut tags = Vec::new();
    for request in &ticket.requests {
        let (part, left) = rest.split_at(usize::try_from(request.size)?);
        rest = left;
        let headers: Vec<_> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = http::send(request.method, &request.url, &headers, part).await;
        if answer.status != 200 {
            return Err(format!("an upload was answered {}", answer.status).into());
        }
        tags.push(answer.header("etag").unwrap_or_default().to_owned());
    }
    Ok(Sent { number, in_parts, claim: UploadClaim::new(&ticket.token).tags(tags) })
}

impl Sent {
    /// The same again, with another ticket.
    pub(super) async fn again(&self, stage: &Stage) -> Result<Sent> {
        send(stage, self.number, self.in_parts).await
    }

    /// Claims it for a new row.
    pub(super) async fn claim(&self, world: &World, row: &str) -> filefield::Result<()> {
        let mut car = Car { name: row.to_owned(), ..Car::default() };
        car.photo_mut().claim(&self.claim, &world.db).await?;
        car.save(&world.db).await
    }
}

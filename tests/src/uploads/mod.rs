//! Tests of direct uploads that hold for every storage.
#![allow(clippy::unwrap_used, missing_docs, reason = "these are tests, run against several storages")]

mod refusals;

use filefield::db::{self, Db, NewUpload, UploadClaim, UploadTicket};
use filefield::db::{Queries, Read};
use filefield::prelude::*;
use filefield::storage::UploadRequest;
use filefield::{Bytes, ErrorKind, SharedStorage};
use std::time::Duration;
use tempfile::TempDir;

/// The key that these tests need in the settings.
pub const SECRET_KEY: &str = "a secret of the tests, of 32 bytes or more";

#[derive(Debug, Clone, Default, Model)]
#[model(table = "hulls")]
pub struct Hull {
    #[model(primary_key)]
    pub id: i64,
    #[file(upload_to = "hulls", accept = ["image/*"], max_size = "20 MiB", meta_field = photo_meta, width_field = width)]
    pub photo: ImageField,
    pub photo_meta: FileMeta,
    pub width: Option<u32>,
    #[file(upload_to = "plans", naming = "unique")]
    pub plan: Option<FileField>,
    #[file(upload_to = "deeds")]
    pub deed: FileField,
    #[file(upload_to = "seals", extension = "detected", verify = is_dry)]
    pub seal: FileField,
}

fn is_dry(file: &mut filefield::file::File) -> Result<(), String> {
    let mut all = Vec::new();
    std::io::Read::read_to_end(file, &mut all).map_err(|error| error.to_string())?;
    if all.ends_with(b"wet") { Err("it is wet".to_owned()) } else { Ok(()) }
}

/// How a client sends to a storage, and how to list what is in it.
#[allow(async_fn_in_trait, reason = "nobody spawns it")]
pub trait Place {
    /// Sends a request. Returns the tag of the answer, or the refusal.
    async fn send(&self, request: &UploadRequest, body: Bytes) -> Result<String, String>;
    /// Every file in the storage, including uploads.
    async fn files(&self) -> Vec<String>;
    /// Whether the place itself refuses a body that differs from what was declared.
    fn is_strict(&self) -> bool;
    /// The minimum size of a part, in bytes.
    fn part_size(&self) -> u64;
    /// Whether finishing an upload in parts needs the tags of its parts.
    fn needs_tags(&self) -> bool {
        false
    }
}

/// A database, and a storage that clients can send to.
#[derive(Debug)]
pub struct Dock<P> {
    pub place: P,
    pub db: Db,
    _folder: TempDir,
}

/// A GIF of this width, `len` bytes long; at least 24.
pub fn gif(width: u8, len: usize) -> Bytes {
    let mut bytes = b"GIF89a\x07\0\x09\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02".to_vec();
    bytes[6] = width;
    bytes.resize(len, b' ');
    bytes.into()
}

/// Runs all tests on a storage.
pub async fn all<P: Place>(storage: SharedStorage, place: P) -> P {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("db.sqlite").display());
    let db = db::connect(&url).await.unwrap();
    db::migrate::<Hull>(&db).await.unwrap();
    let dock = Dock { place, db, _folder: folder };
    filefield::testing::with_storage(storage, async {
        dock.an_upload_becomes_a_file().await;
        dock.parts_become_a_file().await;
        dock.wrong_tags_leave_an_upload_as_it_was().await;
        dock.an_upload_is_named_by_its_bytes_and_verified().await;
        dock.what_was_not_sent_yet_can_be_claimed_later().await;
        dock.an_upload_that_cannot_be_given_back_is_given_back_later().await;
        dock.an_upload_is_claimed_once().await;
        dock.what_nobody_claims_is_swept().await;
        dock.what_is_sent_days_after_the_claim_is_swept().await;
        dock.a_rolled_back_row_leaves_nothing().await;
        refusals::all(&dock).await;
    })
    .await;
    dock.place
}

impl<P: Place> Dock<P> {
    async fn ticket(&self, upload: NewUpload<Hull>) -> UploadTicket {
        upload.owner("user 7").ticket(&self.db).await.unwrap()
    }

    fn claim(ticket: &UploadTicket) -> UploadClaim {
        UploadClaim::new(&ticket.token).owner("user 7")
    }

    /// Sends all of `bytes` as the ticket says.
    async fn send(&self, ticket: &UploadTicket, bytes: &Bytes) -> Vec<String> {
        let (mut tags, mut rest) = (Vec::new(), bytes.clone());
        for request in &ticket.requests {
            let part = rest.split_to(usize::try_from(request.size).unwrap());
            tags.push(self.place.send(request, part).await.unwrap());
        }
        assert!(rest.is_empty());
        tags
    }

    async fn asked<T: Read>(&self, sql: &str) -> T {
        self.db.query(sql, Vec::new()).await.unwrap().remove(0).only().unwrap()
    }

    /// Sweeps until nothing waits, including the second looks. Returns the remaining files.
    async fn settled(&self) -> Vec<String> {
        for _ in 0..200 {
            self.db.run("UPDATE filefield_journal SET due_at = 0").await.unwrap();
            let report = db::sweep(&self.db).await.unwrap();
            if report.failed + report.dead > 0 {
                panic!(
                    "{report:?}: {}",
                    self.asked::<String>("SELECT MAX(last_error) FROM filefield_journal").await
                );
            }
            if self.asked::<i64>("SELECT COUNT(*) FROM filefield_journal").await == 0 {
                return self.place.files().await;
            }
        }
        panic!("the journal does not become empty");
    }

    async fn is_empty(&self) {
        assert_eq!(self.settled().await, Vec::<String>::new());
    }

    async fn gone(&self, hull: Hull) {
        hull.delete(&self.db).await.unwrap();
        self.is_empty().await;
    }

    async fn an_upload_becomes_a_file(&self) {
        let bytes = gif(7, 3000);
        let ticket = self.ticket(Hull::photo_upload("Chevy.gif", 3000).content_type("image/gif")).await;
        let json = serde_json::to_value(&ticket).unwrap();
        assert_eq!(
            (&json["requests"][0]["method"], &json["requests"][0]["size"]),
            (&"PUT".into(), &3000.into())
        );
        self.send(&ticket, &bytes).await;
        let mut hull = Hull::default();
        hull.photo_mut().claim(&Self::claim(&ticket), &self.db).await.unwrap();
        assert_eq!(hull.photo().name(), "hulls/Chevy.gif");
        hull.save(&self.db).await.unwrap();
        let hull = Hull::objects(&self.db).get(Hull::columns().id.eq(hull.id)).await.unwrap();
        assert_eq!(hull.photo().read().await.unwrap(), bytes);
        assert_eq!((hull.width, hull.photo_meta.size), (Some(7), Some(3000)));
        assert_eq!(hull.photo_meta.content_type.as_deref(), Some("image/gif"));
        assert_eq!(hull.photo_meta.original_name.as_deref(), Some("Chevy.gif"));
        assert_eq!(hull.photo_meta.sha256.as_ref().map(String::len), Some(64));
        // The URL still works, and what it stores is swept at the second look.
        let _ = self.place.send(&ticket.requests[0], bytes).await;
        assert_eq!(self.settled().await, ["hulls/Chevy.gif"]);
        self.gone(hull).await;
    }

    async fn an_upload_is_named_by_its_bytes_and_verified(&self) {
        let bytes = gif(7, 3000);
        let ticket = self.ticket(Hull::seal_upload("C:\\fakepath\\seal.php ", 3000)).await;
        self.send(&ticket, &bytes).await;
        let mut hull = Hull::default();
        hull.seal_mut().claim(&Self::claim(&ticket), &self.db).await.unwrap();
        assert_eq!(hull.seal().name(), "seals/seal.gif");
        hull.save(&self.db).await.unwrap();
        assert_eq!(hull.seal().read().await.unwrap(), bytes);
        assert_eq!(self.settled().await, ["seals/seal.gif"]);
        self.gone(hull).await;

        let ticket = self.ticket(Hull::seal_upload("seal.gif", 7)).await;
        self.send(&ticket, &Bytes::from_static(b"all wet")).await;
        let mut hull = Hull::default();
        let error = hull.seal_mut().claim(&Self::claim(&ticket), &self.db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotAccepted, "{error}");
        assert!(hull.seal().is_empty());
        self.is_empty().await;
    }

    async fn parts_become_a_file(&self) {
        let part = self.place.part_size();
        let len = part * 2 + 1000;
        let bytes = gif(9, usize::try_from(len).unwrap());
        let plan = Hull::plan_upload("plan.bin", len).part_size(part);
        let ticket = self.ticket(plan).await;
        assert_eq!(ticket.requests.len(), 3);
        let tags = self.send(&ticket, &bytes).await;
        let mut hull = Hull::default();
        hull.plan_mut().claim(&Self::claim(&ticket).tags(tags), &self.db).await.unwrap();
        hull.save(&self.db).await.unwrap();
        let hull = Hull::objects(&self.db).get(Hull::columns().id.eq(hull.id)).await.unwrap();
        assert!(hull.plan().read().await.unwrap() == bytes);
        assert_eq!(self.settled().await, [hull.plan().name()]);
        self.gone(hull).await;

        // Parts that nobody assembles.
        let ticket = self.ticket(Hull::plan_upload("plan.bin", len).part_size(part)).await;
        let first = bytes.slice(..usize::try_from(part).unwrap());
        let tag = self.place.send(&ticket.requests[0], first).await.unwrap();
        let claim = Self::claim(&ticket).tags([tag]);
        let error = Hull::default().plan_mut().claim(&claim, &self.db).await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotAsStated),
            "a part of the parts was taken for a file: {error:?}"
        );
        self.is_empty().await;
    }

    async fn wrong_tags_leave_an_upload_as_it_was(&self) {
        let part = self.place.part_size();
        let len = part * 2 + 1000;
        let bytes = gif(9, usize::try_from(len).unwrap());
        let ticket = self.ticket(Hull::plan_upload("plan.bin", len).part_size(part)).await;
        let tags = self.send(&ticket, &bytes).await;
        let mut hull = Hull::default();
        if self.place.needs_tags() {
            let [one, two, three] = [0, 1, 2].map(|at: usize| tags[at].as_str());
            for (wrong, is_counted) in [
                (vec![], true),
                (vec![one], true),
                (vec![one, two], true),
                (vec![one, two, three, three], true),
                (vec![one, two, ""], true),
                (vec![one, two, "\"\""], true),
                (vec!["", "", ""], true),
                (vec![one, two, "a b"], true),
                (vec![three, two, one], false),
                (vec![two, one, three], false),
                (vec![one, one, three], false),
                (vec!["null", "null", "null"], false),
            ] {
                let claim = Self::claim(&ticket).tags(wrong.clone());
                let error = hull.plan_mut().claim(&claim, &self.db).await.unwrap_err();
                assert_eq!(
                    (error.kind(), error.is_retryable()),
                    (ErrorKind::NotFound, true),
                    "{wrong:?} {error:?}"
                );
                let text = error.to_string();
                let told = ["3 parts", "ETag", "ExposeHeaders"].iter().all(|word| text.contains(word));
                assert_eq!(told, is_counted, "{wrong:?} {text}");
            }
        }
        hull.plan_mut().claim(&Self::claim(&ticket).tags(tags), &self.db).await.unwrap();
        hull.save(&self.db).await.unwrap();
        let hull = Hull::objects(&self.db).get(Hull::columns().id.eq(hull.id)).await.unwrap();
        assert!(hull.plan().read().await.unwrap() == bytes);
        self.gone(hull).await;

        // Parts with the same bytes may have the same tag.
        let zeros = Bytes::from(vec![0; usize::try_from(part * 2).unwrap()]);
        let ticket = self.ticket(Hull::plan_upload("zeros.bin", part * 2).part_size(part)).await;
        let tags = self.send(&ticket, &zeros).await;
        let mut hull = Hull::default();
        hull.plan_mut().claim(&Self::claim(&ticket).tags(tags), &self.db).await.unwrap();
        assert_eq!(hull.plan().size().await.unwrap(), part * 2);
        drop(hull);
        self.is_empty().await;
    }

    async fn what_was_not_sent_yet_can_be_claimed_later(&self) {
        let ticket = self.ticket(Hull::photo_upload("a.gif", 26)).await;
        let mut hull = Hull::default();
        let error = hull.photo_mut().claim(&Self::claim(&ticket), &self.db).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::NotFound, true), "{error:?}");
        self.send(&ticket, &gif(1, 26)).await;
        hull.photo_mut().claim(&Self::claim(&ticket), &self.db).await.unwrap();
        hull.save(&self.db).await.unwrap();
        assert_eq!(self.settled().await, ["hulls/a.gif"]);
        self.gone(hull).await;
    }

    async fn an_upload_that_cannot_be_given_back_is_given_back_later(&self) {
        let ticket = self.ticket(Hull::photo_upload("a.gif", 26)).await;
        let claim = Self::claim(&ticket);
        let broken = "CREATE TRIGGER broken BEFORE UPDATE ON filefield_journal \
            WHEN OLD.state = 'reaping' AND NEW.state = 'pending' BEGIN SELECT RAISE(FAIL, 'broken'); END";
        self.db.run(broken).await.unwrap();
        let mut hull = Hull::default();
        let error = hull.photo_mut().claim(&claim, &self.db).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::NotFound, false), "{error:?}");
        assert!(error.to_string().contains("not sent") && error.to_string().contains("journal"), "{error}");
        let error = hull.photo_mut().claim(&claim, &self.db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StagedExpired);
        self.db.run("DROP TRIGGER broken").await.unwrap();
        self.send(&ticket, &gif(1, 26)).await;
        let again = async {
            while let Err(error) = hull.photo_mut().claim(&claim, &self.db).await {
                assert_eq!(error.kind(), ErrorKind::StagedExpired);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), again).await.expect("it is given back");
        drop(hull);
        self.is_empty().await;
    }

    async fn an_upload_is_claimed_once(&self) {
        let ticket = self.ticket(Hull::photo_upload("a.gif", 26)).await;
        self.send(&ticket, &gif(1, 26)).await;
        let mut hulls = [Hull::default(), Hull::default(), Hull::default(), Hull::default()];
        let mut done = 0;
        let claim = Self::claim(&ticket);
        let [one, two, three, four] = &mut hulls;
        let (mut one, mut two) = (one.photo_mut(), two.photo_mut());
        let (mut three, mut four) = (three.photo_mut(), four.photo_mut());
        let claims = futures_util::future::join_all([
            one.claim(&claim, &self.db),
            two.claim(&claim, &self.db),
            three.claim(&claim, &self.db),
            four.claim(&claim, &self.db),
        ]);
        for claimed in claims.await {
            match claimed {
                Ok(()) => done += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::StagedExpired, "{error:?}"),
            }
        }
        assert_eq!(done, 1);
        let error = Hull::default().photo_mut().claim(&claim, &self.db).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::StagedExpired, false), "{error:?}");
        // Nobody saves the row.
        drop(hulls);
        self.is_empty().await;
    }

    async fn what_nobody_claims_is_swept(&self) {
        let ticket = self.ticket(Hull::photo_upload("a.gif", 26)).await;
        self.send(&ticket, &gif(1, 26)).await;
        assert_eq!(db::sweep(&self.db).await.unwrap().examined, 0, "the ticket's time is not over");
        self.db.run("UPDATE filefield_journal SET due_at = 0").await.unwrap();
        assert_eq!(db::sweep(&self.db).await.unwrap().deleted, 1);
        assert!(self.place.files().await.is_empty());
        // A late upload is swept too.
        self.send(&ticket, &gif(1, 26)).await;
        let error = Hull::default().photo_mut().claim(&Self::claim(&ticket), &self.db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StagedExpired);
        self.is_empty().await;
    }

    /// Lets these hours pass, and sweeps.
    async fn hours_pass(&self, hours: u32) {
        // A sweep waits for what the claim has started.
        db::sweep(&self.db).await.unwrap();
        let later = format!("UPDATE filefield_journal SET due_at = due_at - {hours} * 3600");
        self.db.run(&later).await.unwrap();
        db::sweep(&self.db).await.unwrap();
    }

    async fn what_is_sent_days_after_the_claim_is_swept(&self) {
        let week = Duration::from_secs(7 * 24 * 60 * 60);
        for body in [gif(1, 26), Bytes::from_static(b"<html><script>x()</script>")] {
            let ticket = self.ticket(Hull::photo_upload("a.gif", 26).expires(week)).await;
            self.send(&ticket, &body).await;
            let mut hull = Hull::default();
            if hull.photo_mut().claim(&Self::claim(&ticket), &self.db).await.is_ok() {
                hull.save(&self.db).await.unwrap();
            }
            for _ in 0..3 {
                self.hours_pass(25).await;
            }
            // The URL is valid for some more days.
            self.send(&ticket, &body).await;
            for _ in 0..2 {
                self.hours_pass(7 * 24).await;
            }
            let kept = Vec::from_iter((!hull.photo().is_empty()).then(|| hull.photo().name()));
            assert_eq!(self.place.files().await, kept);
            match hull.id {
                0 => self.is_empty().await,
                _ => self.gone(hull).await,
            }
        }
    }

    async fn a_rolled_back_row_leaves_nothing(&self) {
        let ticket = self.ticket(Hull::deed_upload("deed.txt", 5)).await;
        self.send(&ticket, &Bytes::from_static(b"deed\n")).await;
        let mut hull = Hull::default();
        hull.deed_mut().claim(&Self::claim(&ticket), &self.db).await.unwrap();
        let tx = self.db.begin().await.unwrap();
        hull.save(&tx).await.unwrap();
        tx.rollback().await.unwrap();
        drop(hull);
        self.is_empty().await;
        assert_eq!(self.asked::<i64>("SELECT COUNT(*) FROM hulls").await, 0);
    }

    /// A ticket that expires in a second.
    async fn short(&self) -> UploadTicket {
        self.ticket(Hull::photo_upload("a.gif", 26).expires(Duration::from_secs(1))).await
    }
}

//! What a process leaves that is killed in the middle of an upload.

use crate::rows::{LARGE, database, ferry, swept};
use async_trait::async_trait;
use filefield::FileField;
use filefield::SharedStorage;
use filefield::db::Queries;
use filefield::db::{Db, Table};
use filefield::object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use filefield::object_store::{ClientOptions, multipart::MultipartStore, path::Path};
use filefield::testing::with_storage;
use filefield_tests::buckets::provider::Provider;
use filefield_tests::buckets::refusals::error_body;
use std::sync::Arc;
use std::time::Duration;

/// A client that sends the first part of an upload, and of what follows nothing.
#[derive(Clone, Debug)]
struct Killed;

impl HttpConnector for Killed {
    fn connect(&self, options: &ClientOptions) -> filefield::object_store::Result<HttpClient> {
        Ok(HttpClient::new(Client(ReqwestConnector::default().connect(options)?)))
    }
}

#[derive(Debug)]
struct Client(HttpClient);

#[async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let query = request.uri().query().unwrap_or_default();
        let is_late = query.contains("uploadId=") && !query.contains("partNumber=1&");
        if is_late && !query.ends_with("partNumber=1") {
            std::future::pending::<()>().await;
        }
        self.0.execute(request).await
    }
}

async fn upload_of(db: &Db) -> Option<(String, String)> {
    let sql = "SELECT name, multipart_id FROM filefield_journal WHERE multipart_id IS NOT NULL";
    let rows = db.query(sql, Vec::new()).await.unwrap();
    let row = rows.first()?;
    Some((row.get("name").unwrap(), row.get("multipart_id").unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parts_of_a_killed_process_are_aborted() {
    for provider in Provider::honest().await {
        // Azure has no ids, and drops such blocks by itself.
        let (bucket, client): (String, Arc<dyn MultipartStore>) = match &provider {
            Provider::S3(server) => {
                let bucket = server.bucket();
                (bucket.clone(), Arc::new(server.client(&bucket).build().unwrap()))
            }
            Provider::Gcs(server) => {
                let bucket = server.bucket();
                (bucket.clone(), Arc::new(server.client(&bucket).build().unwrap()))
            }
            _ => continue,
        };
        let (_folder, db) = database().await;
        let dying: SharedStorage = Arc::new(provider.connected(&bucket, Killed).build().unwrap());
        let mut ferry = ferry("one");
        ferry.photo = FileField::empty();
        let saving = {
            let db = db.clone();
            tokio::spawn(with_storage(dying, async move { ferry.save(&db).await }))
        };
        let (name, id) = loop {
            if let Some(upload) = upload_of(&db).await {
                break upload;
            }
            assert!(!saving.is_finished(), "{LARGE} bytes were saved without an upload in parts");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let key = Path::parse(name).unwrap();
        client.put_part(&key, &id, 2, "a part".into()).await.expect("the upload is open");
        saving.abort();
        let _ = saving.await;

        let healthy: SharedStorage = Arc::new(provider.storage(&bucket).build().unwrap());
        with_storage(healthy, swept(&db)).await;
        let late = client.put_part(&key, &id, 3, "a part".into()).await;
        assert!(late.is_err(), "{}: the upload is still open", provider.name());
        assert_eq!(provider.objects(&bucket).await, [".filefield/create-only"]);
    }
}

/// A client that may not give up an upload in parts.
#[derive(Clone, Debug)]
struct MayNotAbort;

impl HttpConnector for MayNotAbort {
    fn connect(&self, options: &ClientOptions) -> filefield::object_store::Result<HttpClient> {
        Ok(HttpClient::new(NoAborts(ReqwestConnector::default().connect(options)?)))
    }
}

#[derive(Debug)]
struct NoAborts(HttpClient);

#[async_trait]
impl HttpService for NoAborts {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let query = request.uri().query().unwrap_or_default();
        if request.method() != "DELETE" || !query.contains("uploadId=") {
            return self.0.execute(request).await;
        }
        let mut refused = HttpResponse::new(error_body("AccessDenied").into());
        *refused.status_mut() = hyper::StatusCode::FORBIDDEN;
        Ok(refused)
    }
}

/// The file of a write that no row has is deleted, although the service refuses to give up the upload it came by.
#[tokio::test(flavor = "multi_thread")]
async fn an_orphan_goes_without_the_right_to_abort() {
    for provider in Provider::honest().await {
        if provider.name() == "azure" {
            continue;
        }
        let bucket = provider.bucket().await;
        let (_folder, db) = database().await;
        let storage: SharedStorage = Arc::new(provider.connected(&bucket, MayNotAbort).build().unwrap());
        with_storage(storage, async {
            let mut one = ferry("one");
            one.stage(&db).await.unwrap();
            assert_eq!(provider.objects(&bucket).await.len(), 3, "two files and what the check leaves");
            assert!(upload_of(&db).await.is_some(), "the upload in parts has an id");
            std::mem::forget(one);
            swept(&db).await;
            let left = provider.objects(&bucket).await;
            assert_eq!(left, [".filefield/create-only"], "{}", provider.name());
            let sql = "SELECT last_error FROM filefield_journal WHERE last_error LIKE '%abort_upload%'";
            let rows = db.query(sql, Vec::new()).await.unwrap();
            let noted: String = rows.first().expect("the refusal is noted").get("last_error").unwrap();
            assert!(noted.contains("refused access"), "{noted}");
        })
        .await;
    }
}

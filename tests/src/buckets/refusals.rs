//! Requests that a server refuses on demand, as a policy of the bucket would.

use hyper::{Method, StatusCode};
use std::sync::{Arc, Mutex};

/// What to refuse, and with which answer.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The method of the requests.
    pub method: Method,
    /// The status of the answer.
    pub status: u16,
    /// The provider's code.
    pub code: &'static str,
}

/// The refusals of one server.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Arc<Mutex<Vec<Refusal>>>);

impl Refusals {
    /// Refuses these requests from now on.
    pub fn add(&self, refusal: Refusal) {
        self.0.lock().unwrap().push(refusal);
    }

    /// Status and body for a refused request.
    pub(super) fn of(&self, method: &Method) -> Option<(StatusCode, String)> {
        let all = self.0.lock().unwrap();
        let found = all.iter().find(|refusal| refusal.method == method)?;
        Some((StatusCode::from_u16(found.status).unwrap(), error_body(found.code)))
    }
}

/// The body of an error of S3, Google Cloud Storage and Azure. The parts that clients read are the same.
pub fn error_body(code: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>Refused.</Message></Error>"
    )
}

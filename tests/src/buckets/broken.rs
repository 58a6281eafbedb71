//! Connections that break where they are told to.

use async_trait::async_trait;
use filefield::object_store::ClientOptions;
use filefield::object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use std::io;
use std::sync::{Arc, Mutex};

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// It is never sent.
    NotSent,
    /// It is carried out, and its answer is lost.
    AnswerLost,
    /// The service answers with this status instead of carrying it out.
    Answered(u16),
}

/// A connector that breaks one request of its clients, or all from one on.
#[derive(Clone, Debug, Default)]
pub struct Broken(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    seen: usize,
    armed: Option<(usize, Break, bool)>,
}

impl Broken {
    /// Breaks the request that comes as the `at`th from now on, counted from 1, and, `onward`, all that follow.
    pub fn arm(&self, at: usize, how: Break, onward: bool) {
        *self.0.lock().unwrap() = State { seen: 0, armed: Some((at, how, onward)) };
    }

    /// Breaks nothing from now on. The number of requests since the last call.
    pub fn disarm(&self) -> usize {
        std::mem::take(&mut *self.0.lock().unwrap()).seen
    }

    fn next(&self) -> Option<Break> {
        let mut state = self.0.lock().unwrap();
        state.seen += 1;
        let (at, how, onward) = state.armed?;
        (state.seen == at || onward && state.seen > at).then_some(how)
    }
}

impl HttpConnector for Broken {
    fn connect(&self, options: &ClientOptions) -> filefield::object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Client { inner, broken: self.clone() }))
    }
}

#[derive(Debug)]
struct Client {
    inner: HttpClient,
    broken: Broken,
}

#[async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let lost = |kind| HttpError::new(kind, io::Error::other("the connection broke"));
        match self.broken.next() {
            None => self.inner.execute(request).await,
            Some(Break::NotSent) => Err(lost(HttpErrorKind::Connect)),
            Some(Break::AnswerLost) => {
                self.inner.execute(request).await?;
                Err(lost(HttpErrorKind::Interrupted))
            }
            Some(Break::Answered(status)) => {
                let mut answer = HttpResponse::new("<Error><Code>Broken</Code></Error>".to_owned().into());
                *answer.status_mut() = status.try_into().unwrap();
                Ok(answer)
            }
        }
    }
}

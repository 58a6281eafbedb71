//! What can go wrong with a request, and what an error may say then.

use super::http::Message;

/// What is asked of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ask {
    Get,
    Head,
    List,
    Put,
    Copy,
    Delete,
    CreateUpload,
    Part,
    CompleteUpload,
    AbortUpload,
    Other,
}

impl Ask {
    pub(super) fn of(request: &Message) -> Ask {
        let mut words = request.first_line().split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let has = |key: &str| query.split('&').any(|pair| pair.split('=').next() == Some(key));
        match method {
            "HEAD" => Ask::Head,
            "GET" if has("list-type") => Ask::List,
            "GET" => Ask::Get,
            "DELETE" if has("uploadId") => Ask::AbortUpload,
            "DELETE" => Ask::Delete,
            "POST" if has("uploads") => Ask::CreateUpload,
            "POST" if has("uploadId") => Ask::CompleteUpload,
            "PUT" if has("uploadId") => Ask::Part,
            "PUT" if request.header("x-amz-copy-source").is_some() => Ask::Copy,
            "PUT" => Ask::Put,
            _ => Ask::Other,
        }
    }

    /// Whether something changes at the service.
    pub(super) fn is_writing(self) -> bool {
        !matches!(self, Ask::Get | Ask::Head | Ask::List)
    }

    /// Whether a success is answered with a body.
    fn is_answered_at_length(self) -> bool {
        matches!(self, Ask::Get | Ask::List | Ask::Copy | Ask::CreateUpload | Ask::CompleteUpload)
    }
}

named! {
    /// The faults of the campaign `store`. A cut is one kind of fault, on either side. A body is too short in
    /// three ways.
    Fault
    /// The connection is cut before, in or after the head of the request.
    RequestCut = "request-cut",
    /// The request is carried out, and its answer is cut in its head or body.
    AnswerCut = "answer-cut",
    /// Nothing listens on the port.
    Refused = "refused",
    /// Nothing moves until the client gives up. The request never arrives, arrives then, or is carried out
    /// without an answer or with an incomplete one.
    Stall = "stall",
    /// The request is carried out, and no byte of the answer arrives.
    AnswerLost = "answer-lost",
    /// `InternalError`. The request may have been carried out.
    InternalError = "500",
    /// `SlowDown`.
    SlowDown = "503",
    /// `TooManyRequests`.
    TooMany = "429",
    /// `ConditionalRequestConflict`, `OperationAborted`.
    Conflict = "409",
    /// A status of 200, and an error in the body.
    ErrorInside = "error-in-200",
    /// The body of the answer ends too early.
    Short = "short-body",
    /// One byte of a body is wrong.
    Corrupt = "checksum",
    /// `RequestTimeTooSkewed`.
    Skewed = "clock",
}

impl Fault {
    /// Whether it can happen to such a request.
    pub(super) fn befalls(self, ask: Ask) -> bool {
        match self {
            Fault::ErrorInside => matches!(ask, Ask::CompleteUpload | Ask::Copy),
            Fault::Short => ask.is_answered_at_length(),
            Fault::Corrupt => matches!(ask, Ask::Get | Ask::Put | Ask::Part),
            _ => true,
        }
    }

    /// Whether it proves that the request was not carried out.
    pub(super) fn is_undone(self) -> bool {
        matches!(
            self,
            Fault::Refused
                | Fault::SlowDown
                | Fault::TooMany
                | Fault::Conflict
                | Fault::Corrupt
                | Fault::Skewed
        )
    }

    /// Whether the client retries such a request.
    pub(super) fn is_tried_again(self) -> bool {
        !matches!(self, Fault::Conflict | Fault::Corrupt | Fault::Skewed)
    }

    /// Status and code of an answer that is only an error.
    pub(super) fn answer(self, request: &Message) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Fault::InternalError => ("500 Internal Server Error", "InternalError"),
            Fault::SlowDown => ("503 Service Unavailable", "SlowDown"),
            Fault::TooMany => ("429 Too Many Requests", "TooManyRequests"),
            Fault::Conflict if request.header("if-none-match").is_some() => {
                ("409 Conflict", "ConditionalRequestConflict")
            }
            Fault::Conflict => ("409 Conflict", "OperationAborted"),
            Fault::Skewed => ("403 Forbidden", "RequestTimeTooSkewed"),
            _ => return None,
        })
    }
}

/// Which requests a fault hits, starting with the chosen one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extent {
    /// Only the chosen one: the client's retry succeeds.
    Once,
    /// The chosen one and all that follow until the operation has ended.
    Onward,
    /// The chosen one is carried out and its answer is lost. The fault hits all that follow, first the retry.
    SecondTry,
    /// The same, but the retry succeeds. The fault hits the requests after it.
    AfterSecondTry,
}

impl Extent {
    /// The extents that a request may have. The one that reaches the most requests is listed twice.
    pub(super) fn of(ask: Ask) -> &'static [Extent] {
        match ask.is_writing() {
            true => {
                &[Extent::Once, Extent::Onward, Extent::Onward, Extent::SecondTry, Extent::AfterSecondTry]
            }
            false => &[Extent::Once, Extent::Onward],
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Extent::Once => "once",
            Extent::Onward => "onward",
            Extent::SecondTry => "second-try",
            Extent::AfterSecondTry => "after-second-try",
        }
    }

    /// The fault of the `nth` request, counted from the chosen one, which is 0.
    pub(super) fn fault(self, fault: Fault, nth: u64) -> Option<Fault> {
        match (self, nth) {
            (Extent::Once, 1..) | (Extent::AfterSecondTry, 1) => None,
            (Extent::SecondTry | Extent::AfterSecondTry, 0) => Some(Fault::AnswerLost),
            _ => Some(fault),
        }
    }

    /// The first request that `fault` itself hits.
    pub(super) fn first(self) -> u64 {
        match self {
            Extent::Once | Extent::Onward => 0,
            Extent::SecondTry => 1,
            Extent::AfterSecondTry => 2,
        }
    }

    /// Whether a request was carried out without its client knowing.
    pub(super) fn loses_an_answer(self) -> bool {
        self.first() > 0
    }
}

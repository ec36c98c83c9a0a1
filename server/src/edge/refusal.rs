//! What the edge refuses by itself, and the words for it.

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::Face;

/// One request or connection that the handler was not asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeRefusal {
    /// Why.
    pub kind: RefusalKind,
    /// The status that the client was sent, if it got one. A 4xx that the HTTP library sent by
    /// itself counts.
    pub status: Option<StatusCode>,
    /// The host that the client named, as far as one is known; lower case, no port.
    pub host: Option<String>,
    /// Method and path of the request, without its query: `POST /common/oauth2/token`.
    pub request: Option<String>,
    /// Which face, as far as the client came to one.
    pub face: Option<Face>,
    /// Number of the connection, as in [`super::Link::connection`].
    pub connection: u64,
    /// What is wrong and what to do about it, for people.
    pub detail: String,
}

/// Why the edge refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The host is not emulated (502 by proxy, 404 by prefix, 421 directly, an alert in TLS).
    UnknownHost,
    /// CONNECT authority, SNI, request target and Host do not agree (421).
    Mismatch,
    /// Too many or too long header fields (431).
    HeadersTooLarge,
    /// Too long a body (413).
    BodyTooLarge,
    /// The head of a request did not come in time (closed).
    HeadersTooSlow,
    /// The body of a request did not come in time (408).
    BodyTooSlow,
    /// Not HTTP, or not a request that is understood (400, or closed).
    BadRequest,
    /// The TLS handshake failed.
    Tls,
    /// More connections than the limit (503, or closed).
    TooManyConnections,
    /// The handler panicked (500).
    Panic,
}

impl RefusalKind {
    /// A fixed word for journals and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownHost => "unknown-host",
            Self::Mismatch => "mismatch",
            Self::HeadersTooLarge => "headers-too-large",
            Self::BodyTooLarge => "body-too-large",
            Self::HeadersTooSlow => "headers-too-slow",
            Self::BodyTooSlow => "body-too-slow",
            Self::BadRequest => "bad-request",
            Self::Tls => "tls",
            Self::TooManyConnections => "too-many-connections",
            Self::Panic => "panic",
        }
    }
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many names a text lists before it says that there are more.
const LISTED: usize = 40;

/// The emulated hosts, as the end of a sentence.
pub(super) fn listed(mut names: Vec<String>) -> String {
    if names.is_empty() {
        return "no host at all".to_owned();
    }
    let more = names.len().saturating_sub(LISTED);
    names.truncate(LISTED);
    let mut text = names.join(", ");
    if more > 0 {
        text = format!("{text} and {more} more");
    }
    text
}

/// A plain text answer of the edge itself.
pub(super) fn text(status: StatusCode, words: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(format!("linarite: {words}\n")));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

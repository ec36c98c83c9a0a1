//! One request as a handler sees it, and how it is noted in the journal.
//!
//! Handlers take [`Call`] as an extractor. The router matches on the path in lower case and without doubled slashes;
//! [`Call::segment`] gives a segment as the client wrote it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Version};
use linarite_core::ids::{DeviceId, Guid};
use linarite_core::instant::Instant;
use serde_json::{Map, Value};

use crate::edge::Link;
use crate::entropy::Stream;
use crate::journal::Kind;
use crate::world::World;

/// Characters of a text that are noted.
const NOTE: usize = 256;

/// A request with all that belongs to it; cheap to clone.
#[derive(Clone, Debug)]
pub struct Call(Arc<Inner>);

/// What [`Call`] points to.
#[derive(Debug)]
pub struct Inner {
    /// The world that it came to.
    pub world: Arc<World>,
    /// How it came.
    pub link: Link,
    /// Version of HTTP.
    pub version: Version,
    /// Method.
    pub method: Method,
    /// Path, percent-encoded as it came, without doubled slashes.
    pub path: String,
    /// Query without its question mark; empty when there is none.
    pub query: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// The request id, which the client gets and the journal keeps.
    pub request_id: Guid,
    /// What the client calls the request, or an id drawn for it.
    pub correlation_id: Guid,
    facts: Mutex<Map<String, Value>>,
}

impl std::ops::Deref for Call {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Call {
    /// Takes a request apart.
    pub fn new(world: Arc<World>, link: Link, request: http::Request<Bytes>) -> Self {
        let (parts, body) = request.into_parts();
        let request_id = world.entropy.guid(Stream::Trace);
        let named = ["client-request-id", "x-ms-client-request-id"]
            .iter()
            .find_map(|name| parts.headers.get(*name)?.to_str().ok()?.trim().parse::<Guid>().ok());
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let named = named.or_else(|| {
            let found =
                pairs(&query).find(|(key, _)| key.eq_ignore_ascii_case("client-request-id"));
            found.and_then(|(_, value)| value.trim().parse().ok())
        });
        let correlation_id = named.unwrap_or_else(|| world.entropy.guid(Stream::Trace));
        Self(Arc::new(Inner {
            path: single_slashes(parts.uri.path()),
            query,
            world,
            link,
            version: parts.version,
            method: parts.method,
            headers: parts.headers,
            body,
            request_id,
            correlation_id,
            facts: Mutex::default(),
        }))
    }

    /// World time.
    pub fn now(&self) -> Instant {
        self.world.clock.now()
    }

    /// A header as text; `None` when absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    /// The bearer token of the request.
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|t| !t.is_empty())
    }

    /// The n-th segment of the path as the client wrote it, percent-decoded.
    pub fn segment(&self, index: usize) -> Option<String> {
        let raw = self.path.trim_start_matches('/').split('/').nth(index)?;
        Some(percent_encoding::percent_decode_str(raw).decode_utf8_lossy().into_owned())
    }

    /// The parameters of the query, decoded.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        pairs(&self.query).collect()
    }

    /// A parameter of the query, by its name in any case.
    pub fn query_value(&self, name: &str) -> Option<String> {
        pairs(&self.query).find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body as a form, whatever its content type says: the nonce call of some clients has none.
    pub fn form(&self) -> Vec<(String, String)> {
        std::str::from_utf8(&self.body).map(|text| pairs(text.trim()).collect()).unwrap_or_default()
    }

    /// The certificate that the client showed (DER), if any.
    pub fn client_certificate(&self) -> Option<&[u8]> {
        self.link.client_chain.first().map(Vec::as_slice)
    }

    /// An absolute URL on an emulated host, as the client's own face reaches it.
    pub fn url(&self, host: &str, path: &str) -> String {
        self.link.url(host, path)
    }

    /// Adds a particular to this exchange's event in the journal. Never a password, a token or a key.
    ///
    /// Long texts are cut: what a client sends must not fill the journal.
    pub fn note(&self, key: &str, value: impl Into<Value>) {
        let mut value = value.into();
        if let Value::String(text) = &mut value
            && let Some((end, _)) = text.char_indices().nth(NOTE)
        {
            text.truncate(end);
        }
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.insert(key.to_owned(), value);
    }

    /// Notes the device that the exchange is about.
    pub fn note_device(&self, device: DeviceId) {
        self.note("device", device.to_string());
    }

    /// Whether a fault keeps the new record of this device from every call but the one that made it. Its strike is noted.
    pub fn is_kept_back(&self, device: DeviceId) -> bool {
        self.holds_back(device, self.world.faults.unseen_records(self.now()))
    }

    /// Whether a fault keeps the new key of this device from every call but the one that made it. Its strike is noted.
    pub fn is_key_kept_back(&self, device: DeviceId) -> bool {
        self.holds_back(device, self.world.faults.unseen_keys(self.now()))
    }

    fn holds_back(&self, device: DeviceId, unseen: Vec<(String, DeviceId)>) -> bool {
        let held = unseen.into_iter().find(|(_, held)| *held == device);
        let is_held = held.is_some();
        if let Some((fault, _)) = held {
            self.note("fault", fault);
        }
        is_held
    }

    /// What was noted so far.
    pub fn facts(&self) -> Map<String, Value> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records an event of its own, tied to this exchange.
    pub fn record(&self, kind: Kind, fields: Map<String, Value>) {
        let request = Some(self.request_id.to_string());
        self.world.journal.record(&self.world.clock, kind, request, fields, None);
    }
}

impl<S: Sync> FromRequestParts<S> for Call {
    type Rejection = Infallible;

    #[expect(
        clippy::panic,
        reason = "a router that is called without a call is a mistake of this program"
    )]
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        match parts.extensions.get::<Self>() {
            Some(call) => Ok(call.clone()),
            None => panic!("a service was routed without its call"),
        }
    }
}

/// A path without doubled slashes.
fn single_slashes(path: &str) -> String {
    let mut single = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !single.ends_with('/') {
            single.push(c);
        }
    }
    single
}

/// A part of a form or a query, decoded.
pub(super) fn decode(part: &str) -> String {
    let spaced = part.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// The pairs of a form or a query, decoded.
fn pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), decode(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubled_slashes_fall_together() {
        assert_eq!(single_slashes("//v1.0///devices/"), "/v1.0/devices/");
    }

    #[test]
    fn forms_decode_plus_and_percent() {
        let read: Vec<_> = pairs("a=1+2&b=%40%2B&c&=d&").collect();
        let expected = [("a", "1 2"), ("b", "@+"), ("c", ""), ("", "d")];
        assert_eq!(read, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }
}

//! One request as a handler sees it, and how it is noted in the journal.
//!
//! Handlers take [`Call`] as an extractor. The router matches on the path in lower case and without doubled slashes;
//! [`Call::segment`] gives a segment as the client wrote it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::FromRequestParts;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Version};
use linarite_core::ids::{DeviceId, Guid};
use linarite_core::instant::Instant;

use crate::edge::Link;
use crate::entropy::Stream;
use crate::form;
use crate::journal::{Fields, Kind, Particular};
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
    facts: Mutex<Fields>,
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
                form::pairs(&query).find(|(key, _)| key.eq_ignore_ascii_case("client-request-id"));
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
            facts: Mutex::new(Fields::new()),
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
        owned(&self.query)
    }

    /// A parameter of the query, by its name in any case.
    pub fn query_value(&self, name: &str) -> Option<String> {
        let mut pairs = form::pairs(&self.query);
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.into_owned())
    }

    /// The body as a form, whatever its content type says: the nonce call of some clients has none.
    pub fn form(&self) -> Vec<(String, String)> {
        std::str::from_utf8(&self.body).map(|text| owned(text.trim())).unwrap_or_default()
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
    pub fn note(&self, key: &'static str, value: impl Particular) {
        self.locked().insert_cut(key, value, NOTE);
    }

    /// Notes the device that the exchange is about.
    pub fn note_device(&self, device: DeviceId) {
        self.note("device", format_args!("{device}"));
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
    pub fn facts(&self) -> Fields {
        self.locked().clone()
    }

    /// Some of what was noted so far, in this order, as the beginning of another event.
    pub fn chosen_facts(&self, names: &[&str]) -> Fields {
        let mut chosen = Fields::new();
        chosen.copy(&self.locked(), names);
        chosen
    }

    /// Adds what was noted so far to the particulars of the exchange.
    pub fn add_facts(&self, fields: &mut Fields) {
        fields.extend_from(&self.locked());
    }

    /// Whether something of this name was noted.
    pub fn has_fact(&self, name: &str) -> bool {
        self.locked().contains(name)
    }

    fn locked(&self) -> MutexGuard<'_, Fields> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records an event of its own, tied to this exchange.
    pub fn record(&self, kind: Kind, fields: impl Into<Fields>) {
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

fn owned(text: &str) -> Vec<(String, String)> {
    let owned = form::pairs(text).map(|(name, value)| (name.into_owned(), value.into_owned()));
    owned.collect()
}

/// A path without doubled slashes.
fn single_slashes(path: &str) -> String {
    if !path.contains("//") {
        return path.to_owned();
    }
    let mut single = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !single.ends_with('/') {
            single.push(c);
        }
    }
    single
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubled_slashes_fall_together() {
        assert_eq!(single_slashes("//v1.0///devices/"), "/v1.0/devices/");
    }
}

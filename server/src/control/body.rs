//! Reading what a request brings: the world in its path, its parameters, its JSON body.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::admin::Admin;
use super::error::Refusal;
use super::guard::Shared;
use super::registry::Seat;
use crate::form;

/// Bytes of the largest body.
const BODY: usize = 1 << 20;
/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);
/// The name of the actor in the journal.
const ACTOR: &str = "control";

/// The world of the path, and what stands behind it there.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) seat: Arc<Seat>,
    name: Option<String>,
}

impl Target {
    /// The record or snapshot of the path.
    pub(super) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    pub(super) fn admin(&self) -> Admin<'_> {
        Admin::new(&self.seat.world, ACTOR)
    }
}

impl FromRequestParts<Arc<Shared>> for Target {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        let path = RawPathParams::from_request_parts(parts, shared)
            .await
            .map_err(|_| Refusal::invalid("the path is not UTF-8 when it is decoded"))?;
        let mut parameters = path.iter().map(|(_, value)| value.to_owned());
        let id = parameters.next().unwrap_or_default();
        let seat = shared.worlds.seat(&id).ok_or_else(|| {
            let known: Vec<_> = shared.worlds.seats().iter().map(|s| s.world.id.clone()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let message = format!("no world is called `{id}`; there are: {known}");
            Refusal::new(StatusCode::NOT_FOUND, "world-unknown", message)
        })?;
        Ok(Self { seat, name: parameters.next() })
    }
}

/// The parameters of the query, decoded, in the order in which they came.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = form::pairs(query);
        Ok(Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()))
    }
}

impl Parameters {
    /// Takes a parameter out; twice the same is an error.
    pub(super) fn take(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        let Some(at) = self.0.iter().position(|(key, _)| key == name) else { return Ok(None) };
        let (_, value) = self.0.remove(at);
        if self.0.iter().any(|(key, _)| key == name) {
            return Err(Refusal::invalid(format!("the parameter `{name}` is given twice")));
        }
        Ok(Some(value))
    }

    /// Takes a whole number out that has to lie between these.
    pub(super) fn number(
        &mut self,
        name: &str,
        least: u64,
        most: u64,
    ) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.take(name)? else { return Ok(None) };
        let number = text.parse().ok().filter(|n| (least..=most).contains(n));
        number.map(Some).ok_or_else(|| {
            Refusal::invalid(format!(
                "`{name}` has to be a whole number from {least} to {most}, and is `{text}`"
            ))
        })
    }

    /// What was not taken.
    pub(super) fn rest(self) -> Vec<(String, String)> {
        self.0
    }

    /// Refuses what was not taken; `known` are the parameters of the route.
    pub(super) fn finish(self, known: &[&str]) -> Result<(), Refusal> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) if known.is_empty() => {
                Err(Refusal::invalid(format!("there is no parameter `{name}` here, nor any other")))
            }
            Some((name, _)) => Err(Refusal::invalid(format!(
                "there is no parameter `{name}` here; there are {}",
                known.join(", ")
            ))),
        }
    }
}

/// A JSON body. An empty one is an empty object, so that a request without a choice needs none.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Refusal> {
        read(&collect(request).await?).map(Self)
    }
}

async fn collect(request: Request) -> Result<Bytes, Refusal> {
    let body = Limited::new(request.into_body(), BODY).collect();
    match tokio::time::timeout(BODY_TIME, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            format!("a body has at most {BODY} bytes"),
        )),
        Ok(Err(error)) => Err(Refusal::invalid(format!("the body did not arrive whole: {error}"))),
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "body-too-slow",
            format!("the body did not arrive within {} seconds", BODY_TIME.as_secs()),
        )),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let place = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() && place != "." {
            Refusal::invalid(format!("in the body, `{place}`: {inner}"))
        } else if inner.is_data() {
            Refusal::invalid(format!("in the body: {inner}"))
        } else {
            Refusal::new(
                StatusCode::BAD_REQUEST,
                "malformed-json",
                format!("the body is not JSON: {inner}"),
            )
        }
    })?;
    reader.end().map_err(|error| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "malformed-json",
            format!("behind the body's JSON stands something else: {error}"),
        )
    })?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    proptest! {
        #[test]
        fn no_body_panics(bytes: Vec<u8>) {
            let _read = super::read::<Value>(&bytes);
            let _read = super::read::<crate::control::admin::CreateDevice>(&bytes);
        }
    }
}

//! Who may ask: the host that is asked for, and the token.
//!
//! A page in a browser can make a name of its own resolve to the loopback address, and then counts as the same origin;
//! therefore a control listener on a loopback address answers to loopback names only.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, HOST, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Method, StatusCode};

use super::error::Refusal;
use super::registry::Worlds;
use crate::explain::Explanations;

/// What all routes share.
#[derive(Debug)]
pub(super) struct Shared {
    token: Digest,
    loopback: bool,
    pub(super) worlds: Worlds,
    /// Made when somebody asks first, unless whoever started the listener gave better ones.
    explanations: Mutex<Option<Arc<Explanations>>>,
}

impl Shared {
    pub(super) fn new(token: &str, loopback: bool, worlds: Worlds) -> Self {
        Self {
            token: digest(&SHA256, token.as_bytes()),
            loopback,
            worlds,
            explanations: Mutex::default(),
        }
    }

    pub(super) fn set_explanations(&self, explanations: Explanations) {
        let mut held = self.explanations.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Some(Arc::new(explanations));
    }

    pub(super) fn explanations(&self) -> Arc<Explanations> {
        let mut held = self.explanations.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(held.get_or_insert_with(|| {
            let built_in = Explanations::built_in();
            Arc::new(built_in.unwrap_or_else(|missing| {
                tracing::error!(%missing, "the codes cannot be explained");
                Explanations::default()
            }))
        }))
    }

    /// Compares digests, so that neither the token's content nor its length shows in the time that it takes.
    fn knows(&self, token: &str) -> bool {
        let shown = digest(&SHA256, token.as_bytes());
        verify_slices_are_equal(self.token.as_ref(), shown.as_ref()).is_ok()
    }
}

/// Refuses other host names than the loopback's, and marks every answer as one that no cache keeps.
pub(super) async fn host(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let named = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let target = request.uri().authority().map(http::uri::Authority::as_str);
    let local = is_loopback(named) && target.is_none_or(is_loopback);
    let mut response = if shared.loopback && !local {
        let named = target.unwrap_or(named);
        Refusal::new(
            StatusCode::FORBIDDEN,
            "host-refused",
            format!(
                "this control listener answers to 127.0.0.1, [::1] and localhost only, not to `{named}`; start it on another address to reach it by other names"
            ),
        )
        .into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Refuses requests without the token.
pub(super) async fn token(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown
        .and_then(|value| value.split_once(' '))
        .and_then(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer").then_some(token.trim()));
    if !shown.is_some_and(|token| shared.knows(token)) {
        let message = match shown {
            None => "the control API wants its token: `Authorization: Bearer <token>`",
            Some(_) => "this is not the token of this control listener; each start draws a new one",
        };
        return Refusal::new(StatusCode::UNAUTHORIZED, "token-required", message).into_response();
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    // What changes something is carried through and journaled even when the client goes away.
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "panic",
            "this request met a mistake in linarite",
        )
        .into_response(),
    }
}

/// Whether a `Host` (with or without a port) is a name of this machine for itself.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok_and(|ip| ip.is_loopback()),
        None => name.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback()),
    }
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_names_of_the_machine_for_itself_are_loopback() {
        for host in
            ["127.0.0.1", "127.0.0.1:8400", "localhost:1", "LOCALHOST", "[::1]:80", "127.9.9.9"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.test",
            "evil.test:80",
            "127.0.0.1.evil.test",
            "10.0.0.1",
            "[::2]",
            "::1",
            "localhost.evil.test",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}

//! The federation server of a federated domain: metadata exchange, WS-Trust, sign-in by a browser, federation metadata.
//!
//! It stands at the host that the world file names as a domain's `sts`, signs in the users of the domains that name it,
//! and answers as AD FS does (section 9 of the device registration notes; FAQ A22 to A25). Integrated sign-in of a
//! domain computer or its user goes by a stand-in for Kerberos that only the emulated client makes ([`integrated`]).
//! Left out: sign-in with a certificate on the transport or in a browser, OAuth at the federation server, sign-out, SAML-P,
//! issued tokens, and the server's own device registration. Each is refused by name.

mod certificate;
#[cfg(test)]
mod certificate_tests;
mod endpoints;
mod fault;
mod integrated;
mod issue;
mod metadata;
mod mex;
mod names;
mod pages;
mod passive;
mod soap;
#[cfg(test)]
mod tests;
mod trust;

use axum::Router;
use axum::routing::{get, post};
use http::StatusCode;

use super::call::Call;
use super::reply::{Reply, with_body};
use crate::world::federation_settings::FederationEndpoint;
use fault::Refused;

/// The routes of the service.
pub fn router() -> Router {
    Router::new()
        .route("/", get(pages::front))
        .route("/adfs/services/trust/mex", get(exchange))
        .route("/adfs/services/trust/{version}/usernamemixed", post(trust::user_name))
        .route("/adfs/services/trust/{version}/windowstransport", post(trust::windows))
        .route("/adfs/services/trust/{version}/certificatemixed", post(trust::certificate))
        .route("/adfs/ls", get(passive::start).post(passive::submit))
        .route("/adfs/ls/", get(passive::start).post(passive::submit))
        .route("/federationmetadata/2007-06/federationmetadata.xml", get(metadata::metadata))
        .fallback(not_emulated)
        .method_not_allowed_fallback(not_emulated)
}

/// Reads a message as every endpoint would, for the fuzz target; what signed messages were signed with has no say here.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn read_request(body: &[u8]) {
    use crate::world::federation_settings::{TrustKind, TrustVersion};
    for version in TrustVersion::ALL {
        for kind in [TrustKind::UserName, TrustKind::Certificate] {
            let _read = soap::read(body, version, kind);
        }
    }
}

/// What is said of a body that was too long to be read. An endpoint of WS-Trust says it as a fault.
pub(super) fn too_large(call: &Call) -> Reply {
    let refused = Refused::wire("message-too-large");
    match trust::version(call) {
        Some(version) => refused.fault(call, version, None),
        None => refused.plain(call),
    }
}

async fn not_emulated(call: Call) -> Reply {
    let what = format!("{} {}", call.method, call.path);
    Refused::wire("federation-endpoint-unknown").with(what).plain(&call)
}

/// `GET /adfs/services/trust/mex`.
async fn exchange(call: Call) -> Reply {
    call.note("operation", "adfs.mex");
    let endpoints = endpoints::of_host(&call);
    if !endpoints.answers(&call, FederationEndpoint::Mex) {
        return Refused::wire("federation-endpoint-off").plain(&call);
    }
    let (endpoints, defect) = endpoints.shown(&call);
    let base = call.url(&call.link.host, "/");
    let document = mex::document(base.trim_end_matches('/'), &endpoints);
    let (content_type, document) = mex::spoilt(document, defect);
    with_body(StatusCode::OK, content_type, document)
}

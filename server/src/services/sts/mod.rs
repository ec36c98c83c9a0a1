//! login.microsoftonline.com and its twins: sign-in.
//!
//! Discovery, user realm, the token endpoints of both versions, the authorization endpoint behind a plain form, the way to
//! a federation server and back, nonces, and primary refresh tokens (MS-OAPXBC, protocols 2.2 and 3.0). Section numbers in the modules are those of the device
//! registration notes.
//! Left out: device code, client certificates, on-behalf-of, protocol 4.0, single sign-on
//! by session cookies. Each is refused by name.

mod application;
mod authorize;
mod claims;
mod computer;
mod device_token;
mod discovery;
mod grants;
mod issue;
mod pages;
mod passive;
mod prt;
mod realm;
mod refuse;
mod request;
mod saml;
mod second_factor;
mod token;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::routing::{get, post};
use http::StatusCode;

use super::call::Call;
use super::reply::{Reply, page};
use refuse::Refused;

/// The routes of the service.
pub fn router() -> Router {
    Router::new()
        .route("/", get(async || page(StatusCode::OK, pages::front())))
        .route("/{tenant}/.well-known/openid-configuration", get(discovery::openid))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(discovery::openid))
        .route("/{tenant}/discovery/keys", get(discovery::keys))
        .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
        .route("/{tenant}/discovery/instance", get(discovery::instance))
        .route("/{tenant}/userrealm/{upn}", get(realm::realm))
        .route("/getuserrealm.srf", get(realm::srf).post(realm::srf))
        .route("/{tenant}/oauth2/token", post(token::token))
        .route("/{tenant}/oauth2/v2.0/token", post(token::token))
        .route("/{tenant}/oauth2/authorize", get(authorize::start))
        .route("/{tenant}/oauth2/v2.0/authorize", get(authorize::start))
        .route("/{tenant}/oauth2/logout", get(async || page(StatusCode::OK, pages::signed_out())))
        .route(
            "/{tenant}/oauth2/v2.0/logout",
            get(async || page(StatusCode::OK, pages::signed_out())),
        )
        .route("/{tenant}/login", post(authorize::submit))
        .route("/login.srf", post(passive::returned))
        .fallback(not_emulated)
        .method_not_allowed_fallback(not_emulated)
}

/// Reads the payload of a signed request, for the fuzz target.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn read_request(jws: &crate::keys::jose::Jws) {
    let _read = jws.payload_json::<prt::Request>();
}

/// What is said of a body that was too long to be read.
pub(super) fn too_large(call: &Call) -> Reply {
    Refused::wire("body-too-large").reply(call)
}

async fn not_emulated(call: Call) -> Reply {
    let what = format!("{} {}", call.method, call.path);
    Refused::wire("endpoint-unknown").with("name", what).reply(&call)
}

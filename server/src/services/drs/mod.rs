//! enterpriseregistration.windows.net: device registration.
//!
//! Discovery and contract (MS-DVRD and its successor), join and register (MS-DVRJ, the service's dialect), hybrid join,
//! delete by mutual TLS, SOAP enrolment of older systems (MS-DVRE), nonce, Windows Hello keys (MS-KPP). Section numbers in the modules are those of the device
//! registration notes.
//! Left out: precreation, WebAuthn, password policy, management; each is refused by name.

mod delete;
mod discovery;
mod enrolment;
mod envelope;
mod hello;
mod join;
mod refuse;
mod vouched;

use axum::Router;
use axum::routing::{delete as on_delete, get, post};
use http::StatusCode;

use super::call::Call;
use super::reply::Reply;
use refuse::Refused;

/// Where older systems enrol.
const ENROLMENT: &str = "/enrollmentserver/deviceenrollmentwebservice.svc";

/// The routes of the service.
pub fn router() -> Router {
    Router::new()
        .route("/enrollmentserver/contract", get(discovery::contract))
        .route("/{tenant}/discover", get(discovery::discover))
        .route("/enrollmentserver/device", post(join::join))
        .route("/enrollmentserver/device/", post(join::join))
        .route("/enrollmentserver/device/{id}", on_delete(delete::delete).put(join::hybrid))
        .route("/enrollmentserver/device/{id}/", on_delete(delete::delete).put(join::hybrid))
        .route(ENROLMENT, post(enrolment::enrol))
        .route("/enrollmentserver/nonce/{tenant}", get(discovery::nonce))
        .route("/enrollmentserver/nonce/{tenant}/", get(discovery::nonce))
        .route("/enrollmentserver/key", post(hello::key))
        .route("/enrollmentserver/key/", post(hello::key))
        .fallback(not_emulated)
        .method_not_allowed_fallback(not_emulated)
}

/// What is said of a body that was too long to be read.
pub(super) fn too_large(call: &Call) -> Reply {
    let refused = Refused::wire("body-too-large");
    if !call.path.eq_ignore_ascii_case(ENROLMENT) {
        return refused.reply(call);
    }
    let mut reply = enrolment::fault(call, &refused);
    *reply.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
    reply
}

/// What is said of a change while the directory is read-only.
pub(super) fn read_only(call: &Call) -> Reply {
    let refused = Refused::wire("directory-read-only");
    if call.path.eq_ignore_ascii_case(ENROLMENT) {
        enrolment::fault(call, &refused)
    } else {
        refused.reply(call)
    }
}

async fn not_emulated(call: Call) -> Reply {
    let what = format!("{} {}", call.method, call.path);
    Refused::wire("endpoint-unknown").with("name", what).reply(&call)
}

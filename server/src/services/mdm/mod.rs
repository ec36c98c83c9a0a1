//! enrollment.manage.microsoft.com and portal.manage.microsoft.com: enrolment in device management.
//!
//! MS-MDE2 (discovery), MS-XCEP (policy) and MS-WSTEP (enrolment) in SOAP 1.2, and the page with the terms of use; section
//! 13 of the device registration notes, FAQ A26. The device has joined before it comes here; when it is refused, the record
//! of the join stays and is neither managed nor compliant.
//! Left out: managing the device afterwards (OMA-DM), renewal of its management certificate, discovery in JSON, and
//! enrolment that is not for the cloud directory's own users. Paths of the policy and the enrolment endpoint are assumed:
//! clients learn them from discovery.

mod discovery;
mod enrol;
mod fault;
mod pages;
mod policy;
mod terms;

use axum::Router;
use axum::routing::{get, post};
use http::StatusCode;

use super::call::Call;
use super::reply::Reply;
use fault::Refused;

/// What tokens for this service are for.
pub(super) const AUDIENCES: [&str; 2] =
    ["https://enrollment.manage.microsoft.com", "d4ebce55-015a-49b5-a083-c84d1797ae8c"];
/// Where the policy is.
const POLICY: &str = "/enrollmentserver/policy.svc";
/// Where devices enrol.
const ENROL: &str = "/enrollmentserver/enrollment.svc";

/// The routes of the service.
pub fn router() -> Router {
    Router::new()
        .route("/", get(pages::front))
        .route("/enrollmentserver/discovery.svc", get(discovery::probe).post(discovery::discover))
        .route(POLICY, post(policy::policy))
        .route(ENROL, post(enrol::enrol))
        .route("/termsofuse.aspx", get(terms::show).post(terms::answer))
        .fallback(not_emulated)
        .method_not_allowed_fallback(not_emulated)
}

/// What is said of a body that was too long to be read: a page says it to people, a fault to devices.
pub(super) fn too_large(call: &Call) -> Reply {
    let refused = Refused::wire("enrol-message-too-large");
    let service = call.path.to_ascii_lowercase().ends_with(".svc");
    let mut reply = if service { refused.fault(call, None) } else { refused.plain(call) };
    *reply.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
    reply
}

/// What is said of an enrolment while the directory is read-only.
pub(super) fn read_only(call: &Call) -> Reply {
    Refused::wire("directory-read-only").fault(call, None)
}

async fn not_emulated(call: Call) -> Reply {
    let what = format!("{} {}", call.method, call.path);
    Refused::wire("enrol-endpoint-unknown").with(what).plain(&call)
}
